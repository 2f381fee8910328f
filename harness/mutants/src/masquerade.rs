//! Source address translation for one attachment, through `iptables` and `ip6tables`.
//!
//! Every rule carries the attachment in its comment and is found again by it, so that DEL needs no memory of it.

use std::process::{Command, Output};

use crate::{
    address::Cidr,
    catalogue::Fault,
    protocol::{Attachment, Call, Failure, code},
};

/// The rules of one attachment.
pub(crate) struct Masquerade {
    comment: String,
}

impl Masquerade {
    /// The rules of the attachment that is called.
    pub(crate) fn of(call: &Call, attachment: &Attachment) -> Self {
        let ifname = if call.faults.has(Fault::MasqueradeByContainer) {
            "any"
        } else {
            &attachment.ifname
        };
        // All three have been checked: no blank, no quote. Comments end at 255 bytes, hence the order.
        Self {
            comment: format!("{ifname}:{}:{}", call.network, attachment.container_id)
                .chars()
                .take(250)
                .collect(),
        }
    }

    /// Masquerades what comes from these addresses.
    pub(crate) fn add(&self, sources: &[Cidr]) -> Result<(), Failure> {
        for source in sources {
            let rule = self.rule("-A", *source);
            let done = run(program_of(source.is_ipv4()), &rule)?;
            if !done.status.success() {
                return Err(Failure::new(
                    code::KERNEL,
                    format!(
                        "masquerade {source}: {}",
                        String::from_utf8_lossy(&done.stderr).trim()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Says whether rules can be made at all on this host.
    pub(crate) fn is_available() -> bool {
        run("iptables", &words("-w -t nat -S POSTROUTING"))
            .is_ok_and(|listed| listed.status.success())
    }

    /// Says whether the rules for all these addresses are there.
    pub(crate) fn is_there(&self, sources: &[Cidr]) -> Result<bool, Failure> {
        for source in sources {
            if !run(program_of(source.is_ipv4()), &self.rule("-C", *source))?
                .status
                .success()
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes all rules of the attachment; it need not have any.
    pub(crate) fn remove(&self) -> Result<(), Failure> {
        for is_ipv4 in [true, false] {
            // A host without the program has no rule of ours.
            let Ok(listed) = run(program_of(is_ipv4), &words("-w -t nat -S POSTROUTING")) else {
                continue;
            };
            let text = String::from_utf8_lossy(&listed.stdout).into_owned();
            for line in text.lines().filter(|line| self.is_ours(line)) {
                let mut arguments = words("-w -t nat");
                arguments.extend(words(&line.replacen("-A", "-D", 1).replace('"', "")));
                let done = run(program_of(is_ipv4), &arguments)?;
                if !done.status.success() {
                    let why = String::from_utf8_lossy(&done.stderr).trim().to_owned();
                    return Err(Failure::new(
                        code::KERNEL,
                        format!("remove the rule {line:?}: {why}"),
                    ));
                }
            }
        }
        Ok(())
    }

    fn is_ours(&self, line: &str) -> bool {
        words(&line.replace('"', ""))
            .windows(2)
            .any(|pair| pair == ["--comment", &self.comment])
    }

    fn rule(&self, action: &str, source: Cidr) -> Vec<String> {
        let mut arguments = words(&format!(
            "-w -t nat {action} POSTROUTING -s {}",
            source.address
        ));
        arguments.extend(words("-m comment --comment"));
        arguments.push(self.comment.clone());
        arguments.extend(words("-j MASQUERADE"));
        arguments
    }
}

fn program_of(is_ipv4: bool) -> &'static str {
    if is_ipv4 { "iptables" } else { "ip6tables" }
}

fn run(program: &str, arguments: &[String]) -> Result<Output, Failure> {
    // Runtimes need not pass PATH on.
    let output = Command::new(program)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .args(arguments)
        .output();
    output.map_err(|error| Failure::new(code::KERNEL, format!("run {program}: {error}")))
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}
