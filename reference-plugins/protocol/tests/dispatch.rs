//! The order of checks, versions and verbs, and what is printed, on a plugin that records its calls.

#![expect(
    clippy::unwrap_used,
    reason = "a failed expectation of a test helper is a failed test"
)]

use std::io::{self, Read};
use std::process::ExitCode;
use std::sync::Mutex;

use cni_protocol::{
    AddRequest, AddResult, CheckRequest, DelRequest, Error, GcRequest, IpConfig, Plugin,
    PrevResultOnCheck, Process, StatusRequest, Streams, ValidAttachments, Variables, Verb, Version,
    serve,
};
use rstest::rstest;
use serde_json::{Value, json};

struct Recorder {
    calls: Mutex<Vec<String>>,
    prev_result_on_check: PrevResultOnCheck,
    supported: &'static [Version],
}

impl Default for Recorder {
    fn default() -> Self {
        let supported = Version::since(Version::V0_1_0);
        Self {
            calls: Mutex::default(),
            prev_result_on_check: PrevResultOnCheck::Required,
            supported,
        }
    }
}

impl Recorder {
    fn note(&self, call: impl Into<String>) {
        self.calls.lock().unwrap().push(call.into());
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

impl Plugin for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn supported_versions(&self) -> &'static [Version] {
        self.supported
    }

    fn prev_result_on_check(&self) -> PrevResultOnCheck {
        self.prev_result_on_check
    }

    fn add(&self, request: &AddRequest<'_>) -> Result<AddResult, Error> {
        self.note("add");
        assert!(!request.config.root().bool("panic")?, "asked to panic");
        let mut result = request.prev_result.clone().unwrap_or_default();
        result
            .ips
            .push(IpConfig::new("10.0.0.2/24".parse().unwrap()));
        Ok(result)
    }

    fn check(&self, _: &CheckRequest<'_>) -> Result<(), Error> {
        self.note("check");
        Ok(())
    }

    fn del(&self, request: &DelRequest<'_>) -> Result<(), Error> {
        self.note("del");
        if request.config.root().bool("ask")? {
            self.note(format!("prevResult {}", request.prev_result().is_some()));
        }
        Ok(())
    }

    fn status(&self, _: &StatusRequest<'_>) -> Result<(), Error> {
        self.note("status");
        Ok(())
    }

    fn gc(&self, request: &GcRequest<'_>) -> Result<(), Error> {
        self.note("gc");
        if request.valid_attachments == ValidAttachments::Null {
            self.note("null");
        }
        Ok(())
    }
}

struct Outcome {
    code: ExitCode,
    stdout: String,
}

impl Outcome {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    fn succeeded(&self) -> bool {
        // ExitCode has no equality.
        format!("{:?}", self.code) == format!("{:?}", ExitCode::SUCCESS)
    }

    #[track_caller]
    fn fails_with(&self, code: u64, text: &str) {
        assert!(!self.succeeded(), "{}", self.stdout);
        let error = self.json();
        assert_eq!(error["code"], code, "{error}");
        assert!(error["msg"].as_str().unwrap().contains(text), "{error}");
    }
}

fn call_reading(plugin: &dyn Plugin, verb: &str, stdin: &mut dyn Read) -> Outcome {
    let variables: Variables = [
        ("CNI_COMMAND", verb),
        ("CNI_CONTAINERID", "c1"),
        ("CNI_NETNS", "/none"),
        ("CNI_IFNAME", "eth0"),
    ]
    .into_iter()
    .collect();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let streams = Streams {
        stdin,
        stdout: &mut stdout,
        stderr: &mut stderr,
    };
    let code = serve(
        plugin,
        &Process {
            variables,
            registry: None,
        },
        streams,
    );
    Outcome {
        code,
        stdout: String::from_utf8(stdout).unwrap(),
    }
}

fn call(plugin: &dyn Plugin, verb: &str, stdin: &str) -> Outcome {
    call_reading(plugin, verb, &mut stdin.as_bytes())
}

