//! What can be typed. Help, completions and the man page are all made from these definitions.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cni_conform_report::{Format, Partition};
use cni_spec_fixtures::SpecVersion;

/// Decides whether a CNI plugin does what the CNI specification asks of it.
#[derive(Debug, Parser)]
#[command(name = "cni-conform", version, max_term_width = 100, after_help = EXIT_STATUS)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Shown at the end of every help.
const EXIT_STATUS: &str = "\
Exit status:
  0  everything that was judged conforms
  1  something does not conform
  2  usage: an argument, or a file that it names, is unusable
  3  could not judge: sandbox, kernel, canary, or a report that could not be written
  4  nothing ran
1 outranks 3.";

/// Examples of `run`.
const RUN_EXAMPLES: &str = "\
Examples:
  cni-conform run                             judge the built-in reference plugins
  cni-conform run /opt/cni/bin/bridge         judge a plugin, by its built-in profile
  cni-conform run ./myplugin --config my.conf judge a plugin that has no profile
  cni-conform run bridge --only 'del/*'       only the checks of DEL
  cni-conform run bridge --report junit=junit.xml --report json=report.json

Exit status: 0 conforms, 1 does not, 2 usage, 3 could not judge, 4 nothing ran.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge plugins
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
    /// List the checks
    List(List),
    /// Explain a check or a requirement at length
    Explain(Explain),
    /// Show every requirement and its state in a report
    Ledger(Ledger),
    /// Prove on this machine that every check can fail: run the kill matrix
    Selftest(Selftest),
    /// Draw a saved report again, in another format
    Report(Redraw),
    /// Join the reports of a partitioned run
    Merge(Merge),
    /// Print shell completions or the man page
    Generate(Generate),
}

#[derive(Args, Debug)]
pub(crate) struct Run {
    /// Plugin binaries, or names of built-in reference plugins [default: all built-in ones]
    #[arg(value_name = "PLUGIN")]
    pub(crate) plugins: Vec<PathBuf>,
    /// Network configuration for a plugin that has no built-in profile; also replaces a profile's own
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What the plugin is and needs: a built-in profile's name or a TOML file (docs/profiles.md)
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) profile: Option<String>,
    /// Only these spec versions [default: all that the plugin's VERSION reply claims]
    #[arg(long, value_name = "VERSION", value_delimiter = ',', value_parser = spec_version)]
    pub(crate) spec: Vec<SpecVersion>,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// The weakest violation that fails the run
    #[arg(long, value_enum, default_value_t = FailOn::Must, value_name = "LEVEL")]
    pub(crate) fail_on: FailOn,
    /// Write a report as well, such as junit=FILE; repeatable. FORMAT: json, junit, markdown, github, tap, terminal
    #[arg(long, value_name = "FORMAT=FILE", value_parser = ReportFile::from_str)]
    pub(crate) report: Vec<ReportFile>,
    /// Trials side by side [default: three for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    /// Carry out only the K-th of N equal shares, for a CI matrix; `merge` joins the reports
    #[arg(long, value_name = "K/N", value_parser = partition)]
    pub(crate) partition: Option<Partition>,
    /// Seed of order and generated values
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// How long one call of a plugin may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) deadline: u64,
    /// Directory for reproducer scripts [default: a new one under the temporary directory, when there are any]
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

/// Which checks.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Only checks whose id, or one of whose requirements' ids, matches; repeatable
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,
    /// Leave out checks whose id, or one of whose requirements' ids, matches; repeatable
    #[arg(long, value_name = "GLOB")]
    pub(crate) skip: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) selection: Selection,
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// Id of a check (del/netns-already-gone) or of a requirement (del.netns-gone, CNI-DEL-005)
    pub(crate) id: String,
}

#[derive(Args, Debug)]
pub(crate) struct Ledger {
    /// A JSON report; without one, which requirement has which checks
    pub(crate) report: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Selftest {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Run every check on every mutant, and print the whole matrix
    #[arg(long)]
    pub(crate) full: bool,
    /// Also run every reproducer: it has to exit 1 on the mutant and 0 on the correct toy
    #[arg(long)]
    pub(crate) reproducers: bool,
    /// Trials side by side [default: three for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
}

#[derive(Args, Debug)]
pub(crate) struct Redraw {
    /// A JSON report
    pub(crate) file: PathBuf,
    /// json, junit, markdown, github, tap or terminal
    #[arg(long, value_parser = Format::from_str)]
    pub(crate) format: Format,
    /// The weakest violation that counts as a failure
    #[arg(long, value_enum, default_value_t = FailOn::Must, value_name = "LEVEL")]
    pub(crate) fail_on: FailOn,
}

#[derive(Args, Debug)]
pub(crate) struct Merge {
    /// The shards' JSON reports
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Where the joined JSON report goes
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Generate {
    /// What to print
    #[arg(value_enum)]
    pub(crate) what: Generated,
}

/// What `generate` prints.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Generated {
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
    /// The man page, in roff
    Man,
}

/// The weakest violation that fails a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Only failures
    Must,
    /// Warnings as well
    Should,
}

/// A report to write.
#[derive(Clone, Debug)]
pub(crate) struct ReportFile {
    /// How.
    pub(crate) format: Format,
    /// Where; `-` is standard output.
    pub(crate) path: PathBuf,
}

impl FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text
            .split_once('=')
            .ok_or("write it as FORMAT=FILE, such as junit=report.xml")?;
        if path.is_empty() {
            return Err(format!("no file follows {format}="));
        }
        let format = format
            .parse::<Format>()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            format,
            path: PathBuf::from(path),
        })
    }
}

fn spec_version(text: &str) -> Result<SpecVersion, String> {
    text.parse()
        .map_err(|error: cni_spec_fixtures::UnknownVersion| error.to_string())
}

fn partition(text: &str) -> Result<Partition, String> {
    let parse = || {
        let (index, count) = text.split_once('/')?;
        let (index, count) = (index.parse().ok()?, count.parse().ok()?);
        (1 <= index && index <= count).then_some(Partition { index, count })
    };
    parse().ok_or_else(|| "write it as K/N with 1 <= K <= N, such as 2/5".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_definitions_are_consistent() {
        Arguments::command().debug_assert();
    }
}
