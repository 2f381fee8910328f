//! Where the addresses come from: the configuration, `CNI_ARGS`, `args` and `runtimeConfig`, in upstream's order.

use std::net::IpAddr;

use cni_protocol::{
    Args, Cidr, Error, ErrorCode, IpConfig, JsonError, KnownArgs, NetworkConfig, Object,
};

use crate::ipam::address_families;

/// Reads the addresses to hand on. `runtimeConfig.ips` replaces `args.cni.ips`, which replaces all others.
///
/// # Errors
/// When one is malformed, no host's address, or given twice; names key and value.
pub(super) fn read(config: &NetworkConfig, args: &Args) -> Result<Vec<IpConfig>, Error> {
    let ips = read_all(config, args)?;
    let families = ips.iter().map(|ip| ip.address.is_ipv4());
    address_families::fit_version(config.version(), "ipam.addresses", families)?;
    Ok(ips)
}

fn read_all(config: &NetworkConfig, args: &Args) -> Result<Vec<IpConfig>, Error> {
    // What is replaced is checked nevertheless: a mistake in it should not wait for the day it counts.
    let mut configured = configured(config)?;
    let known = args.read(&["IP", "GATEWAY"])?;
    from_cni_args(&known, &mut configured)?;
    let by_args = list(config.cni_args()?)?;
    let by_runtime = list(config.runtime_config()?)?;
    Ok([by_runtime, by_args]
        .into_iter()
        .find(|list| !list.is_empty())
        .unwrap_or(configured))
}

fn configured(config: &NetworkConfig) -> Result<Vec<IpConfig>, JsonError> {
    let ipam = config
        .ipam()?
        .ok_or_else(|| config.root().missing("ipam", "an object"))?;
    let mut ips = Vec::new();
    for object in ipam.objects("addresses")? {
        let element = object.get("address").ok_or_else(|| {
            object.missing(
                "address",
                "an address with a prefix length, as in 10.1.2.3/24",
            )
        })?;
        let mut ip = host(&ips, element.parse()?).map_err(|reason| element.invalid(reason))?;
        let gateway: Option<IpAddr> = object.optional_parse("gateway")?;
        ip.gateway = gateway.map(|gateway| gateway.to_canonical());
        if ip
            .gateway
            .is_some_and(|gateway| gateway.is_ipv4() != ip.address.is_ipv4())
        {
            let reason = format!("is not of the family of address {}", ip.address);
            return Err(object.invalid("gateway", reason));
        }
        ips.push(ip);
    }
    Ok(ips)
}

/// As in Go, a gateway counts only for addresses that come from `CNI_ARGS` too.
fn from_cni_args(known: &KnownArgs<'_>, ips: &mut Vec<IpConfig>) -> Result<(), Error> {
    let invalid = |key: &str, item: &str, reason: &str| {
        let msg = format!("CNI_ARGS: {key}={item:?}: {reason}");
        Error::new(ErrorCode::InvalidEnvironment, msg)
    };
    let first = ips.len();
    for item in items(known.get("IP")) {
        let address: Cidr =
            item.parse()
                .map_err(|error: cni_protocol::address::AddressError| {
                    invalid("IP", item, &error.to_string())
                })?;
        let ip = host(ips, address).map_err(|reason| invalid("IP", item, reason))?;
        ips.push(ip);
    }
    for item in items(known.get("GATEWAY")) {
        let gateway: IpAddr = item
            .parse()
            .map_err(|_| invalid("GATEWAY", item, "is no IP address"))?;
        let gateway = gateway.to_canonical();
        for ip in ips[first..]
            .iter_mut()
            .filter(|ip| ip.address.contains(gateway))
        {
            ip.gateway = Some(gateway);
        }
    }
    Ok(())
}

fn items(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.into_iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
}

fn list(object: Option<Object<'_>>) -> Result<Vec<IpConfig>, JsonError> {
    let mut ips = Vec::new();
    let Some(object) = object else { return Ok(ips) };
    for element in object.array("ips")? {
        let ip = host(&ips, element.parse()?).map_err(|reason| element.invalid(reason))?;
        ips.push(ip);
    }
    Ok(ips)
}

/// Refuses what no interface can have, and what is in `ips` already.
fn host(ips: &[IpConfig], given: Cidr) -> Result<IpConfig, &'static str> {
    let address = given.address();
    if address != address.to_canonical() {
        return Err("is an IPv4-mapped IPv6 address; give it as IPv4");
    }
    if address.is_unspecified() || address.is_multicast() {
        return Err("is not the address of a host");
    }
    if ips.iter().any(|other| other.address.address() == address) {
        return Err("is given twice");
    }
    Ok(IpConfig::new(given))
}

#[cfg(test)]
mod tests {
    use cni_protocol::Version;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn addresses(version: &str, extra: &Value, cni_args: &str) -> Result<Vec<String>, Error> {
        let mut document = json!({"cniVersion": version, "name": "n", "ipam": {"type": "static"}});
        for (key, value) in extra.as_object().unwrap() {
            document[key] = value.clone();
        }
        let config = NetworkConfig::parse(document.to_string().into_bytes(), &Version::ALL)?;
        let ips = read(&config, &Args::new(cni_args))?;
        let text = |ip: &IpConfig| match ip.gateway {
            Some(gateway) => format!("{} via {gateway}", ip.address),
            None => ip.address.to_string(),
        };
        Ok(ips.iter().map(text).collect())
    }

