//! The reproducer: everything a trial did, as a POSIX shell script that needs only unshare, ip and the plugin.
//!
//! Steps are written down as they happen; a finding takes those so far and adds the condition that shows it.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cni_spec_fixtures::{Requirement, SpecVersion};

use super::judge::Proof;
use super::request::{Input, Previous, Request, before_previous, config_text};
use crate::invoke::Output;
use crate::subject::Program;

/// Steps so far.
#[derive(Clone, Debug)]
pub(super) struct Script {
    check: String,
    title: String,
    version: SpecVersion,
    program: Program,
    delegates: Vec<Program>,
    steps: String,
}

impl Script {
    pub(super) fn new(
        check: &str,
        title: &str,
        version: SpecVersion,
        program: &Program,
        delegates: &[Program],
    ) -> Self {
        Self {
            check: check.to_owned(),
            title: title.to_owned(),
            version,
            program: program.clone(),
            delegates: delegates.to_vec(),
            steps: String::new(),
        }
    }

    /// Adds a command.
    pub(super) fn step(&mut self, command: &str) {
        let _infallible = writeln!(
            self.steps,
            "{command} || cannot '{}'",
            command.replace('\'', "")
        );
    }

    /// Adds lines as they are.
    pub(super) fn verbatim(&mut self, lines: &str) {
        self.steps.push_str(lines);
    }

    /// Adds the writing of a file.
    pub(super) fn write(&mut self, path: &str, content: &[u8]) {
        let _infallible = writeln!(self.steps, "printf {} >{path}", quoted_format(content));
    }

    /// Adds the recording of the host's state.
    pub(super) fn record_state(&mut self, moment: &str) {
        let _infallible = writeln!(
            self.steps,
            "state >$work/state-{}",
            moment.replace(' ', "-")
        );
    }

    /// Adds a call of the plugin.
    pub(super) fn call(&mut self, index: usize, request: &Request, deadline: Duration) {
        self.input(index, request);
        let command = self.command(index, request, deadline);
        let _infallible = writeln!(self.steps, "{command}; status{index}=$?");
    }

    /// Adds calls of the plugin that run at the same time.
    pub(super) fn call_all(&mut self, first: usize, requests: &[Request], deadline: Duration) {
        for (index, request) in (first..).zip(requests) {
            self.input(index, request);
        }
        self.steps.push_str("\n# all at once\n");
        for (index, request) in (first..).zip(requests) {
            let command = self.command(index, request, deadline);
            let _infallible = writeln!(
                self.steps,
                "{{ {command}; echo $? >$work/status{index}; }} &"
            );
        }
        self.steps.push_str("wait\n");
        for index in first..first + requests.len() {
            let _infallible = writeln!(self.steps, "status{index}=$(cat $work/status{index})");
        }
    }

    /// Returns the command of a call, without what happens to its exit status.
    fn command(&self, index: usize, request: &Request, deadline: Duration) -> String {
        let mut text = String::from("env -i");
        for (key, value) in &request.env {
            let word = match key.as_str() {
                "CNI_PATH" if !value.is_empty() => self.search_path(&value.to_string_lossy()),
                _ => quoted(value.as_bytes()),
            };
            let _infallible = write!(text, " {key}={word}");
        }
        let output = match request.output {
            Output::Captured => format!("$work/out{index}"),
            Output::Full => "/dev/full".to_owned(),
        };
        let _infallible = write!(
            text,
            " \\\n  timeout -s KILL {} \"$plugin\" <$work/in{index} >{output} 2>$work/err{index}",
            deadline.as_secs().max(1)
        );
        text
    }

