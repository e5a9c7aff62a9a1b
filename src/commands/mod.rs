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
mod table;

use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Stop, print};

/// Carry out the command.
///
/// # Errors
/// What ends it early, with the exit code.
pub fn execute(cli: &Cli) -> Result<Exit, Stop> {
    let global = &cli.global;
    match &cli.command {
        Command::Run(args) => run::execute(args, global),
        Command::Worker(args) => run::work(args, global),
        Command::Report(args) => report::write(args, global),
        Command::Compare(args) => report::compare(args, global),
        Command::Diagnose(args) => diagnose::execute(args, global),
        Command::Speed(args) => speed::execute(args, global),
        Command::Status(args) => report::status(args, global),
        Command::Data(args) => data::execute(args, global),
        Command::Eval(args) => eval::execute(args, global),
        Command::Parity(args) => parity::execute(args, global),
        Command::List(args) => list::execute(args, global),
        Command::Schema => schema::execute(),
        Command::Doctor => doctor::execute(global),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "bench", &mut script);
            print(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Done)
        }
    }
}
