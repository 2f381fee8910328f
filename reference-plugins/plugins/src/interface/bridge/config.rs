//! The keys of the bridge plugin, checked.
//!
//! ADD, CHECK and STATUS read all of it. DEL and GC never do: a mistake in a key that only ADD needs must
//! not keep anything from being removed.

use cni_kernel::{InterfaceName, Mac};
use cni_protocol::{Args, Error, ErrorCode, NetworkConfig, Object};

use super::vlan;

const DEFAULT_BRIDGE: &str = "cni0";

/// What the configuration asks for.
#[derive(Debug)]
pub(super) struct BridgeConfig {
    /// `bridge`.
    pub(super) bridge: InterfaceName,
    /// `ipam.type`; none: layer 2 only.
    pub(super) ipam: Option<String>,
    /// `isGateway` and `isDefaultGateway`.
    pub(super) gateway: Gateway,
    /// `forceAddress`: the bridge's other addresses give way.
    pub(super) force_address: bool,
    /// `ipMasq` and `ipMasqBackend`; none: no masquerading.
    pub(super) masquerade: Option<MasqueradeBackend>,
    /// `mtu` in bytes; none: the kernel's.
    pub(super) mtu: Option<u32>,
    /// `hairpinMode`.
    pub(super) hairpin: bool,
    /// `promiscMode`.
    pub(super) promiscuous: bool,
    /// `portIsolation`.
    pub(super) isolated: bool,
    /// `enabledad`.
    pub(super) duplicate_address_detection: bool,
    /// `macspoofchk`: frames with another source address than the container's are dropped.
    pub(super) spoof_check: bool,
    /// `disableContainerInterface`: the container's end stays down.
    pub(super) container_end_down: bool,
}

/// What the bridge is to the containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gateway {
    /// A switch.
    None,
    /// It has an address in each of their networks.
    OnBridge,
    /// And they have a default route through it.
    Default,
}

/// `ipMasqBackend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MasqueradeBackend {
    /// iptables where the host has it, else nftables.
    Automatic,
    /// iptables.
    Iptables,
    /// nftables.
    Nftables,
}

impl BridgeConfig {
    pub(super) fn read(config: &NetworkConfig) -> Result<Self, Error> {
        let root = config.root();
        vlan::refuse(&root)?;
        let read = Self {
            bridge: bridge_name(&root)?,
            ipam: config.ipam_type()?.map(str::to_owned),
            gateway: gateway(&root)?,
            force_address: root.bool("forceAddress")?,
            masquerade: masquerade(&root)?,
            mtu: mtu(&root)?,
            hairpin: root.bool("hairpinMode")?,
            promiscuous: root.bool("promiscMode")?,
            isolated: root.bool("portIsolation")?,
            duplicate_address_detection: root.bool("enabledad")?,
            spoof_check: root.bool("macspoofchk")?,
            container_end_down: root.bool("disableContainerInterface")?,
        };
        if read.hairpin && read.promiscuous {
            let reason = "it can't be together with hairpinMode true: every frame would come back twice; set one of them to false";
            return Err(root.invalid("promiscMode", reason).into());
        }
        if read.container_end_down && read.ipam.is_some() {
            let reason =
                "an interface that stays down can't have addresses; remove ipam or set it to false";
            return Err(root.invalid("disableContainerInterface", reason).into());
        }
        Ok(read)
    }
}

/// The hardware address that the container's end shall have: `runtimeConfig.mac` over `args.cni.mac` over `MAC` in
/// `CNI_ARGS`. Only ADD asks for it.
pub(super) fn requested_mac(config: &NetworkConfig, args: &Args) -> Result<Option<Mac>, Error> {
    // Read even when it is outranked: a malformed CNI_ARGS is an error, as upstream.
    let known = args.read(&["MAC"])?;
    for object in [config.runtime_config()?, config.cni_args()?] {
        let Some(object) = object else { continue };
        if let Some(text) = object.non_empty_string("mac")? {
            return usable_mac(text)
                .map(Some)
                .map_err(|reason| object.invalid("mac", reason).into());
        }
    }
    let from_args = known.get("MAC").map(|text| {
        usable_mac(text).map_err(|reason| {
            let msg = format!("CNI_ARGS: MAC={text}: {reason}");
            Error::new(ErrorCode::InvalidEnvironment, msg)
        })
    });
    from_args.transpose()
}