    /// Adds the writing of a call's standard input.
    fn input(&mut self, index: usize, request: &Request) {
        let verb = request
            .env
            .get("CNI_COMMAND")
            .map(|verb| verb.to_string_lossy().into_owned())
            .unwrap_or_default();
        let _infallible = writeln!(self.steps, "\n# call {index}: {verb}");
        match &request.input {
            Input::Unreadable => {
                let _infallible = writeln!(self.steps, "mkdir $work/in{index}");
            }
            Input::Bytes(bytes) => {
                let _infallible = writeln!(
                    self.steps,
                    "printf {} >$work/in{index}",
                    quoted_format(bytes)
                );
            }
            Input::Config {
                config,
                previous: Previous::None,
            } => {
                let text = quoted_format(config_text(config).as_bytes());
                let _infallible = writeln!(self.steps, "printf {text} >$work/in{index}");
            }
            Input::Config {
                config,
                previous: Previous::Edited(call, _, sed),
            } => {
                let text = quoted_format(before_previous(config).as_bytes());
                let _infallible = writeln!(
                    self.steps,
                    "{{ printf {text}; compact $work/out{call} | sed -E \"{sed}\"; printf '}}'; }} >$work/in{index}"
                );
            }
            Input::Config {
                config,
                previous: Previous::Of(call, _),
            } => {
                let text = quoted_format(before_previous(config).as_bytes());
                let _infallible = writeln!(
                    self.steps,
                    "{{ printf {text}; cat $work/out{call}; printf '}}'; }} >$work/in{index}"
                );
            }
            Input::Config {
                config,
                previous: Previous::WithoutVersion(call, _),
            } => {
                let text = quoted_format(before_previous(config).as_bytes());
                let _infallible = writeln!(
                    self.steps,
                    "{{ printf {text}; compact $work/out{call} | sed 's/\"cniVersion\":\"[^\"]*\",*//;s/,}}$/}}/'; printf '}}'; }} >$work/in{index}"
                );
            }
        }
    }

    /// Writes a CNI_PATH: the directories of the plugins are elsewhere in a reproducer, the delegate's are not.
    fn search_path(&self, path: &str) -> String {
        let mut words: Vec<String> = Vec::new();
        for directory in path.split(':') {
            let own = std::iter::once(&self.program)
                .chain(&self.delegates)
                .any(|program| program.at.parent() == Some(Path::new(directory)));
            let word = if own {
                "\"$path\"".to_owned()
            } else {
                quoted(directory.as_bytes())
            };
            if words.last() != Some(&word) {
                words.push(word);
            }
        }
        words.join(":")
    }

    /// Returns the whole script for a finding.
    pub(super) fn render(
        &self,
        requirement: &Requirement,
        expected: &str,
        actual: &str,
        proof: &Proof,
    ) -> String {
        let name = self.program.name();
        let mut text = format!(
            "#!/bin/sh\n# {}\n# check {}, requirement {} ({}), CNI spec {}\n# {}\n# expected: {}\n# actual:   {}\n#\n",
            one_line(&self.title),
            self.check,
            requirement.id,
            requirement.level_in(self.version),
            self.version,
            requirement.url(self.version).unwrap_or_else(|| {
                "a position of the catalogue; see cni-conform explain".to_owned()
            }),
            one_line(expected),
            one_line(actual),
        );
        let _infallible = write!(
            text,
            "# Usage: sh THIS [PLUGIN]   needs unshare, ip and the plugin; no root. Nothing outside its namespaces changes.\n\
             # Exit status: 1 while the bug is there, 0 when it is not, 2 when this could not be tried.\n\
             file=${{1:-{}}}\n{PRELUDE}",
            quoted(self.program.file.as_os_str().as_bytes()),
        );
        let directory = |program: &Program| {
            quoted(
                program
                    .at
                    .parent()
                    .unwrap_or(Path::new("/"))
                    .as_os_str()
                    .as_bytes(),
            )
        };
        let _infallible = write!(
            text,
            "link \"$file\" {}\nplugin=$work/bin/{}\npath=$work/bin:{}\n",
            quoted(name.as_bytes()),
            quoted(name.as_bytes()),
            directory(&self.program)
        );
        for delegate in &self.delegates {
            let word = quoted(delegate.name().as_bytes());
            // A delegate of the subject's own executable is the executable under test, whichever that is.
            let file = if delegate.file == self.program.file {
                "\"$file\"".to_owned()
            } else {
                quoted(delegate.file.as_os_str().as_bytes())
            };
            let _infallible = writeln!(text, "link {file} {word}");
        }
        text.push_str("\n# what happens\n");
        text.push_str(&self.steps);
        let _infallible = write!(
            text,
            "\n# is the bug there?\nif {}; then\n  echo {} >&2\n  exit 1\nfi\necho 'not reproduced' >&2\nexit 0\n",
            condition(proof),
            quoted(
                format!(
                    "reproduced: {} ({}), CNI spec {}",
                    requirement.id, self.check, self.version
                )
                .as_bytes()
            ),
        );
        text
    }
}

