//! Addresses that the runtime or the user asks for by name, and which range set each is for.
//!
//! Sources: `CNI_ARGS` `IP`, `args.cni.ips`, `runtimeConfig.ips`. All of them count, as in Go, except that
//! `args` outranks `CNI_ARGS` (CNI's CONVENTIONS.md).

use std::net::IpAddr;

use cni_protocol::{Args, Element, Error, ErrorCode, JsonError, NetworkConfig, Object};
use thiserror::Error;

use super::range_set::RangeSets;

/// An address that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requested {
    address: IpAddr,
    source: String,
}

/// A requested address that can't be given whatever is free.
#[derive(Debug, Error)]
pub(super) enum RequestedError {
    /// No range has it.
    #[error("{source_key}: requested address {address} is in no range: {ranges}")]
    Outside {
        source_key: String,
        address: IpAddr,
        ranges: String,
    },
    /// It is not given out.
    #[error(
        "{source_key}: requested address {address} is the {why} of its subnet in {set}; request another"
    )]
    Withheld {
        source_key: String,
        address: IpAddr,
        why: &'static str,
        set: String,
    },
    /// Two for one set.
    #[error(
        "{source_key}: requested address {address} is in {set} like {other}, and a range set gives one address; \
         request one of them or split the set"
    )]
    SecondOfSet {
        source_key: String,
        address: IpAddr,
        other: IpAddr,
        set: String,
    },
}

/// Reads all requested addresses; each counts once.
///
/// # Errors
/// When a value is no address, or `CNI_ARGS` is malformed.
pub(super) fn read(config: &NetworkConfig, args: &Args) -> Result<Vec<Requested>, Error> {
    let mut requested = Vec::new();
    let known = args.read(&["IP"])?;
    let from_args = list(config.cni_args()?)?;
    match known.get("IP") {
        Some(text) if from_args.is_empty() => {
            let address = parse(text).ok_or_else(|| {
                let msg = format!("CNI_ARGS: IP={text:?} is no IP address");
                Error::new(ErrorCode::InvalidEnvironment, msg)
            })?;
            let source = "CNI_ARGS IP".to_owned();
            requested.push(Requested { address, source });
        }
        _ => requested.extend(from_args),
    }
    for request in list(config.runtime_config()?)? {
        if !requested
            .iter()
            .any(|other| other.address == request.address)
        {
            requested.push(request);
        }
    }
    Ok(requested)
}

/// Says which address each set has to give: one entry a set.
///
/// # Errors
/// When an address is in no set, is withheld, or two are in one set.
pub(super) fn by_set(
    requested: &[Requested],
    sets: &RangeSets,
) -> Result<Vec<Option<IpAddr>>, RequestedError> {
    let mut wanted = vec![None; sets.iter().len()];
    for &Requested {
        address,
        ref source,
    } in requested
    {
        let source_key = source.clone();
        let found = sets
            .iter()
            .zip(&mut wanted)
            .find(|(set, _)| set.range_of(address).is_some());
        let Some((set, wanted)) = found else {
            let ranges: Vec<String> = sets.iter().map(ToString::to_string).collect();
            return Err(RequestedError::Outside {
                source_key,
                address,
                ranges: ranges.join(", "),
            });
        };
        if let Some(why) = set.withheld(address) {
            return Err(RequestedError::Withheld {
                source_key,
                address,
                why,
                set: set.path().to_owned(),
            });
        }
        if let Some(other) = *wanted {
            return Err(RequestedError::SecondOfSet {
                source_key,
                address,
                other,
                set: set.path().to_owned(),
            });
        }
        *wanted = Some(address);
    }
    Ok(wanted)
}

impl From<RequestedError> for Error {
    fn from(error: RequestedError) -> Self {
        Self::from_chain(ErrorCode::InvalidConfig, &error)
    }
}

fn list(object: Option<Object<'_>>) -> Result<Vec<Requested>, JsonError> {
    let Some(object) = object else {
        return Ok(Vec::new());
    };
    let mut requested: Vec<Requested> = Vec::new();
    for entry in object.array("ips")? {
        let request = Requested {
            address: address(&entry)?,
            source: entry.path().to_owned(),
        };
        if !requested
            .iter()
            .any(|other| other.address == request.address)
        {
            requested.push(request);
        }
    }
    Ok(requested)
}

fn address(entry: &Element<'_>) -> Result<IpAddr, JsonError> {
    let reason = "expected an IP address, with or without a prefix length";
    parse(entry.string()?).ok_or_else(|| entry.invalid(reason))
}

