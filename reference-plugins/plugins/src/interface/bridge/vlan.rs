//! `vlan`, `vlanTrunk` and `preserveDefaultVlan`: checked as upstream checks them, then refused.
//!
//! Assigning VLANs to a bridge port needs RTM_SETLINK with `AF_BRIDGE`, which the kernel crate does not offer. To ignore
//! the keys would put the container into a network that it was meant to be kept from.

use cni_protocol::{Error, ErrorCode, Object};

const IDS: std::ops::RangeInclusive<i64> = 1..=4094;

/// Refuses a configuration that asks for a VLAN.
pub(super) fn refuse(root: &Object<'_>) -> Result<(), Error> {
    root.bool("preserveDefaultVlan")?;
    match root.optional_integer::<i64>("vlan")? {
        None | Some(0) => {}
        Some(id) if IDS.contains(&id) => return Err(unsupported("vlan", &id.to_string())),
        Some(_) => return Err(root.invalid("vlan", "expected 0 to 4094").into()),
    }
    let trunk = root.objects("vlanTrunk")?;
    for entry in &trunk {
        check_entry(entry)?;
    }
    match root.get("vlanTrunk") {
        Some(list) if !trunk.is_empty() => Err(unsupported("vlanTrunk", &list.value().to_string())),
        _ => Ok(()),
    }
}

fn check_entry(entry: &Object<'_>) -> Result<(), Error> {
    let id = |key: &str| -> Result<Option<i64>, Error> {
        let id = entry.optional_integer::<i64>(key)?;
        if id.is_some_and(|id| !IDS.contains(&id)) {
            return Err(entry.invalid(key, "expected 1 to 4094").into());
        }
        Ok(id)
    };
    id("id")?;
    match (id("minID")?, id("maxID")?) {
        (Some(lowest), Some(highest)) if lowest > highest => {
            let reason = format!("it is greater than maxID, which is {highest}");
            Err(entry.invalid("minID", reason).into())
        }
        (Some(_), None) => Err(entry
            .missing("maxID", "the end of the range that minID begins")
            .into()),
        (None, Some(_)) => Err(entry
            .missing("minID", "the beginning of the range that maxID ends")
            .into()),
        _ => Ok(()),
    }
}

fn unsupported(key: &str, value: &str) -> Error {
    let msg = format!(
        "{key}: {value} is not supported: this version does not assign VLANs to bridge ports; remove the key"
    );
    Error::new(ErrorCode::UnsupportedField, msg)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn refused(config: &Value) -> Result<(), Error> {
        let map = config.as_object().unwrap();
        refuse(&Object::root(map))
    }

    #[test]
    fn no_vlan_is_fine() {
        for config in [
            json!({}),
            json!({"vlan": 0, "vlanTrunk": [], "preserveDefaultVlan": true}),
            json!({"vlan": null, "vlanTrunk": null}),
        ] {
            assert_eq!(refused(&config), Ok(()), "{config}");
        }
    }

    #[rstest]
    #[case(json!({"vlanTrunk": [{"minID": 0, "maxID": 5}]}), 7, "vlanTrunk[0].minID")]
    #[case(json!({"vlanTrunk": [{"id": 1}, {"minID": 9, "maxID": 5}]}), 7, "vlanTrunk[1].minID")]
    #[case(json!({"vlanTrunk": [{"minID": 9}]}), 7, "vlanTrunk[0].maxID")]
    #[case(json!({"vlanTrunk": [{"maxID": 9}]}), 7, "vlanTrunk[0].minID")]
    #[case(json!({"vlanTrunk": [{"minID": 4, "maxID": 5}]}), 2, "vlanTrunk")]
    #[case(json!({"vlan": -1}), 7, "vlan")]
    #[case(json!({"preserveDefaultVlan": 1}), 6, "preserveDefaultVlan")]
    fn each_fault_is_named_before_the_lack_of_support(
        #[case] config: Value,
        #[case] code: u64,
        #[case] path: &str,
    ) {
        let error = refused(&config).unwrap_err();
        assert_eq!(error.code().number(), code, "{error}");
        assert!(error.msg().contains(path), "{error}");
    }
}
