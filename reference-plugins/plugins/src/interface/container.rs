//! The container's network namespace, as `CNI_NETNS` names it.
//!
//! A path of the form `/proc/PID/ns/net` may belong to another process by the time of DEL. Once it leads to the
//! plugin's own namespace (kubernetes#100648: `lo` of the host was taken down), nothing in there is the container's.

use std::path::Path;

use cni_kernel::netns::{Error as NetnsError, Netns};
use cni_protocol::{Error, ErrorCode, environment::Variables};

use crate::failure::OrFailed;

/// Whether the plugin's own namespace can be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnNamespace {
    /// It can't.
    Refused,
    /// It can, since `CNI_NETNS_OVERRIDE` says so.
    Allowed,
}

/// Opens the namespace for ADD and CHECK, which need it.
pub(crate) fn open(path: &Path, own: OwnNamespace) -> Result<Netns, Error> {
    let netns = Netns::open(path).or_code(ErrorCode::InvalidEnvironment);
    let netns = netns.map_err(|error| named(&error))?;
    if own == OwnNamespace::Refused && is_own(&netns)? {
        let msg = format!(
            "CNI_NETNS: {path:?} is the network namespace of the plugin itself; it has to be the container's"
        );
        return Err(Error::new(ErrorCode::InvalidEnvironment, msg));
    }
    Ok(netns)
}

/// Opens the namespace for DEL; `None` when it is gone, which is what DEL wants.
pub(crate) fn open_for_removal(
    path: Option<&Path>,
    own: OwnNamespace,
) -> Result<Option<Netns>, Error> {
    let Some(path) = path else { return Ok(None) };
    let netns = match Netns::open(path) {
        Err(error) if error.is_gone() || matches!(error, NetnsError::NotNetwork { .. }) => {
            return Ok(None);
        }
        other => other
            .or_code(ErrorCode::InvalidEnvironment)
            .map_err(|error| named(&error))?,
    };
    if own == OwnNamespace::Refused && is_own(&netns)? {
        return Ok(None);
    }
    Ok(Some(netns))
}

/// Whether `path` leads to the namespace, be it by another name than `CNI_NETNS`.
pub(crate) fn is_path_of(path: &str, netns: &Netns) -> bool {
    netns.path().as_os_str() == path
        || Netns::open(path).is_ok_and(|other| other.identity() == netns.identity())
}

impl OwnNamespace {
    /// What `CNI_NETNS_OVERRIDE` says, as upstream reads it.
    pub(crate) fn from_variables(variables: &Variables) -> Self {
        let value = variables
            .get("CNI_NETNS_OVERRIDE")
            .and_then(|value| value.to_str());
        match value {
            Some(value) if value == "1" || value.eq_ignore_ascii_case("true") => Self::Allowed,
            _ => Self::Refused,
        }
    }
}

fn is_own(netns: &Netns) -> Result<bool, Error> {
    netns.is_current().or_failed()
}

fn named(error: &Error) -> Error {
    let named = Error::new(error.code(), format!("CNI_NETNS: {}", error.msg()));
    match error.details() {
        Some(details) => named.with_details(details),
        None => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "/proc/thread-self/ns/net";

    #[test]
    fn the_plugins_own_namespace_is_refused_and_for_del_it_counts_as_gone() {
        let error = open(Path::new(OWN), OwnNamespace::Refused).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidEnvironment);
        assert!(error.msg().contains("CNI_NETNS: \"/proc/thread"), "{error}");
        let gone = open_for_removal(Some(Path::new(OWN)), OwnNamespace::Refused).unwrap();
        assert!(gone.is_none());
        open(Path::new(OWN), OwnNamespace::Allowed).unwrap();
    }

    #[test]
    fn what_is_no_namespace_is_an_error_for_add_and_gone_for_del() {
        for path in ["/proc/self/ns/absent", "/proc/version", "/proc/self/ns/mnt"] {
            let error = open(Path::new(path), OwnNamespace::Refused).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidEnvironment);
            assert!(error.msg().starts_with("CNI_NETNS: "), "{error}");
            let gone = open_for_removal(Some(Path::new(path)), OwnNamespace::Refused).unwrap();
            assert!(gone.is_none(), "{path}");
        }
        assert!(
            open_for_removal(None, OwnNamespace::Refused)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn the_override_is_read_as_upstream_reads_it() {
        for (value, own) in [
            ("1", OwnNamespace::Allowed),
            ("True", OwnNamespace::Allowed),
            ("yes", OwnNamespace::Refused),
            ("", OwnNamespace::Refused),
        ] {
            let variables: Variables = [("CNI_NETNS_OVERRIDE", value)].into_iter().collect();
            assert_eq!(OwnNamespace::from_variables(&variables), own, "{value}");
        }
    }
}