fn request(version: &str) -> Value {
    json!({"cniVersion": version, "name": "n", "prevResult": {}})
}

#[rstest]
fn every_version_gets_each_operation_from_its_introduction_on(
    #[values("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")] version: &str,
    #[values("ADD", "DEL", "CHECK", "STATUS", "GC")] verb: &str,
) {
    let plugin = Recorder::default();
    let outcome = call(&plugin, verb, &request(version).to_string());
    if version.parse::<Version>().unwrap() < verb.parse::<Verb>().unwrap().introduced_in() {
        outcome.fails_with(1, version);
        assert_eq!(outcome.json()["cniVersion"], version);
        assert!(plugin.calls().is_empty());
        return;
    }
    assert!(outcome.succeeded(), "{}", outcome.stdout);
    assert_eq!(plugin.calls(), [verb.to_lowercase()]);
    if verb == "ADD" {
        assert_eq!(outcome.json()["cniVersion"], version);
        assert!(!outcome.stdout.ends_with('\n') && outcome.stdout.starts_with("{\n    \""));
    } else {
        assert_eq!(outcome.stdout, "");
    }
}

#[rstest]
#[case("", 6, "it is empty")]
#[case("{", 6, "decode network configuration")]
#[case("[]", 6, "got a list")]
#[case(r#"{"cniVersion": 1.1, "name": "n"}"#, 6, "number 1.1")]
#[case(r#"{"cniVersion": "9.9.9"}"#, 1, "9.9.9")]
#[case(r#"{"cniVersion": "1.1.0"}"#, 7, "name: missing")]
fn a_bad_configuration_never_reaches_the_plugin(
    #[case] stdin: &str,
    #[case] code: u64,
    #[case] text: &str,
) {
    for verb in ["ADD", "DEL", "CHECK", "STATUS", "GC"] {
        let plugin = Recorder::default();
        call(&plugin, verb, stdin).fails_with(code, text);
        assert!(plugin.calls().is_empty());
    }
}

#[test]
fn a_version_that_this_plugin_does_not_serve_is_incompatible() {
    let plugin = Recorder {
        supported: Version::since(Version::V0_3_0),
        ..Recorder::default()
    };
    call(&plugin, "ADD", &request("0.2.0").to_string()).fails_with(1, "supported: 0.3.0, 0.3.1");
    assert_eq!(
        call(&plugin, "VERSION", r#"{"cniVersion":"0.2.0"}"#).json()["cniVersion"],
        "1.1.0"
    );
}

#[rstest]
#[case("", "1.1.0")]
#[case("{}", "1.1.0")]
#[case("{", "1.1.0")]
#[case("[]", "1.1.0")]
#[case(r#"{"cniVersion": 7}"#, "1.1.0")]
#[case(r#"{"cniVersion": "9.9.9"}"#, "1.1.0")]
#[case(r#"{"cniVersion": "0.4.0"}"#, "0.4.0")]
#[case(r#"{"cniVersion": "1.0.0"}"#, "1.0.0")]
#[case(r#"{"cniVersion": "1.0.0", "name": 7}"#, "1.0.0")]
fn version_echoes_what_it_can_and_always_answers(#[case] stdin: &str, #[case] echoed: &str) {
    let outcome = call(&Recorder::default(), "VERSION", stdin);
    assert!(outcome.succeeded());
    let supported = json!([
        "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"
    ]);
    assert_eq!(
        outcome.json(),
        json!({"cniVersion": echoed, "supportedVersions": supported})
    );
    assert!(outcome.stdout.ends_with("}\n") && !outcome.stdout.contains("\n "));
}

/// Gives one document byte by byte, and fails the test when asked for more than that.
struct OpenPipe<'a>(&'a [u8]);

impl Read for OpenPipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (first, rest) = self
            .0
            .split_first()
            .expect("VERSION waits for the end of stdin");
        buffer[0] = *first;
        self.0 = rest;
        Ok(1)
    }
}

