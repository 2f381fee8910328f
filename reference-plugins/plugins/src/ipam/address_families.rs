//! The limit of the oldest versions: results of 0.1.0 and 0.2.0 carry one address of each family.
//!
//! Who configures more is told so instead of losing the rest in the conversion.

use cni_protocol::{Error, ErrorCode, Family, Version};

/// Refuses more than one IPv4 or one IPv6 entry for results of 0.1.0 and 0.2.0.
///
/// # Errors
/// With code 7; it names `key`, the version and the number of entries.
pub(super) fn fit_version(
    version: Version,
    key: &str,
    is_ipv4: impl Iterator<Item = bool>,
) -> Result<(), Error> {
    if version.family() != Family::F1 {
        return Ok(());
    }
    let (ipv4, ipv6): (Vec<bool>, Vec<bool>) = is_ipv4.partition(|&ipv4| ipv4);
    for (family, count) in [("IPv4", ipv4.len()), ("IPv6", ipv6.len())] {
        if count > 1 {
            let msg = format!(
                "{key}: {count} {family} addresses, and cniVersion {version} has one of each family; \
                 use cniVersion 0.3.0 or later"
            );
            return Err(Error::new(ErrorCode::InvalidConfig, msg));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Version::V0_2_0, &[true, false], true)]
    #[case(Version::V0_2_0, &[true, true], false)]
    #[case(Version::V0_1_0, &[false, false], false)]
    #[case(Version::V0_3_0, &[true, true], true)]
    #[case(Version::V1_1_0, &[false, false, true], true)]
    fn only_the_first_two_versions_are_limited(
        #[case] version: Version,
        #[case] families: &[bool],
        #[case] fits: bool,
    ) {
        let outcome = fit_version(version, "ipam.ranges", families.iter().copied());
        assert_eq!(outcome.is_ok(), fits);
        if let Err(error) = outcome {
            assert!(error.msg().contains("ipam.ranges: 2 IPv"), "{error}");
            assert!(error.msg().contains(version.as_str()), "{error}");
        }
    }
}
