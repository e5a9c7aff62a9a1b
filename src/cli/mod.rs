//! The command line: one file per command, with its arguments and what it prints.

mod data;
mod doctor;
pub(crate) mod exit;
mod export;
mod list;
mod networks;
mod options;
mod parity;
mod report;
mod run;
mod submit;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use self::exit::{CliError, Exit};
use self::exit::{print, print_json};
use self::networks::{diagnose, eval, inspect, speed};
pub(crate) use self::options::Global;
use self::options::{DeviceArgs, ExperimentArgs, FileArgs, split};
use crate::experiment::schema::compose;
use crate::registry::Registry;

/// Long-range sequence benchmark: one YAML file in, one plotted report out.
#[derive(Debug, Parser)]
#[command(
    name = "bench",
    version,
    max_term_width = 100,
    after_help = "Begin with: bench run experiments/quickstart.yaml\n\n\
    Exit codes: 0 done; 1 a run or a check failed, or a run is locked; 2 wrong usage, experiment file or data \
    (nothing started); 3 the device is missing; 75 saved on SIGUSR1, to be started again; 130 interrupted (run the same \
    command again to resume)."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment: what is not done is trained, what was interrupted is resumed
    Run(run::RunArgs),
    /// Write tables, figures and pages from run folders alone
    Report(report::ReportArgs),
    /// Compare runs in pairs, e.g. 1D against 2D with --by task
    Compare(report::CompareArgs),
    /// Variance per layer and scale of logits at initialisation
    Diagnose(diagnose::DiagnoseArgs),
    /// Time and memory of training steps; needs no data, unless asked for the task's own
    Speed(speed::SpeedArgs),
    /// Score of a checkpoint: one of ours, or the weights of a reference program
    Eval(eval::EvalArgs),
    /// Write runs for TensorBoard or Weights & Biases, or weights for the reference program
    Export(export::ExportArgs),
    /// What the network of a checkpoint looks at: kernels, receptive field, eigenvalues
    Inspect(inspect::InspectArgs),
    /// Compare with tensors recorded from the original programs
    Parity(parity::ParityArgs),
    /// List, fetch, generate, import, verify, show and clean data sets
    Data(data::DataArgs),
    /// List what experiment files can name
    List(list::ListArgs),
    /// Print the JSON schema of experiment files, for completion in editors
    Schema,
    /// What works here: devices, threads, data, disk
    Doctor,
    /// States of all runs of a run folder
    Status(report::StatusArgs),
    /// Make one file of run folders, which report, compare and status read as they do folders
    Pack(report::PackArgs),
    /// Train an experiment as jobs of a cluster, one per run, with the report after them, or in the background of this machine
    Submit(submit::SubmitArgs),
    /// End the jobs of an experiment
    Cancel(submit::CancelArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Start a command as often as it asks for it, as `bench submit --engine local` orders
    #[command(hide = true)]
    Keep(submit::keep::KeepArgs),
    /// Train runs as `bench run` orders on standard input
    #[command(hide = true)]
    Worker(run::WorkerArgs),
}

impl Command {
    /// Whether messages are coloured, where another process decides.
    pub fn has_colour(&self) -> Option<bool> {
        match self {
            Self::Worker(args) => Some(args.colour),
            _ => None,
        }
    }
}

/// Carry out the command.
///
/// # Errors
/// What ends it early, with the exit code.
pub fn execute(cli: &Cli, registry: &Registry) -> Result<Exit, CliError> {
    let global = &cli.global;
    match &cli.command {
        Command::Run(args) => run::execute(args, global, registry),
        Command::Worker(args) => run::work(args, global, registry),
        Command::Report(args) => report::write(args, global, registry),
        Command::Compare(args) => report::compare(args, global, registry),
        Command::Diagnose(args) => diagnose::execute(args, global, registry),
        Command::Speed(args) => speed::execute(args, global, registry),
        Command::Status(args) => report::status(args, global, registry),
        Command::Pack(args) => report::pack(args, global),
        Command::Submit(args) => submit::execute(args, global, registry),
        Command::Keep(args) => submit::keep::execute(args),
        Command::Cancel(args) => submit::cancel(args, global),
        Command::Data(args) => data::execute(args, global, registry),
        Command::Eval(args) => eval::execute(args, global, registry),
        Command::Export(args) => export::execute(args, global, registry),
        Command::Inspect(args) => inspect::execute(args, global, registry),
        Command::Parity(args) => parity::execute(args, global),
        Command::List(args) => list::execute(args, global, registry),
        Command::Schema => {
            print_json(&compose(registry))?;
            Ok(Exit::Done)
        }
        Command::Doctor => doctor::execute(global, registry),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "bench", &mut script);
            print(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Done)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