/// Returns the directories of the plugin and its delegates, which is the regular CNI_PATH.
pub(super) fn plugin_path(program: &Program, delegates: &[Program]) -> Vec<PathBuf> {
    let mut path: Vec<PathBuf> = Vec::new();
    for program in std::iter::once(program).chain(delegates) {
        if let Some(directory) = program.at.parent()
            && !path.iter().any(|known| known == directory)
        {
            path.push(directory.to_owned());
        }
    }
    path
}

/// Everything before the first step: the throwaway host.
const PRELUDE: &str = r#"cannot() { echo "cannot try: $*" >&2; exit 2; }
if [ -z "${CNI_REPRODUCER:-}" ]; then
  user=; [ "$(id -u)" = 0 ] || user=--map-root-user
  CNI_REPRODUCER=1 exec unshare $user --mount --net --ipc --uts --pid --fork --kill-child --mount-proc sh "$0" "$file"
  cannot unshare
fi
[ -x "$file" ] || cannot "execute $file; give the plugin's path as the first argument"
mount -t sysfs sysfs /sys || cannot 'mount /sys'
for place in /run /var/lib; do mount -t tmpfs -o mode=755 tmpfs $place || cannot "mount $place"; done
work=/run/reproducer
mkdir -p $work/bin /run/netns /var/lib/cni || cannot 'make directories'
ip link set lo up || cannot 'bring up lo'
for key in all default; do echo 0 >/proc/sys/net/ipv6/conf/$key/accept_dad; done 2>/dev/null
ip link add uplink0 type veth peer name world0 && ip link set uplink0 up && ip link set world0 up || cannot 'make the uplink'
ip address add 203.0.113.2/24 dev uplink0; ip address add 2001:db8:ffff::2/64 dev uplink0 2>/dev/null
ip route add default via 203.0.113.1; ip -6 route add default via 2001:db8:ffff::1 2>/dev/null
ns() { name=$1; shift; ip netns exec "$name" "$@"; }
link() { [ -e "$work/bin/$2" ] || ln -s "$1" "$work/bin/$2"; }
peer() { ip -o link | sed -n "s/^[0-9]*: \([^@]*\)@.* link-netns $1\( .*\)*\$/\1/p" | head -n 1; }
compact() { tr -d ' \t\r\n' <"$1"; }
links() {
  awk '{ mac = ""; for (i = 6; i < NF; i++) if ($i == "link/ether") mac = $(i + 1)
    qdisc = ($7 ~ /^(noqueue|noop|pfifo_fast|fq_codel|mq|fq)$/) ? "" : $7
    sub(/[@:].*/, "", $2); print "link", $2, $4, $5, mac, qdisc, ($3 ~ /[<,]UP[,>]/ ? "up" : "down") }' | sort
}
addresses() { awk '$4 !~ /^fe80/ { print "address", $2, $4 }' | sort; }
state() {
  ip -o link | links; ip -o address show up | addresses
  ip route show table all type unicast; ip -6 route show table all type unicast | grep -v fe80; ip rule; ip -6 rule
  nft --stateless list ruleset 2>/dev/null
  for c in /run/netns/*; do c=${c##*/}; ns "$c" true 2>/dev/null && {
    ns "$c" ip -o link | links | sed "s/^/$c /"; ns "$c" ip -o address show up | addresses | sed "s/^/$c /"
    ns "$c" ip route show table all type unicast | sed "s/^/$c route /"
  }; done
  find /run /var/lib -type f ! -path "$work/*" ! -path '/run/cni-conform/*' ! -path '/run/netns/*' ! -name xtables.lock | sort
  cat /proc/sys/net/ipv4/ip_forward
}
"#;

