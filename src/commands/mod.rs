//! One file per command.

pub mod data;
mod diagnose;
mod doctor;
mod dry_run;
mod eval;
mod list;
mod parity;
mod report;
mod run;
mod schema;
mod speed;

use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Stop, print};
use crate::registry::Registry;

/// Carry out the command.
///
/// # Errors
/// What ends it early, with the exit code.
pub fn execute(cli: &Cli, registry: &Registry) -> Result<Exit, Stop> {
    let global = &cli.global;
    match &cli.command {
        Command::Run(args) => run::execute(args, global, registry),
        Command::Worker(args) => run::work(args, global, registry),
        Command::Report(args) => report::write(args, global),
        Command::Compare(args) => report::compare(args, global),
        Command::Diagnose(args) => diagnose::execute(args, global, registry),
        Command::Speed(args) => speed::execute(args, global, registry),
        Command::Status(args) => report::status(args, global),
        Command::Data(args) => data::execute(args, global, registry),
        Command::Eval(args) => eval::execute(args, global, registry),
        Command::Parity(args) => parity::execute(args, global),
        Command::List(args) => list::execute(args, global, registry),
        Command::Schema => schema::execute(registry),
        Command::Doctor => doctor::execute(global, registry),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "bench", &mut script);
            print(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Done)
        }
    }
}