/// A prefix length is checked and then ignored, as in Go: the subnet says which it is.
fn parse(text: &str) -> Option<IpAddr> {
    let address: IpAddr = match text.contains('/') {
        true => text.parse::<cni_protocol::Cidr>().ok()?.address(),
        false => text.parse().ok()?,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use cni_protocol::Version;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn config(args: &Value, runtime: &Value) -> NetworkConfig {
        let document = json!({
            "cniVersion": "1.1.0", "name": "n", "args": {"cni": args}, "runtimeConfig": runtime,
            "ipam": {"ranges": [[{"subnet": "10.0.0.0/24"}], [{"subnet": "fd00::/64"}]]},
        });
        NetworkConfig::parse(document.to_string().into_bytes(), &Version::ALL).unwrap()
    }

    fn addresses(args: &Value, runtime: &Value, cni_args: &str) -> Result<Vec<String>, Error> {
        let read = read(&config(args, runtime), &Args::new(cni_args))?;
        Ok(read.iter().map(|one| one.address.to_string()).collect())
    }

    fn wanted(runtime: &Value) -> Result<Vec<Option<IpAddr>>, RequestedError> {
        let config = config(&Value::Null, runtime);
        let sets = RangeSets::read(&config, &config.ipam().unwrap().unwrap()).unwrap();
        by_set(&read(&config, &Args::default()).unwrap(), &sets)
    }

    #[rstest]
    #[case(json!(null), json!(null), "", &[])]
    #[case(json!(null), json!(null), "IP=10.0.0.5", &["10.0.0.5"])]
    #[case(json!(null), json!(null), "IgnoreUnknown=1;K8S_POD=b;IP=10.0.0.5/16", &["10.0.0.5"])]
    #[case(json!(null), json!(null), "IP=", &[])]
    #[case(json!({"ips": []}), json!(null), "IP=10.0.0.5", &["10.0.0.5"])]
    #[case(json!({"ips": ["10.0.0.6"]}), json!(null), "IP=10.0.0.5", &["10.0.0.6"])]
    #[case(json!({"ips": ["10.0.0.6"]}), json!({"ips": ["fd00::6/64"]}), "", &["10.0.0.6", "fd00::6"])]
    #[case(json!(null), json!({"ips": ["10.0.0.5", "10.0.0.5/24"]}), "IP=10.0.0.5", &["10.0.0.5"])]
    #[case(json!(null), json!({"IPs": ["::ffff:10.0.0.5"]}), "", &["10.0.0.5"])]
    fn sources_are_joined_and_args_outrank_cni_args(
        #[case] args: Value,
        #[case] runtime: Value,
        #[case] cni_args: &str,
        #[case] expected: &[&str],
    ) {
        assert_eq!(addresses(&args, &runtime, cni_args).unwrap(), expected);
    }

    #[rstest]
    #[case(json!(null), json!({"ips": ["x"]}), "", "runtimeConfig.ips[0]: invalid value \"x\"")]
    #[case(json!(null), json!({"ips": [""]}), "", "runtimeConfig.ips[0]: invalid value \"\"")]
    #[case(json!(null), json!({"ips": [7]}), "", "runtimeConfig.ips[0]: expected a string, got number 7")]
    #[case(json!({"ips": ["10.0.0.5/33"]}), json!(null), "", "args.cni.ips[0]: invalid value \"10.0.0.5/33\"")]
    #[case(json!(null), json!(null), "IP=10.0.0", "CNI_ARGS: IP=\"10.0.0\" is no IP address")]
    #[case(json!(null), json!(null), "FOO=1", "CNI_ARGS: unknown \"FOO=1\"")]
    fn what_is_no_address_is_refused_with_its_key(
        #[case] args: Value,
        #[case] runtime: Value,
        #[case] cni_args: &str,
        #[case] text: &str,
    ) {
        let error = addresses(&args, &runtime, cni_args).unwrap_err();
        assert!(error.msg().contains(text), "{error}");
    }

    #[test]
    fn each_set_gets_the_address_that_it_holds() {
        let wanted = wanted(&json!({"ips": ["fd00::9", "10.0.0.9"]})).unwrap();
        let expected = ["10.0.0.9", "fd00::9"].map(|text| Some(text.parse().unwrap()));
        assert_eq!(wanted, expected);
    }

    #[rstest]
    #[case(&["10.0.1.9"], "runtimeConfig.ips[0]: requested address 10.0.1.9 is in no range: 10.0.0.1-10.0.0.254, fd00::1-")]
    #[case(&["10.0.0.0"], "requested address 10.0.0.0 is in no range")]
    #[case(&["10.0.0.1"], "requested address 10.0.0.1 is the gateway of its subnet in ipam.ranges[0]")]
    #[case(&["10.0.0.8", "10.0.0.9"], "runtimeConfig.ips[1]: requested address 10.0.0.9 is in ipam.ranges[0] like 10.0.0.8")]
    fn what_no_set_can_give_is_refused(#[case] ips: &[&str], #[case] text: &str) {
        let error = wanted(&json!({"ips": ips})).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}
