//! The network configuration of a request, as the runtime writes it to stdin.
//!
//! Version and name are checked when it is read; everything else is decoded when somebody asks, so that DEL
//! is not stopped by what only ADD needs. The bytes are kept, since a delegate gets all of
//! them. Keys of a plugin's own are read through [`NetworkConfig::root`].

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::identifier::{Attachment, NetworkName};
use crate::json::{Element, JsonError, Object, get_folded, parse_object};
use crate::result::{AddResult, Dns, ResultError};
use crate::version::Version;

const VALID_ATTACHMENTS: &str = "cni.dev/valid-attachments";
/// The name of the key in the tagged text of 1.1.0; libcni sends both.
const OLD_VALID_ATTACHMENTS: &str = "cni.dev/attachments";

/// The configuration of one request.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    version: Version,
    name: NetworkName,
    document: Document,
}

/// A decoded configuration of which nothing is checked yet, with its bytes.
#[derive(Debug, Clone)]
pub struct Document {
    bytes: Vec<u8>,
    map: Map<String, Value>,
}

/// What GC is told about the attachments that are still in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValidAttachments {
    /// The key is missing, which libcni does when it is called without a list.
    Absent,
    /// The key is null, which libcni makes of an empty Go slice.
    Null,
    /// A list, possibly empty. Everything else may go.
    Listed(BTreeSet<Attachment>),
}

impl Document {
    /// Decodes exactly one JSON object.
    ///
    /// # Errors
    /// When the bytes are no JSON or no object.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, JsonError> {
        let map = parse_object("network configuration", &bytes)?;
        Ok(Self { bytes, map })
    }

    /// The value of `cniVersion`.
    #[must_use]
    pub fn version(&self) -> Option<&Value> {
        get_folded(&self.map, "cniVersion")
    }
}

impl NetworkConfig {
    /// Reads a configuration in one of the `supported` versions.
    ///
    /// # Errors
    /// When the bytes are no JSON object, or version or name are wrong.
    pub fn parse(bytes: Vec<u8>, supported: &[Version]) -> Result<Self, Error> {
        let document = Document::parse(bytes)?;
        let version = Version::from_value(document.version(), supported)?;
        Ok(Self::new(document, version)?)
    }

    /// Checks the network's name in a document whose version is known.
    ///
    /// # Errors
    /// When `name` is missing, no string, or outside its grammar.
    pub fn new(document: Document, version: Version) -> Result<Self, JsonError> {
        let name = Object::root(&document.map).parse("name")?;
        Ok(Self {
            version,
            name,
            document,
        })
    }

    /// The version of the request, and so of the result.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The name of the network.
    #[must_use]
    pub const fn name(&self) -> &NetworkName {
        &self.name
    }

    /// The whole configuration, for the plugin's own keys.
    #[must_use]
    pub fn root(&self) -> Object<'_> {
        Object::root(&self.document.map)
    }

    /// The bytes as they came, for a delegate.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.document.bytes
    }

    /// `type`, the name of the plugin that was asked for.
    ///
    /// # Errors
    /// When it is no string.
    pub fn plugin_type(&self) -> Result<Option<&str>, JsonError> {
        self.root().non_empty_string("type")
    }

    /// `ipam`.
    ///
    /// # Errors
    /// When it is no object.
    pub fn ipam(&self) -> Result<Option<Object<'_>>, JsonError> {
        self.root().optional_object("ipam")
    }

    /// `ipam.type`, the delegate for addresses; empty counts as absent.
    ///
    /// # Errors
    /// When `ipam` is no object or `ipam.type` no string.
    pub fn ipam_type(&self) -> Result<Option<&str>, JsonError> {
        self.ipam()?
            .map_or(Ok(None), |ipam| ipam.non_empty_string("type"))
    }

    /// `runtimeConfig`, the arguments of the capabilities.
    ///
    /// # Errors
    /// When it is no object.
    pub fn runtime_config(&self) -> Result<Option<Object<'_>>, JsonError> {
        self.root().optional_object("runtimeConfig")
    }

    /// `args.cni`, which outranks `CNI_ARGS`.
    ///
    /// # Errors
    /// When `args` or `args.cni` are no objects.
    pub fn cni_args(&self) -> Result<Option<Object<'_>>, JsonError> {
        self.root()
            .optional_object("args")?
            .map_or(Ok(None), |args| args.optional_object("cni"))
    }

    /// `dns`; empty when absent.
    ///
    /// # Errors
    /// When a key in it is of the wrong type.
    pub fn dns(&self) -> Result<Dns, JsonError> {
        let object = self.root().optional_object("dns")?;
        Ok(object
            .map(|object| Dns::from_object(&object))
            .transpose()?
            .unwrap_or_default())
    }

    /// `prevResult`; `None` when absent or null.
    ///
    /// # Errors
    /// When it is no result of the request's version family.
    pub fn prev_result(&self) -> Result<Option<AddResult>, ResultError> {
        let value = self.raw_prev_result();
        value
            .map(|value| AddResult::from_prev_result(value, self.version))
            .transpose()
    }

    /// `prevResult` as it came.
    #[must_use]
    pub fn raw_prev_result(&self) -> Option<&Value> {
        get_folded(&self.document.map, "prevResult")
    }

    /// `cni.dev/valid-attachments`, or the same under its older name when the newer has no list.
    ///
    /// # Errors
    /// When it is no list of valid attachments: a wrong entry must not make its attachment look unused.
    pub fn valid_attachments(&self) -> Result<ValidAttachments, JsonError> {
        let root = self.root();
        let given = root
            .get(VALID_ATTACHMENTS)
            .or_else(|| root.get(OLD_VALID_ATTACHMENTS));
        if let Some(list) = given {
            return Ok(ValidAttachments::Listed(
                list.array()?
                    .iter()
                    .map(attachment)
                    .collect::<Result<_, _>>()?,
            ));
        }
        let null = root.contains(VALID_ATTACHMENTS) || root.contains(OLD_VALID_ATTACHMENTS);
        Ok(if null {
            ValidAttachments::Null
        } else {
            ValidAttachments::Absent
        })
    }
}

