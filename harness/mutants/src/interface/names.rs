//! Names and hardware addresses that follow from an attachment's key, so that DEL finds them without any memory.

use crate::{
    catalogue::Fault,
    protocol::{Attachment, Call},
};

/// The name of the host end: 14 bytes, unique by a hash of network, container ID and interface name.
pub(super) fn host_name(call: &Call, attachment: &Attachment) -> String {
    if call.faults.has(Fault::SharedHostName) {
        return format!(
            "toy{}",
            attachment.ifname.chars().take(12).collect::<String>()
        );
    }
    format!("toy{:011x}", hash(call, attachment) & 0xfff_ffff_ffff)
}

/// The hardware addresses of the container end and the host end. They are set rather than left to the kernel,
/// because a manager of host links may replace random ones after we have reported them.
pub(super) fn macs(call: &Call, attachment: &Attachment) -> ([u8; 6], [u8; 6]) {
    let [_, _, _, a, b, c, d, e] = hash(call, attachment).to_be_bytes();
    // 02 is a locally administered unicast address; the two ends differ in the next bit.
    ([0x02, a, b, c, d, e], [0x06, a, b, c, d, e])
}

/// FNV-1a over the three parts with a separator that none of them contains.
fn hash(call: &Call, attachment: &Attachment) -> u64 {
    let key = format!(
        "{}\0{}\0{}",
        call.network, attachment.container_id, attachment.ifname
    );
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