fn usable_mac(text: &str) -> Result<Mac, String> {
    let mac: Mac = text
        .parse()
        .map_err(|_| "expected six bytes, as in 02:00:5e:10:00:01".to_owned())?;
    if mac.is_unicast() {
        return Ok(mac);
    }
    Err("an interface can't have a multicast or all-zero address".to_owned())
}

fn bridge_name(root: &Object<'_>) -> Result<InterfaceName, Error> {
    let name = root.non_empty_string("bridge")?.unwrap_or(DEFAULT_BRIDGE);
    Ok(InterfaceName::new(name).map_err(|error| root.invalid("bridge", error))?)
}

fn gateway(root: &Object<'_>) -> Result<Gateway, Error> {
    let (is_gateway, is_default) = (root.bool("isGateway")?, root.bool("isDefaultGateway")?);
    Ok(match (is_gateway, is_default) {
        (_, true) => Gateway::Default,
        (true, false) => Gateway::OnBridge,
        (false, false) => Gateway::None,
    })
}

fn masquerade(root: &Object<'_>) -> Result<Option<MasqueradeBackend>, Error> {
    let backend = match root.non_empty_string("ipMasqBackend")? {
        None => MasqueradeBackend::Automatic,
        Some("iptables") => MasqueradeBackend::Iptables,
        Some("nftables") => MasqueradeBackend::Nftables,
        Some(_) => {
            let reason = "expected \"iptables\" or \"nftables\"";
            return Err(root.invalid("ipMasqBackend", reason).into());
        }
    };
    Ok(root.bool("ipMasq")?.then_some(backend))
}

