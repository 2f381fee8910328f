//! The parameters in the environment: which verb wants which, and what each may look like.
//!
//! All problems are collected, because error 4 has to name every offending variable.

use crate::{
    catalogue::Fault,
    fault::Faults,
    protocol::{Failure, code},
};

/// What the runtime asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Add,
    Del,
    Check,
    Status,
    Gc,
    Version,
}

impl Verb {
    const ALL: [Self; 6] = [
        Self::Add,
        Self::Del,
        Self::Check,
        Self::Status,
        Self::Gc,
        Self::Version,
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == name)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Status => "STATUS",
            Self::Gc => "GC",
            Self::Version => "VERSION",
        }
    }

    fn needs_attachment(self) -> bool {
        matches!(self, Self::Add | Self::Del | Self::Check)
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The attachment that ADD, DEL and CHECK are about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attachment {
    pub(crate) container_id: String,
    pub(crate) ifname: String,
    /// CNI_NETNS as given; never empty.
    pub(crate) netns: Option<String>,
}

impl Attachment {
    /// The path of the container's namespace, which ADD and CHECK always have.
    pub(crate) fn netns(&self) -> &str {
        self.netns.as_deref().unwrap_or_default()
    }
}

/// The environment, checked.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) verb: Verb,
    pub(crate) attachment: Attachment,
}

/// Reads one variable; an empty one is the same as none, because runtimes set all six whatever the verb.
pub(crate) fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    (!value.is_empty()).then(|| value.to_string_lossy().into_owned())
}

/// Reads and checks what the verb needs.
pub(crate) fn read(faults: Faults) -> Result<Environment, Failure> {
    let mut problems = Problems::default();
    let verb = read_verb(faults, &mut problems);
    if faults.has(Fault::ExtraEnvRejected) {
        reject_unknown_variables(&mut problems);
    }
    let mut attachment = Attachment::default();
    let wanted = verb.is_some_and(Verb::needs_attachment)
        || faults.has(Fault::StatusGcNeedAttachment) && verb != Some(Verb::Version)
        || faults.has(Fault::VersionChecksEnv);
    if wanted {
        attachment = read_attachment(verb, faults, &mut problems);
    }
    if faults.has(Fault::ArgsRequired)
        && verb.is_some_and(Verb::needs_attachment)
        && variable("CNI_ARGS").is_none()
    {
        problems.add("CNI_ARGS is missing");
    }
    if faults.has(Fault::ArgsStrict)
        && variable("CNI_ARGS").is_some_and(|args| !args.starts_with("IP="))
    {
        problems.add("CNI_ARGS has an unknown key");
    }
    if faults.has(Fault::PathRequired)
        && verb != Some(Verb::Version)
        && variable("CNI_PATH").is_none()
    {
        problems.add("CNI_PATH is missing");
    }
    match verb {
        Some(verb) if problems.0.is_empty() => Ok(Environment { verb, attachment }),
        _ => Err(problems.into_failure(faults)),
    }
}

fn read_verb(faults: Faults, problems: &mut Problems) -> Option<Verb> {
    let Some(name) = variable("CNI_COMMAND") else {
        if faults.has(Fault::DefaultVerbAdd) {
            return Some(Verb::Add);
        }
        problems.add("CNI_COMMAND is missing");
        return None;
    };
    let name = if faults.has(Fault::LowercaseVerb) {
        name.to_uppercase()
    } else {
        name
    };
    let verb = Verb::named(&name);
    let unimplemented =
        matches!(verb, Some(Verb::Status | Verb::Gc)) && faults.has(Fault::StatusGcUnimplemented);
    if verb.is_none() || unimplemented {
        problems.add(format!(
            "CNI_COMMAND={name:?} is none of ADD, DEL, CHECK, STATUS, GC, VERSION"
        ));
        return None;
    }
    verb
}