    fn given(list: Value) -> Value {
        json!({"ipam": {"addresses": list}})
    }

    #[rstest]
    #[case(json!({}), "", &[])]
    #[case(given(json!([{"address": "10.0.0.5/24", "gateway": "10.0.0.1"}, {"address": "fd00::5/64"}])), "",
        &["10.0.0.5/24 via 10.0.0.1", "fd00::5/64"])]
    #[case(given(json!([{"address": "10.0.0.5/32", "gateway": "169.254.1.1"}])), "", &["10.0.0.5/32 via 169.254.1.1"])]
    #[case(given(json!([{"address": "10.0.0.5/24"}])), "IP=10.0.1.5/24, fd00::5/64;GATEWAY=10.0.0.1,fd00::1,10.0.1.1",
        &["10.0.0.5/24", "10.0.1.5/24 via 10.0.1.1", "fd00::5/64 via fd00::1"])]
    #[case(json!({"args": {"cni": {"ips": ["10.0.2.5/24"]}}, "ipam": {"addresses": [{"address": "10.0.0.5/24"}]}}),
        "IP=10.0.1.5/24", &["10.0.2.5/24"])]
    #[case(json!({"args": {"cni": {"ips": ["10.0.2.5/24"]}}, "runtimeConfig": {"ips": ["10.0.3.5/24", "fd00::3/64"]}}),
        "IP=10.0.1.5/24", &["10.0.3.5/24", "fd00::3/64"])]
    #[case(json!({"args": {"cni": {"ips": []}}, "runtimeConfig": {"ips": null}}), "IP=10.0.1.5/24", &["10.0.1.5/24"])]
    fn sources_replace_each_other_as_upstream(
        #[case] extra: Value,
        #[case] cni_args: &str,
        #[case] expected: &[&str],
    ) {
        assert_eq!(addresses("1.1.0", &extra, cni_args).unwrap(), expected);
    }

    #[rstest]
    #[case("1.1.0", json!({"ipam": null}), "", 7, "ipam: missing")]
    #[case("1.1.0", given(json!([{}])), "", 7, "ipam.addresses[0].address: missing")]
    #[case("1.1.0", given(json!([{"address": null}])), "", 7, "ipam.addresses[0].address: missing")]
    #[case("1.1.0", given(json!([{"address": ""}])), "", 7, "ipam.addresses[0].address: invalid value \"\"")]
    #[case("1.1.0", given(json!([{"address": "10.0.0.5"}])), "", 7, "invalid value \"10.0.0.5\": expected an address with a prefix length")]
    #[case("1.1.0", given(json!([{"address": "10.0.0.5/33"}])), "", 7, "prefix length \"33\"")]
    #[case("1.1.0", given(json!([{"address": "0.0.0.0/0"}])), "", 7, "\"0.0.0.0/0\": is not the address of a host")]
    #[case("1.1.0", given(json!([{"address": "ff02::1/64"}])), "", 7, "\"ff02::1/64\": is not the address of a host")]
    #[case("1.1.0", given(json!([{"address": "::ffff:10.0.0.5/120"}])), "", 7, "give it as IPv4")]
    #[case("1.1.0", given(json!([{"address": "10.0.0.5/24"}, {"address": "10.0.0.5/16"}])), "", 7,
        "ipam.addresses[1].address: invalid value \"10.0.0.5/16\": is given twice")]
    #[case("1.1.0", given(json!([{"address": "10.0.0.5/24", "gateway": "fd00::1"}])), "", 7,
        "ipam.addresses[0].gateway: invalid value \"fd00::1\": is not of the family of address 10.0.0.5/24")]
    #[case("1.1.0", given(json!([{"address": "10.0.0.5/24", "gateway": "x"}])), "", 7, "gateway: invalid value \"x\"")]
    #[case("1.1.0", json!({"runtimeConfig": {"ips": ["10.0.0.5"]}}), "", 7, "runtimeConfig.ips[0]: invalid value \"10.0.0.5\"")]
    #[case("1.1.0", json!({"args": {"cni": {"ips": [7]}}}), "", 6, "args.cni.ips[0]: expected a string, got number 7")]
    #[case("1.1.0", json!({}), "IP=10.0.0.5", 4, "CNI_ARGS: IP=\"10.0.0.5\": expected an address with a prefix length")]
    #[case("1.1.0", json!({}), "IP=10.0.0.5/24,", 4, "CNI_ARGS: IP=\"\"")]
    #[case("1.1.0", json!({}), "GATEWAY=x", 4, "CNI_ARGS: GATEWAY=\"x\": is no IP address")]
    #[case("1.1.0", json!({}), "FOO=x", 4, "CNI_ARGS: unknown \"FOO=x\"")]
    #[case("0.2.0", given(json!([{"address": "10.0.0.5/24"}, {"address": "10.0.0.6/24"}])), "", 7,
        "ipam.addresses: 2 IPv4 addresses, and cniVersion 0.2.0")]
    fn a_wrong_address_is_refused_with_key_and_value(
        #[case] version: &str,
        #[case] extra: Value,
        #[case] cni_args: &str,
        #[case] code: u64,
        #[case] text: &str,
    ) {
        let error = addresses(version, &extra, cni_args).unwrap_err();
        assert!(error.msg().contains(text), "{error}");
        assert_eq!(error.code().number(), code, "{error}");
    }
}
