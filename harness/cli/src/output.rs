//! Where output goes: standard output for people, files that are opened before the first trial.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use cni_conform_report::{Gate, Report, Verdict};

use crate::args::{FailOn, ReportFile};
use crate::exit::Failure;

/// Report files, open and waiting.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    files: Vec<(ReportFile, Box<File>)>,
}

impl Outputs {
    /// Creates every file now, so that a path that can't be written fails before minutes of work.
    ///
    /// # Errors
    /// A file that can't be created, named twice, or a second report on standard output, is a usage error.
    pub(crate) fn open(reports: &[ReportFile]) -> Result<Self, Failure> {
        let mut files: Vec<(ReportFile, Box<File>)> = Vec::new();
        for report in reports {
            if files.iter().any(|(other, _)| other.path == report.path) {
                return Err(Failure::usage(format!(
                    "two reports go to {}; give each a file of its own",
                    report.path.display()
                )));
            }
            let file = File::create(&report.path).map_err(|error| {
                Failure::usage(format!("create the report file {}: {error}; name a file in a directory that you can write to", report.path.display()))
            })?;
            files.push((report.clone(), Box::new(file)));
        }
        Ok(Self { files })
    }

    /// Writes the report to every file.
    ///
    /// # Errors
    /// A file that can't be written (a full disk) leaves the run without a verdict that others can read.
    pub(crate) fn write(self, report: &Report, gate: Gate) -> Result<(), Failure> {
        for (target, mut file) in self.files {
            let text = cni_conform_report::render(report, target.format, gate);
            file.write_all(text.as_bytes())
                .and_then(|()| file.flush())
                .map_err(|error| {
                    Failure::could_not_judge(format!(
                        "write the report {}: {error}",
                        target.path.display()
                    ))
                })?;
        }
        Ok(())
    }
}

/// Prints to standard output; colour only on a terminal. A reader that closed the pipe is content.
///
/// # Errors
/// Any other refusal, such as a full disk.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::could_not_judge(
            format!("write to standard output: {error}"),
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Reads a JSON report; one that was cut off is refused.
///
/// # Errors
/// A file that can't be read, is no report, is damaged or truncated is a usage error.
pub(crate) fn read_report(path: &Path) -> Result<Report, Failure> {
    let text = std::fs::read(path)
        .map_err(|error| Failure::usage(format!("read the report {}: {error}", path.display())))?;
    cni_conform_report::json::read(&text).map_err(|error| {
        Failure::usage(format!(
            "report {}: {}",
            path.display(),
            cni_conform_core::chain(&error)
        ))
    })
}

/// Returns the gate for a `--fail-on`.
pub(crate) const fn gate(fail_on: FailOn) -> Gate {
    Gate {
        fail_on: match fail_on {
            FailOn::Must => Verdict::Fail,
            FailOn::Should => Verdict::Warn,
        },
    }
}

/// Returns the width of the terminal, or one that suits an issue or a log.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0).clamp(40, 160))
}