impl ValidAttachments {
    /// The list, if there is one. Without a list nothing is removed: deleting everything on a guess is worse than a leak.
    #[must_use]
    pub const fn listed(&self) -> Option<&BTreeSet<Attachment>> {
        match self {
            Self::Listed(list) => Some(list),
            Self::Absent | Self::Null => None,
        }
    }

    /// Whether an attachment has to stay; without a list each has.
    #[must_use]
    pub fn keeps(&self, attachment: &Attachment) -> bool {
        self.listed().is_none_or(|list| list.contains(attachment))
    }
}

fn attachment(entry: &Element<'_>) -> Result<Attachment, JsonError> {
    let object = entry.object()?;
    Ok(Attachment {
        container_id: object.parse("containerID")?,
        ifname: object.parse("ifname")?,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::error::ErrorCode;

    fn config(value: &Value) -> Result<NetworkConfig, Error> {
        NetworkConfig::parse(value.to_string().into_bytes(), &Version::ALL)
    }

    fn with(key: &str, value: Value) -> NetworkConfig {
        let mut document = json!({"cniVersion": "1.1.0", "name": "n", "type": "t"});
        document[key] = value;
        config(&document).unwrap()
    }

    #[test]
    fn keys_match_whatever_their_case() {
        let read = config(
            &json!({"CNIVersion": "0.4.0", "NAME": "n", "Type": "t", "IPAM": {"TYPE": "x"}}),
        )
        .unwrap();
        assert_eq!(
            (read.version(), read.name().as_str()),
            (Version::V0_4_0, "n")
        );
        assert_eq!(
            (read.plugin_type(), read.ipam_type()),
            (Ok(Some("t")), Ok(Some("x")))
        );
    }

    #[rstest]
    #[case(b"", 6, "it is empty")]
    #[case(b" \n", 6, "it is empty")]
    #[case(b"{", 6, "EOF")]
    #[case(b"{}{}", 6, "trailing characters")]
    #[case(b"null", 6, "got null")]
    #[case(b"[]", 6, "got a list")]
    #[case(b"\"x\"", 6, "got string \"x\"")]
    #[case(
        b"{\"cniVersion\":1.1}",
        6,
        "cniVersion: expected a string, got number 1.1"
    )]
    #[case(b"{\"cniVersion\":\"1.1\"}", 1, "\"1.1\"")]
    #[case(b"{\"cniVersion\":\"1.1.0\"}", 7, "name: missing")]
    #[case(b"{\"cniVersion\":\"1.1.0\",\"name\":null}", 7, "name: missing")]
    #[case(
        b"{\"cniVersion\":\"1.1.0\",\"name\":7}",
        6,
        "name: expected a string, got number 7"
    )]
    #[case(
        b"{\"cniVersion\":\"1.1.0\",\"name\":\"\"}",
        7,
        "name: invalid value \"\": is empty"
    )]
    #[case(
        b"{\"cniVersion\":\"1.1.0\",\"name\":\"../x\"}",
        7,
        "name: invalid value \"../x\""
    )]
    fn an_unusable_document_is_refused_with_code_key_and_value(
        #[case] bytes: &[u8],
        #[case] code: u64,
        #[case] text: &str,
    ) {
        let error = NetworkConfig::parse(bytes.to_vec(), &Version::ALL).unwrap_err();
        assert_eq!(error.code().number(), code, "{error}");
        assert!(error.msg().contains(text), "{error}");
    }

    #[test]
    fn endless_nesting_is_an_error_and_no_crash() {
        let error = NetworkConfig::parse(b"{\"a\":".repeat(100_000), &Version::ALL).unwrap_err();
        assert_eq!(error.code(), ErrorCode::DecodingFailure);
    }

    #[test]
    fn optional_sections_are_absent_when_null() {
        let read = config(
            &json!({"name": "n", "ipam": null, "dns": null, "runtimeConfig": null, "args": null, "prevResult": null}),
        );
        let read = read.unwrap();
        assert_eq!(read.version(), Version::V0_1_0);
        assert!(read.ipam().unwrap().is_none() && read.runtime_config().unwrap().is_none());
        assert!(read.cni_args().unwrap().is_none() && read.dns().unwrap().is_empty());
        assert_eq!((read.ipam_type(), read.prev_result()), (Ok(None), Ok(None)));
    }

    #[test]
    fn args_and_dns_are_read() {
        let read = with("args", json!({"cni": {"ips": ["10.0.0.1"]}, "other": 7}));
        assert_eq!(
            read.cni_args().unwrap().unwrap().strings("ips"),
            Ok(vec!["10.0.0.1"])
        );
        assert_eq!(
            with("dns", json!({"domain": "d"}))
                .dns()
                .unwrap()
                .domain
                .as_deref(),
            Some("d")
        );
        let error = with("dns", json!({"search": ["a", 7]})).dns().unwrap_err();
        assert_eq!(
            error.to_string(),
            "dns.search[1]: expected a string, got number 7"
        );
    }

    fn listed(entries: &[(&str, &str)]) -> ValidAttachments {
        let attachment = |(id, ifname): &(&str, &str)| Attachment {
            container_id: id.parse().unwrap(),
            ifname: ifname.parse().unwrap(),
        };
        ValidAttachments::Listed(entries.iter().map(attachment).collect())
    }

    #[rstest]
    #[case(json!({}), ValidAttachments::Absent)]
    #[case(json!({"cni.dev/valid-attachments": null}), ValidAttachments::Null)]
    #[case(json!({"cni.dev/attachments": null}), ValidAttachments::Null)]
    #[case(json!({"cni.dev/valid-attachments": []}), listed(&[]))]
    #[case(json!({"cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}]}), listed(&[("c1", "eth0")]))]
    #[case(json!({"cni.dev/attachments": [{"containerID": "c1", "ifname": "eth0"}]}), listed(&[("c1", "eth0")]))]
    #[case(json!({"cni.dev/valid-attachments": [], "cni.dev/attachments": [{"containerID": "c1", "ifname": "eth0"}]}), listed(&[]))]
    fn absent_null_and_empty_attachment_lists_differ(
        #[case] keys: Value,
        #[case] expected: ValidAttachments,
    ) {
        let mut document = json!({"cniVersion": "1.1.0", "name": "n"});
        document
            .as_object_mut()
            .unwrap()
            .extend(keys.as_object().unwrap().clone());
        assert_eq!(config(&document).unwrap().valid_attachments(), Ok(expected));
    }

    #[test]
    fn a_wrong_entry_stops_garbage_collection() {
        let error = with(
            "cni.dev/valid-attachments",
            json!([{"containerID": "c1", "ifname": "eth0"}, {"containerID": "c2"}]),
        );
        let error = error.valid_attachments().unwrap_err();
        assert_eq!(
            error.to_string(),
            "cni.dev/valid-attachments[1].ifname: missing; give a string"
        );
    }

    #[test]
    fn without_a_list_every_attachment_is_kept() {
        let one = Attachment {
            container_id: "c1".parse().unwrap(),
            ifname: "eth0".parse().unwrap(),
        };
        assert!(ValidAttachments::Absent.keeps(&one) && ValidAttachments::Null.keeps(&one));
        assert!(listed(&[("c1", "eth0")]).keeps(&one));
        assert!(!listed(&[("c11", "eth0"), ("c1", "eth1")]).keeps(&one));
    }

    #[rstest]
    #[case("1.1.0", json!({"ips": [{"address": "10.0.0.2/24"}]}), None)]
    #[case("1.1.0", json!({"cniVersion": "", "ips": []}), None)]
    #[case("1.1.0", json!({"cniVersion": "1.0.0"}), None)]
    #[case("0.3.1", json!({"CNIVersion": "0.4.0"}), None)]
    #[case("1.1.0", json!({"cniVersion": "0.4.0"}), Some("prevResult.cniVersion: 0.4.0 is of another shape than the request's 1.1.0"))]
    #[case("0.4.0", json!({"ip4": {"ip": "10.0.0.2/24"}}), Some("prevResult.ip4: no such key in a result of 0.4.0"))]
    #[case("1.1.0", json!({"cniVersion": "9.9.9"}), Some("\"9.9.9\" is not supported"))]
    #[case("1.1.0", json!({"ips": "x"}), Some("prevResult: ips: expected a list, got string \"x\""))]
    #[case("1.1.0", json!([]), Some("prevResult: the document: expected an object, got a list"))]
    fn prev_result_is_read_in_the_requests_family(
        #[case] version: &str,
        #[case] value: Value,
        #[case] error: Option<&str>,
    ) {
        let read =
            config(&json!({"cniVersion": version, "name": "n", "prevResult": value})).unwrap();
        match (read.prev_result(), error) {
            (Ok(Some(_)), None) => {}
            (Err(found), Some(text)) => assert!(found.to_string().contains(text), "{found}"),
            (found, _) => panic!("{found:?}"),
        }
    }
}
