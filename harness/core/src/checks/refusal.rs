//! A request that a plugin has to refuse, judged in the same way by the checks of every topic.
//!
//! That it is refused is the requirement; the error's code and the variables in its text weigh less.

use cni_spec_fixtures::{Requirement, SpecVersion, req};

use crate::kernel::Snapshot;
use crate::trial::{Attachment, Call, Request, Stop, Trial, Verb};

/// What is wrong with a request, and what a plugin should say about it.
pub(super) struct Refusal<'a> {
    /// The requirement that a success violates.
    pub(super) requirement: &'a Requirement,
    /// The request.
    pub(super) request: &'a Request,
    /// The request in words: `ADD without CNI_IFNAME`.
    pub(super) what: &'a str,
    /// Fitting error codes; empty when none is prescribed.
    pub(super) codes: &'a [i64],
    /// Variables that an error with code 4 has to name.
    pub(super) variables: &'a [&'a str],
}

impl Refusal<'_> {
    /// Calls the plugin and judges its answer.
    pub(super) fn expect(&self, trial: &mut Trial) -> Result<Call, Stop> {
        let call = trial.call(self.request)?;
        if trial.expect_refusal(self.requirement, &call, self.what) {
            self.advise_on_code(trial, &call);
            let code = call.error().and_then(|error| error.code());
            if code == Some(4) {
                for variable in self.variables {
                    trial.expect_named(&req::ERR_CODE_4_NAMES, &call, variable, self.what);
                }
            }
        }
        Ok(call)
    }

    /// Codes 4 to 7 came with 1.0.0; before that a plugin can only know them from a later text. An error without a
    /// readable code is what the checks of the error object are for.
    fn advise_on_code(&self, trial: &mut Trial, call: &Call) {
        let Some(code) = call.error().and_then(|error| error.code()) else {
            return;
        };
        let defined =
            trial.version() >= SpecVersion::V1_0_0 || self.codes.iter().all(|code| *code < 4);
        if self.codes.is_empty() || !defined {
            return;
        }
        let list = self.codes.iter().map(i64::to_string).collect::<Vec<_>>();
        trial.advise(
            self.requirement,
            self.codes.contains(&code),
            format!("{}: error code {}", self.what, list.join(" or ")),
            call.brief(),
            crate::Proof::lacks(call, &format!("\"code\":({})[^0-9]", list.join("|"))),
        );
    }
}

/// Takes the snapshot that [`expect_untouched`] compares with.
pub(super) fn snapshot_before(trial: &mut Trial) -> Result<Snapshot, Stop> {
    trial.snapshot("before")
}

/// Expects that nothing changed since [`snapshot_before`].
pub(super) fn expect_untouched(
    trial: &mut Trial,
    requirement: &Requirement,
    before: &Snapshot,
    what: &str,
) -> Result<bool, Stop> {
    let after = trial.snapshot("after")?;
    let what = format!("{what} changes nothing on the host or in the container");
    Ok(trial.expect_unchanged(requirement, (before, "before"), (&after, "after"), &what))
}

/// Returns the verbs of the version under test that take a configuration.
pub(super) fn verbs_with_configuration(version: SpecVersion) -> &'static [Verb] {
    use Verb::{Add, Check, Del, Gc, Status};
    if version >= SpecVersion::V1_1_0 {
        &[Add, Del, Check, Status, Gc]
    } else if version >= SpecVersion::V0_4_0 {
        &[Add, Del, Check]
    } else {
        &[Add, Del]
    }
}

/// Returns the usual request of a verb that takes a configuration; GC's lists the attachment as valid.
pub(super) fn usual(trial: &Trial, verb: Verb, attachment: &Attachment) -> Request {
    match verb {
        Verb::Add | Verb::Del | Verb::Check => trial.request(verb, attachment),
        Verb::Status | Verb::Version => trial.request_without_attachment(verb),
        Verb::Gc => trial.request_without_attachment(verb).key(
            "cni.dev/valid-attachments",
            serde_json::json!([{ "containerID": attachment.id, "ifname": attachment.ifname }]),
        ),
    }
}

/// Expects success of a request that is unusual but valid. The plugin is blamed only if it takes the usual request
/// of the same verb; if it refuses that as well, other checks say so.
pub(super) fn expect_tolerated(
    trial: &mut Trial,
    requirement: &Requirement,
    (unusual, control): (&Request, &Request),
    what: &str,
) -> Result<Call, Stop> {
    let call = trial.call(unusual)?;
    if !call.succeeded() && trial.call(control)?.succeeded() {
        trial.expect_success(requirement, &call, what);
    }
    Ok(call)
}

/// As [`expect_tolerated`] for ADD, with the DEL of what it made.
pub(super) fn expect_add_tolerated(
    trial: &mut Trial,
    requirement: &Requirement,
    (attachment, unusual): (&Attachment, &Request),
    what: &str,
) -> Result<Call, Stop> {
    let call = trial.call(unusual)?;
    let del = trial.request(Verb::Del, attachment);
    if call.succeeded() {
        trial.call(&del)?;
        return Ok(call);
    }
    // What the failed ADD may have left must not make the usual one fail.
    trial.call(&del)?;
    let attached = trial.attach(attachment)?;
    trial.del(&attached)?;
    trial.expect_success(requirement, &call, what);
    Ok(call)
}
