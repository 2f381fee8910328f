//! Whether the kernel knows a kind of link.

use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVlan, InfoVrf, LinkMessage};
use rtnetlink::{LinkMessageBuilder, LinkUnspec, LinkVeth};

use super::session::{KernelError, session};
use crate::sandbox::Netns;

/// Tries to add a link of a kind, on a host that is thrown away afterwards.
///
/// # Errors
/// Fails with the kernel's refusal of a kind that it does not know. A refusal that only says that a parent is
/// missing proves that the kind is known.
pub(crate) fn probe_link(netns: &Netns, kind: &InfoKind) -> Result<(), KernelError> {
    session(netns, |handle| async move {
        let name = format!("probe-{kind}");
        let message = match kind {
            InfoKind::Veth => LinkVeth::new(&name, "probe-peer").build(),
            InfoKind::Vrf => with_data(&name, kind, InfoData::Vrf(vec![InfoVrf::TableId(77)])),
            InfoKind::Vlan => with_data(&name, kind, InfoData::Vlan(vec![InfoVlan::Id(2)])),
            _ => LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(kind.clone())
                .name(name.clone())
                .build(),
        };
        match handle.link().add(message).execute().await {
            Ok(()) => Ok(()),
            Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() != -libc::EOPNOTSUPP => {
                Ok(())
            }
            Err(error) => Err(KernelError::request(format!("add a link of kind {kind}"))(
                error,
            )),
        }
    })
}

fn with_data(name: &str, kind: &InfoKind, data: InfoData) -> LinkMessage {
    LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(kind.clone())
        .name(name.to_owned())
        .set_info_data(data)
        .build()
}
