//! The verbs of `toy-interface`, each of which is a file of its own or short enough to be here.

use crate::{
    catalogue::Fault,
    interface::{add, check, clean_up, settings::Settings},
    masquerade::Masquerade,
    protocol::{Attachment, Call, Delegate, Failure, Outcome, Plugin, Verb, code},
    store::Store,
};

/// The toy that creates an interface.
pub(crate) struct InterfaceToy;

impl Plugin for InterfaceToy {
    fn add(&self, call: &Call, attachment: &Attachment) -> Outcome {
        add::add(call, attachment)
    }

    fn check(&self, call: &Call, attachment: &Attachment) -> Outcome {
        check::check(call, attachment)
    }

    fn del(&self, call: &Call, attachment: &Attachment) -> Outcome {
        clean_up::del(call, attachment)
    }

    fn status(&self, call: &Call) -> Outcome {
        let settings = Settings::read(call)?;
        if settings.masquerade
            && !Masquerade::is_available()
            && !call.faults.has(Fault::StatusProgramBlind)
        {
            return Err(Failure::new(
                code::UNAVAILABLE,
                "ipMasq is true, but iptables can't list its nat table",
            ));
        }
        let store = Store::of(call);
        if call.faults.has(Fault::StatusRequired) {
            store.mark("status-ran")?;
        }
        if call.faults.has(Fault::StatusNeedsNetwork) && !store.exists() {
            return Err(Failure::new(
                code::UNAVAILABLE,
                "the network has not been used yet",
            ));
        }
        if call.faults.has(Fault::StatusAlwaysOk) {
            return Ok(None);
        }
        let Some(delegate) = Delegate::ipam(call)? else {
            return Ok(None);
        };
        let ready = delegate.run(Verb::Status).map(drop).map_err(unavailable);
        if ready.is_err() && call.faults.has(Fault::StatusLatches) {
            store.mark("status-failed")?;
        }
        if call.faults.has(Fault::StatusSwallowsDelegateError) {
            return Ok(None);
        }
        ready.map(|()| None)
    }

    fn gc(&self, call: &Call) -> Outcome {
        clean_up::gc(call)
    }
}

/// Without the delegate there is no ADD; a delegate's own reason is passed on as it is.
fn unavailable(failure: Failure) -> Failure {
    match failure.code {
        code::DELEGATE => Failure {
            code: code::UNAVAILABLE,
            ..failure
        },
        _ => failure,
    }
}
