//! `generate`: shell completions and the man page, from the same definitions as `--help`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::{Arguments, Generate, Generated};
use crate::exit::{Failure, Status};
use crate::output::print;

/// Prints what was asked for.
pub(crate) fn run(arguments: &Generate) -> Result<Status, Failure> {
    let mut command = Arguments::command();
    let mut bytes = Vec::new();
    let shell = match arguments.what {
        Generated::Bash => Some(Shell::Bash),
        Generated::Zsh => Some(Shell::Zsh),
        Generated::Fish => Some(Shell::Fish),
        Generated::Man => None,
    };
    match shell {
        Some(shell) => clap_complete::generate(shell, &mut command, "cni-conform", &mut bytes),
        None => clap_mangen::Man::new(command)
            .render(&mut bytes)
            .map_err(|error| Failure::could_not_judge(format!("render the man page: {error}")))?,
    }
    print(&String::from_utf8_lossy(&bytes))?;
    Ok(Status::Conforms)
}
