//! Switching the host to forwarding packets between its interfaces.

use crate::IpFamily;
use crate::sysctl::{Error, Sysctl};

/// Makes the namespace of the calling thread forward packets of the family. Does nothing when it does already.
///
/// For IPv6 this also turns off the acceptance of router advertisements, unless `accept_ra` is 2: that is the kernel's rule.
pub fn enable(family: IpFamily) -> Result<(), Error> {
    sysctl_for(family)?.ensure("1")
}

/// Whether the namespace of the calling thread forwards packets of the family.
pub fn is_enabled(family: IpFamily) -> Result<bool, Error> {
    Ok(sysctl_for(family)?.read()? == "1")
}

fn sysctl_for(family: IpFamily) -> Result<Sysctl, Error> {
    match family {
        IpFamily::V4 => Sysctl::new(["net", "ipv4", "ip_forward"]),
        IpFamily::V6 => Sysctl::new(["net", "ipv6", "conf", "all", "forwarding"]),
    }
}