/// Returns the shell condition that is true while the bug is there.
fn condition(proof: &Proof) -> String {
    match proof {
        Proof::Succeeds(call) => format!("[ $status{call} -eq 0 ]"),
        Proof::Fails(call) => format!("[ $status{call} -ne 0 ]"),
        Proof::Dies(call) => format!("[ $status{call} -gt 125 ]"),
        Proof::Prints(call, expression) => format!(
            "compact $work/out{call} | grep -Eq {}",
            quoted(expression.as_bytes())
        ),
        Proof::Lacks(call, expression) => format!(
            "! compact $work/out{call} | grep -Eq {}",
            quoted(expression.as_bytes())
        ),
        Proof::PrintsAnything(call) => format!("[ -n \"$(compact $work/out{call})\" ]"),
        Proof::PrintsNoDocument(call) => {
            format!(
                "! compact $work/out{call} | grep -Eq '^[{{].*[}}]$' || compact $work/out{call} | grep -q '}}{{'"
            )
        }
        Proof::Differs(before, after) => {
            format!(
                "! cmp -s $work/state-{} $work/state-{}",
                before.replace(' ', "-"),
                after.replace(' ', "-")
            )
        }
        Proof::Grows(before, after) => {
            format!(
                "sort $work/state-{} >$work/sorted; sort $work/state-{} | comm -13 $work/sorted - | grep -q .",
                before.replace(' ', "-"),
                after.replace(' ', "-")
            )
        }
        Proof::Shell(condition) => condition.clone(),
        Proof::Any(proofs) => joined(proofs, " || "),
        Proof::All(proofs) => joined(proofs, " && "),
    }
}

fn joined(proofs: &[Proof], operator: &str) -> String {
    let conditions: Vec<String> = proofs
        .iter()
        .map(|proof| format!("{{ {}; }}", condition(proof)))
        .collect();
    conditions.join(operator)
}

/// Quotes bytes as one shell word; bytes that are no text go through printf, which loses line feeds at their end.
fn quoted(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(|c: char| c.is_control() && c != '\n') => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => format!("\"$(printf {})\"", quoted_format(bytes)),
    }
}

/// Quotes bytes as a format for printf(1) that prints exactly them.
fn quoted_format(bytes: &[u8]) -> String {
    let mut format = String::from("'");
    for byte in bytes {
        match byte {
            b'%' => format.push_str("%%"),
            b'\\' => format.push_str(r"\\"),
            b'\'' => format.push_str(r"'\''"),
            b'\n' => format.push_str(r"\n"),
            0x20..=0x7e => format.push(char::from(*byte)),
            _ => {
                let _infallible = write!(format, "\\{byte:03o}");
            }
        }
    }
    format.push('\'');
    format
}

/// Folds text into one line of a comment; a comment must not be able to end itself.
fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(400)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{quoted, quoted_format};

    #[test]
    fn bytes_survive_the_shell() {
        for bytes in [&b"it's 100% \\ \xff\x00end"[..], b"", b"a\nb"] {
            let command = format!("printf {}", quoted_format(bytes));
            let output = std::process::Command::new("sh")
                .args(["-c", &command])
                .output()
                .unwrap();
            assert_eq!(output.stdout, bytes);
        }
    }

    #[test]
    fn words_keep_the_line_feed_at_their_end() {
        let command = format!("printf %s {}", quoted(b"eth0\n"));
        let output = std::process::Command::new("sh")
            .args(["-c", &command])
            .output()
            .unwrap();
        assert_eq!(output.stdout, b"eth0\n");
    }

    #[test]
    fn words_can_not_break_out_of_their_quotes() {
        let evil = "'; touch /tmp/broken; echo '$(id)`id`\"";
        let command = format!("printf %s {}", quoted(evil.as_bytes()));
        let output = std::process::Command::new("sh")
            .args(["-c", &command])
            .output()
            .unwrap();
        assert_eq!(output.stdout, evil.as_bytes());
    }
}
