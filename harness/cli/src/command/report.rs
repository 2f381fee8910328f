//! `report`: a saved report in another format.

use cni_conform_report::{Format, terminal};

use crate::args::Redraw;
use crate::exit::{Failure, Status};
use crate::output::{gate, print, read_report, width};

/// Prints the report; ends with the status that its run would have ended with.
pub(crate) fn run(arguments: &Redraw) -> Result<Status, Failure> {
    let report = read_report(&arguments.file)?;
    let gate = gate(arguments.fail_on);
    let text = match arguments.format {
        Format::Terminal => terminal::render(
            &report,
            terminal::Layout {
                width: width(),
                gate,
            },
        ),
        other => cni_conform_report::render(&report, other, gate),
    };
    print(&text)?;
    Ok(super::run::status(gate, &report))
}
