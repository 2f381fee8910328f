//! From the start of the process to its exit status: the order in which a request is looked at, and dispatch.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use serde_json::{Map, Value, json};

use crate::{
    catalogue::Fault,
    fault::Faults,
    protocol::{
        Attachment, Failure, SpecVersion, Verb, code, configuration, environment, reply, supported,
    },
    store::Store,
    toy::Toy,
};

/// What a verb prints on success, or its error.
pub(crate) type Outcome = Result<Option<Value>, Failure>;

/// A request after everything that all plugins check has been checked.
pub(crate) struct Call {
    pub(crate) toy: &'static Toy,
    pub(crate) faults: Faults,
    pub(crate) verb: Verb,
    /// Stdin as it was, for delegates.
    pub(crate) bytes: Vec<u8>,
    pub(crate) document: Map<String, Value>,
    pub(crate) version: SpecVersion,
    /// The network's name.
    pub(crate) network: String,
}

/// The verbs of a toy, apart from VERSION, which is the same for all.
pub(crate) trait Plugin {
    fn add(&self, call: &Call, attachment: &Attachment) -> Outcome;
    fn check(&self, call: &Call, attachment: &Attachment) -> Outcome;
    fn del(&self, call: &Call, attachment: &Attachment) -> Outcome;
    fn status(&self, call: &Call) -> Outcome;
    fn gc(&self, call: &Call) -> Outcome;
}

/// Serves the one request of this process.
pub(crate) fn serve(toy: &'static Toy, faults: Faults) -> ExitCode {
    // Until the configuration says otherwise, the newest version that we speak.
    let mut version = SpecVersion::NEWEST;
    let answered = catch_unwind(AssertUnwindSafe(|| answer(toy, faults, &mut version)));
    let outcome = answered.unwrap_or_else(|_| {
        Err(Failure::new(
            code::BUG,
            format!("{} panicked; its standard error says where", toy.name),
        ))
    });
    reply::send(outcome, version, faults)
}

/// Refuses a request that names an unknown fault.
pub(crate) fn refuse(why: &str) -> ExitCode {
    reply::send(
        Err(Failure::new(code::BUG, why)),
        SpecVersion::NEWEST,
        Faults::default(),
    )
}

fn answer(toy: &'static Toy, faults: Faults, version: &mut SpecVersion) -> Outcome {
    let environment = environment::read(faults)?;
    let verb = environment.verb;
    if verb == Verb::Version {
        return supported::tell_versions(toy, faults);
    }
    let (bytes, document) = match configuration::read_document(verb, faults) {
        Err(_) if faults.has(Fault::DiesBySignal) => die_by_signal(),
        outcome => outcome?,
    };
    if document.is_empty()
        && (faults.has(Fault::EmptyStdinOk) || faults.has(Fault::NonObjectOk))
        && verb == Verb::Del
    {
        return Ok(None);
    }
    *version = configuration::read_version(&document, faults)?;
    configuration::gate(verb, *version, faults)?;
    let network = configuration::read_network(&document, faults)?;
    let call = Call {
        toy,
        faults,
        verb,
        bytes,
        document,
        version: *version,
        network,
    };
    if faults.has(Fault::ActsBeforeValidation) {
        Store::of(&call).mark("called")?;
    }
    configuration::refuse_needlessly(&call.document, faults)?;
    let printed = dispatch(&call, &environment.attachment)?;
    Ok(printed.or_else(|| print_needlessly(&call)))
}

fn dispatch(call: &Call, attachment: &Attachment) -> Outcome {
    let plugin = call.toy.plugin;
    let faults = call.faults;
    match call.verb {
        Verb::Add => {
            if faults.has(Fault::HangOnAdd) {
                hang();
            }
            plugin.add(call, attachment)
        }
        Verb::Check => {
            if faults.has(Fault::CheckFails) {
                return Err(Failure::drift("the attachment is not what it was"));
            }
            let unprobed = faults.has(Fault::CheckAlwaysOk)
                || faults.has(Fault::CheckWithoutPrevresult)
                    && call.document.get("prevResult").is_none_or(Value::is_null);
            if unprobed {
                Ok(None)
            } else {
                plugin.check(call, attachment).map_err(|mut failure| {
                    if faults.has(Fault::DriftIsCode3) {
                        failure.code = 3;
                    }
                    failure
                })
            }
        }
        Verb::Del => {
            refuse_del_needlessly(call, attachment)?;
            let deleted = plugin.del(call, attachment);
            if faults.has(Fault::DelWritesState) {
                Store::of(call).mark(&format!("deleted-{}", attachment.container_id))?;
            }
            deleted
        }
        Verb::Status => {
            if faults.has(Fault::StatusAlwaysFails) {
                return Err(Failure::new(code::UNAVAILABLE, "the plugin is not ready"));
            }
            match plugin.status(call) {
                Err(mut failure) if faults.has(Fault::StatusWrongCode) => {
                    failure.code = code::KERNEL;
                    Err(failure)
                }
                outcome => outcome,
            }
        }
        Verb::Gc if faults.has(Fault::GcNoop) => Ok(None),
        Verb::Gc => plugin.gc(call),
        Verb::Version => Ok(None),
    }
}

fn refuse_del_needlessly(call: &Call, attachment: &Attachment) -> Result<(), Failure> {
    let faults = call.faults;
    let netns = attachment.netns.as_deref();
    if faults.has(Fault::DelDeadNetns)
        && netns.is_some_and(|path| !std::path::Path::new(path).exists())
    {
        return Err(Failure::new(code::ENVIRONMENT, "CNI_NETNS does not exist"));
    }
    let is_no_namespace = |path: &str| {
        std::path::Path::new(path).exists() && crate::namespace::Namespace::open(path).is_err()
    };
    if faults.has(Fault::DelNetnsIsFile) && netns.is_some_and(is_no_namespace) {
        return Err(Failure::new(
            code::ENVIRONMENT,
            "CNI_NETNS is not a network namespace",
        ));
    }
    if faults.has(Fault::DelNeedsState) && Store::of(call).read(attachment)?.is_none() {
        return Err(Failure::drift("there is no record of the attachment"));
    }
    if faults.has(Fault::DelStrictPrevresult) {
        drop(crate::protocol::previous_result(call)?);
    }
    let prevresult = call.document.get("prevResult");
    if faults.has(Fault::DelNeedsPrevresult)
        && prevresult
            .and_then(Value::as_object)
            .is_none_or(|result| !result.contains_key("interfaces"))
    {
        return Err(Failure::configuration("prevResult is missing"));
    }
    Ok(())
}

fn print_needlessly(call: &Call) -> Option<Value> {
    let prints = match call.verb {
        Verb::Del => call.faults.has(Fault::DelPrints),
        Verb::Status => call.faults.has(Fault::StatusPrints),
        Verb::Gc => call.faults.has(Fault::GcPrints),
        Verb::Check => call.faults.has(Fault::CheckPrints),
        _ => false,
    };
    prints.then(|| {
        call.document
            .get("prevResult")
            .cloned()
            .unwrap_or_else(|| json!({"cniVersion": call.version.as_str()}))
    })
}

/// Longer than any deadline of the harness, but not for ever: nobody may have to clean up after a mutant.
pub(super) fn hang() {
    std::thread::sleep(std::time::Duration::from_secs(300));
}

fn die_by_signal() -> ! {
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).unwrap_or_default();
    std::process::abort()
}
