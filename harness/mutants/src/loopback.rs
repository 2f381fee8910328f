//! `toy-loopback`: brings `lo` up in the container and reports what the kernel gave it.

use crate::{
    catalogue::Fault,
    kernel::{Kernel, Link},
    namespace::Namespace,
    protocol::{
        Address, Attachment, AttachmentResult, Call, Failure, Interface, Outcome, Plugin,
        SpecVersion, code, previous_result,
    },
};

const LO: &str = "lo";

/// The toy that brings the loopback interface up.
pub(crate) struct Loopback;

impl Plugin for Loopback {
    fn add(&self, call: &Call, attachment: &Attachment) -> Outcome {
        refuse_other_name(attachment)?;
        let previous = if call.version < SpecVersion::V030 {
            None
        } else {
            previous_result(call)?
        };
        let kernel = connect(attachment)?;
        let link = find(&kernel)?;
        if !call.faults.has(Fault::LinkLeftDown) {
            kernel.set_up(link.index, true)?;
        }
        let previous = previous
            .filter(|_| !call.faults.has(Fault::DropsPrevresult))
            .unwrap_or_default();
        let own = describe(&kernel, &link, attachment, previous.result.interfaces.len())?;
        let mut document = previous.raw;
        for (key, value) in own.render(call.version, call.faults) {
            match (
                document
                    .get_mut(&key)
                    .and_then(|earlier| earlier.as_array_mut()),
                value,
            ) {
                (Some(earlier), serde_json::Value::Array(ours)) => earlier.extend(ours),
                (_, value) => drop(document.insert(key, value)),
            }
        }
        Ok(Some(document.into()))
    }

    fn check(&self, call: &Call, attachment: &Attachment) -> Outcome {
        refuse_other_name(attachment)?;
        let previous = previous_result(call)?;
        let expected = previous
            .ok_or_else(|| {
                Failure::configuration("prevResult is missing: it is what CHECK compares with")
            })?
            .result;
        let kernel = connect(attachment)?;
        let link = find(&kernel)?;
        if !link.up && !call.faults.has(Fault::CheckStateBlind) {
            return Err(Failure::drift("link lo is down"));
        }
        let is_own =
            |interface: &Interface| interface.name == LO && interface.sandbox == attachment.netns;
        let Some(index) = expected.interfaces.iter().position(is_own) else {
            return Err(Failure::drift(format!(
                "prevResult lists no interface \"lo\" with sandbox {:?}",
                attachment.netns()
            )));
        };
        let present = kernel.addresses(link.index)?;
        for ip in expected.ips.iter().filter(|ip| ip.interface == Some(index)) {
            if !present.contains(&ip.address) && !call.faults.has(Fault::CheckAddressBlind) {
                return Err(Failure::drift(format!(
                    "address {} is missing on link lo",
                    ip.address
                )));
            }
        }
        Ok(None)
    }

    fn del(&self, call: &Call, attachment: &Attachment) -> Outcome {
        let namespace = attachment.netns.as_deref().map(Namespace::open);
        // Nothing of ours lives anywhere else, so that without the namespace there is nothing to do.
        let Some(Ok(namespace)) = namespace else {
            return Ok(None);
        };
        let kernel = Kernel::in_namespace(&namespace)?;
        if let Some(link) = kernel
            .link(LO)?
            .filter(|_| !call.faults.has(Fault::DelKeepsLink))
        {
            kernel.set_up(link.index, false)?;
        }
        Ok(None)
    }

    fn status(&self, _call: &Call) -> Outcome {
        Ok(None)
    }

    fn gc(&self, call: &Call) -> Outcome {
        // Nothing is kept, but a malformed request is still one.
        drop(crate::protocol::valid_attachments(call)?);
        Ok(None)
    }
}

fn refuse_other_name(attachment: &Attachment) -> Result<(), Failure> {
    if attachment.ifname == LO {
        return Ok(());
    }
    let message = format!(
        "CNI_IFNAME={:?} is not \"lo\", the only interface that this plugin has",
        attachment.ifname
    );
    Err(Failure::new(code::ENVIRONMENT, message))
}

fn connect(attachment: &Attachment) -> Result<Kernel, Failure> {
    let namespace = Namespace::open(attachment.netns()).map_err(|error| {
        let failure = Failure::caused(code::ENVIRONMENT, &error);
        Failure {
            message: format!("CNI_NETNS: {}", failure.message),
            ..failure
        }
    })?;
    Ok(Kernel::in_namespace(&namespace)?)
}

fn find(kernel: &Kernel) -> Result<Link, Failure> {
    kernel
        .link(LO)?
        .ok_or_else(|| Failure::drift("link lo is missing in the container"))
}

/// The addresses are read back: a kernel without IPv6 gives lo only one.
fn describe(
    kernel: &Kernel,
    link: &Link,
    attachment: &Attachment,
    index: usize,
) -> Result<AttachmentResult, Failure> {
    let addresses = kernel
        .addresses(link.index)?
        .into_iter()
        .filter(|cidr| cidr.address.is_loopback());
    let ips = addresses.map(|address| Address {
        address,
        gateway: None,
        interface: Some(index),
    });
    let interface = Interface {
        name: LO.to_owned(),
        mac: Some(link.mac.clone()),
        mtu: Some(link.mtu),
        sandbox: attachment.netns.clone(),
        socket_path: None,
    };
    Ok(AttachmentResult {
        interfaces: vec![interface],
        ips: ips.collect(),
        ..AttachmentResult::default()
    })
}