#[test]
fn version_does_not_wait_for_the_end_of_stdin() {
    let outcome = call_reading(
        &Recorder::default(),
        "VERSION",
        &mut OpenPipe(br#"{"cniVersion":"1.0.0"}"#),
    );
    assert_eq!(outcome.json()["cniVersion"], "1.0.0");
}

#[test]
fn check_without_prev_result_is_refused_unless_the_plugin_needs_none() {
    let stdin = json!({"cniVersion": "1.1.0", "name": "n"}).to_string();
    let plugin = Recorder::default();
    call(&plugin, "CHECK", &stdin).fails_with(7, "prevResult: missing");
    assert!(plugin.calls().is_empty());
    let plugin = Recorder {
        prev_result_on_check: PrevResultOnCheck::Optional,
        ..Recorder::default()
    };
    assert!(call(&plugin, "CHECK", &stdin).succeeded());
}

#[rstest]
#[case("ADD")]
#[case("CHECK")]
fn a_malformed_prev_result_stops_what_depends_on_it(#[case] verb: &str) {
    let plugin = Recorder::default();
    let stdin = json!({"cniVersion": "1.1.0", "name": "n", "prevResult": {"ips": 7}});
    call(&plugin, verb, &stdin.to_string())
        .fails_with(6, "prevResult: ips: expected a list, got number 7");
    assert!(plugin.calls().is_empty());
}

#[test]
fn a_malformed_prev_result_never_stops_del() {
    let plugin = Recorder::default();
    let mut stdin = json!({"cniVersion": "1.1.0", "name": "n", "prevResult": {"ips": 7}});
    assert!(call(&plugin, "DEL", &stdin.to_string()).succeeded());
    stdin["ask"] = json!(true);
    call(&plugin, "DEL", &stdin.to_string()).fails_with(6, "prevResult: ips");
    assert_eq!(plugin.calls(), ["del", "del", "prevResult false"]);
}

#[test]
fn a_null_attachment_list_reaches_gc_as_such() {
    let plugin = Recorder::default();
    let stdin = json!({"cniVersion": "1.1.0", "name": "n", "cni.dev/valid-attachments": null});
    assert!(call(&plugin, "GC", &stdin.to_string()).succeeded());
    assert_eq!(plugin.calls(), ["gc", "null"]);
    let stdin = json!({"cniVersion": "1.1.0", "name": "n", "cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "/"}]});
    call(&plugin, "GC", &stdin.to_string()).fails_with(
        7,
        "cni.dev/valid-attachments[0].ifname: invalid value \"/\"",
    );
}

#[test]
fn unknown_keys_of_prev_result_are_printed_again() {
    let stdin = json!({"cniVersion": "1.1.0", "name": "n", "prevResult": {"foreign": 1, "interfaces": [{"name": "a", "x": 2}]}});
    let result = call(&Recorder::default(), "ADD", &stdin.to_string()).json();
    assert_eq!(
        (&result["foreign"], &result["interfaces"][0]["x"]),
        (&json!(1), &json!(2))
    );
}

#[test]
fn a_panic_is_an_error_object() {
    let stdin = json!({"cniVersion": "0.4.0", "name": "n", "panic": true}).to_string();
    let outcome = call(&Recorder::default(), "ADD", &stdin);
    outcome.fails_with(101, "defect");
    assert_eq!(outcome.json()["cniVersion"], "0.4.0");
}

#[test]
fn an_unknown_operation_reads_nothing() {
    struct Untouched;
    impl Read for Untouched {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("stdin was read")
        }
    }
    call_reading(&Recorder::default(), "add", &mut Untouched).fails_with(4, "CNI_COMMAND: \"add\"");
}

#[test]
fn a_failing_stdin_is_an_io_failure() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unplugged"))
        }
    }
    let outcome = call_reading(&Recorder::default(), "ADD", &mut Failing);
    outcome.fails_with(5, "stdin");
    assert_eq!(outcome.json()["details"], "unplugged");
    assert!(call_reading(&Recorder::default(), "VERSION", &mut Failing).succeeded());
}