fn mtu(root: &Object<'_>) -> Result<Option<u32>, Error> {
    let Some(mtu) = root.optional_integer::<i64>("mtu")? else {
        return Ok(None);
    };
    match u32::try_from(mtu) {
        Ok(0) => Ok(None),
        Ok(mtu @ 68..=65535) => Ok(Some(mtu)),
        _ => {
            let reason = "expected 68 to 65535, or 0 for the kernel's default";
            Err(root.invalid("mtu", reason).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use cni_protocol::Version;
    use rstest::rstest;

    use super::*;

    fn config(keys: &str) -> NetworkConfig {
        let text =
            format!(r#"{{"cniVersion":"1.1.0","name":"net","type":"bridge"{keys}}}"#).into_bytes();
        NetworkConfig::parse(text, &Version::ALL).unwrap()
    }

    #[test]
    fn the_defaults_are_upstreams() {
        let read = BridgeConfig::read(&config("")).unwrap();
        assert_eq!(read.bridge.as_str(), "cni0");
        assert_eq!(
            (read.ipam, read.mtu, read.masquerade),
            (None, None, None::<MasqueradeBackend>)
        );
        assert_eq!(read.gateway, Gateway::None);
        assert!(!read.hairpin && !read.promiscuous && !read.isolated && !read.force_address);
        assert!(!read.duplicate_address_detection && !read.container_end_down);
    }

    #[test]
    fn keys_are_read_whatever_their_case() {
        let read = BridgeConfig::read(&config(
            r#","Bridge":"br7","ISDEFAULTGATEWAY":true,"ipmasq":true,"Mtu":1400"#,
        ))
        .unwrap();
        assert_eq!((read.bridge.as_str(), read.mtu), ("br7", Some(1400)));
        assert_eq!(read.gateway, Gateway::Default);
        assert_eq!(read.masquerade, Some(MasqueradeBackend::Automatic));
    }

    #[rstest]
    #[case(r#","bridge":"a/b""#, 7, "bridge", "a/b")]
    #[case(r#","bridge":"a234567890123456""#, 7, "bridge", "a234567890123456")]
    #[case(r#","bridge":7"#, 6, "bridge", "7")]
    #[case(r#","isGateway":"yes""#, 6, "isGateway", "yes")]
    #[case(r#","mtu":-1"#, 7, "mtu", "-1")]
    #[case(r#","mtu":67"#, 7, "mtu", "67")]
    #[case(r#","mtu":70000"#, 7, "mtu", "70000")]
    #[case(r#","mtu":"1500""#, 6, "mtu", "1500")]
    #[case(r#","ipMasqBackend":"ebtables""#, 7, "ipMasqBackend", "ebtables")]
    #[case(
        r#","hairpinMode":true,"promiscMode":true"#,
        7,
        "hairpinMode",
        "promiscMode"
    )]
    #[case(
        r#","disableContainerInterface":true,"ipam":{"type":"x"}"#,
        7,
        "disableContainerInterface",
        "true"
    )]
    #[case(r#","vlan":100"#, 2, "vlan", "100")]
    #[case(r#","vlan":4095"#, 7, "vlan", "4095")]
    #[case(r#","vlanTrunk":[{"id":5}]"#, 2, "vlanTrunk", "5")]
    #[case(r#","macspoofchk":1"#, 6, "macspoofchk", "1")]
    fn a_wrong_value_is_named_with_its_key(
        #[case] keys: &str,
        #[case] code: u64,
        #[case] key: &str,
        #[case] value: &str,
    ) {
        let error = BridgeConfig::read(&config(keys)).unwrap_err();
        assert_eq!(error.code().number(), code, "{error}");
        assert!(error.msg().contains(key), "{error}");
        assert!(error.msg().contains(value), "{error}");
    }

    #[rstest]
    #[case("", "", None)]
    #[case("", "MAC=02:00:00:00:00:01", Some("02:00:00:00:00:01"))]
    #[case(
        r#","args":{"cni":{"mac":"02:00:00:00:00:02"}}"#,
        "MAC=02:00:00:00:00:01",
        Some("02:00:00:00:00:02")
    )]
    #[case(
        r#","args":{"cni":{"mac":"02:00:00:00:00:02"}},"runtimeConfig":{"mac":"02-00-00-00-00-03"}"#,
        "MAC=02:00:00:00:00:01",
        Some("02:00:00:00:00:03")
    )]
    fn the_nearest_source_of_the_mac_wins(
        #[case] keys: &str,
        #[case] args: &str,
        #[case] mac: Option<&str>,
    ) {
        let requested = requested_mac(&config(keys), &Args::new(args)).unwrap();
        assert_eq!(
            requested.map(|mac| mac.to_string()).as_deref(),
            mac,
            "{keys} {args}"
        );
    }

    #[rstest]
    #[case(r#","runtimeConfig":{"mac":"nonsense"}"#, "", 7, "runtimeConfig.mac")]
    #[case(
        r#","args":{"cni":{"mac":"01:00:00:00:00:00"}}"#,
        "",
        7,
        "args.cni.mac"
    )]
    #[case("", "MAC=zz", 4, "CNI_ARGS: MAC=zz")]
    #[case("", "IP=10.0.0.1", 4, "CNI_ARGS")]
    fn an_unusable_mac_is_named_with_its_source(
        #[case] keys: &str,
        #[case] args: &str,
        #[case] code: u64,
        #[case] named: &str,
    ) {
        let error = requested_mac(&config(keys), &Args::new(args)).unwrap_err();
        assert_eq!(error.code().number(), code, "{error}");
        assert!(error.msg().contains(named), "{error}");
    }
}