fn read_attachment(verb: Option<Verb>, faults: Faults, problems: &mut Problems) -> Attachment {
    let container_id = variable("CNI_CONTAINERID").or_else(|| {
        faults
            .has(Fault::RandomId)
            .then(|| format!("random-{}", std::process::id()))
    });
    match &container_id {
        None => problems.add("CNI_CONTAINERID is missing"),
        Some(id) if !is_identifier(id) && !faults.has(Fault::ContainerIdUnchecked) => {
            problems.add(format!("CNI_CONTAINERID={id:?} is not a letter or digit followed by letters, digits, '_', '.', '-'"));
        }
        Some(_) => {}
    }
    let mut ifname = variable("CNI_IFNAME").or_else(|| default_ifname(verb, faults));
    if faults.has(Fault::TruncateIfname) {
        ifname = ifname.map(|name| name.chars().take(15).collect());
    }
    match &ifname {
        None => problems.add("CNI_IFNAME is missing"),
        Some(name) if !is_interface_name(name) && !faults.has(Fault::IfnameUnchecked) => {
            problems.add(format!("CNI_IFNAME={name:?} is not an interface name (1 to 15 bytes, no '/', ':' or white space)"));
        }
        Some(_) => {}
    }
    let mut netns = variable("CNI_NETNS");
    if netns.is_none() && faults.has(Fault::OwnNetnsDefault) {
        netns = Some("/proc/thread-self/ns/net".to_owned());
    }
    if netns.is_none() && (verb != Some(Verb::Del) || faults.has(Fault::DelNeedsNetns)) {
        problems.add("CNI_NETNS is missing");
    }
    if faults.has(Fault::NetnsNamedOnly)
        && netns
            .as_ref()
            .is_some_and(|path| !path.contains("/run/netns/"))
    {
        problems.add("CNI_NETNS is not below /run/netns");
    }
    Attachment {
        container_id: container_id.unwrap_or_default(),
        ifname: ifname.unwrap_or_default(),
        netns,
    }
}

fn default_ifname(verb: Option<Verb>, faults: Faults) -> Option<String> {
    let defaulted = match verb? {
        Verb::Add => faults.has(Fault::AddDefaultIfname),
        Verb::Del => faults.has(Fault::DelDefaultIfname),
        Verb::Check => faults.has(Fault::CheckDefaultIfname),
        _ => false,
    };
    defaulted.then(|| "eth0".to_owned())
}

fn reject_unknown_variables(problems: &mut Problems) {
    const KNOWN: [&str; 6] = [
        "CNI_COMMAND",
        "CNI_CONTAINERID",
        "CNI_NETNS",
        "CNI_IFNAME",
        "CNI_ARGS",
        "CNI_PATH",
    ];
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CNI_") && !KNOWN.contains(&name.as_ref()) {
            problems.add(format!("{name} is unknown"));
        }
    }
}

/// The grammar of container IDs and network names from 1.0.0 on.
pub(crate) fn is_identifier(text: &str) -> bool {
    let starts = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    starts
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// What the kernel takes as an interface name, less what only looks like one.
fn is_interface_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= 15
        && !name.chars().any(|character| {
            matches!(character, '/' | ':') || character.is_whitespace() || character.is_control()
        })
}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    fn into_failure(mut self, faults: Faults) -> Failure {
        if faults.has(Fault::FirstMissingOnly) {
            self.0.truncate(1);
        }
        if faults.has(Fault::NamelessCode4) {
            return Failure::new(code::ENVIRONMENT, "the environment is incomplete");
        }
        Failure::new(code::ENVIRONMENT, self.0.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_follow_the_grammar_of_1_0_0() {
        for good in ["a", "A_b.c-9", "0", &"f".repeat(200)] {
            assert!(is_identifier(good), "{good}");
        }
        for bad in [
            "", "-a", "_a", ".a", "a b", "a/b", "../x", "é", "a\n", "a%b",
        ] {
            assert!(!is_identifier(bad), "{bad}");
        }
    }

    #[test]
    fn interface_names_are_what_linux_takes() {
        for good in ["eth0", "a", "a-b_c.d", "abcdefghijklmno"] {
            assert!(is_interface_name(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a:b",
            "a b",
            "a\t",
            "eth0\n",
            "a\u{a0}",
            "abcdefghijklmnop",
            "éééééééé",
        ] {
            assert!(!is_interface_name(bad), "{bad}");
        }
    }
}
