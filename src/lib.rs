//! The long-range sequence benchmark: experiment files, the training loop, runs that survive, and the command line.
//!
//! The binary `bench` is [`main`] with [`Registry::standard`]. A program of one's own hands over a registry with baselines and
//! tasks of its own; they then stand in every command, file and table as the others do, and nothing of this crate has to be
//! changed. `examples/own_baseline` is such a program.
//!
//! The layers of this crate, each of which uses those below it:
//!
//! - `cli`: the commands, their arguments, output and exit codes;
//! - `submit`: runs as jobs of a cluster;
//! - `runner`: a plan, run by run, in worker processes, each run in its folder;
//! - `measure` and `parity`: evaluation, timing and diagnosis of networks, and comparison with recorded tensors;
//! - `training`: one training, from its first step or a checkpoint to its final metrics;
//! - `origin`: where the settings of a network come from;
//! - `experiment`: a file becomes a plan;
//! - `files`: checkpoints, tensors, the folder of a run; beside it `registry` and `terminal`.
//!
//! From the run folders, the crate `reports` makes tables and figures.

// Both panic where nobody reads any longer: see `terminal` and `cli::exit::print`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod experiment;
mod files;
mod measure;
mod origin;
mod parity;
mod registry;
mod runner;
mod submit;
mod terminal;
mod training;

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
#[cfg(unix)]
use std::sync::Arc;

use clap::Parser;

use cli::{Cli, CliError, Exit, Global, exit};
use terminal::LogForm;

pub use baselines;
pub use datasets;

pub use registry::Registry;

/// The whole program, with the command line of the process: what `bench` does, with the tasks and baselines of `registry`.
///
/// The process that calls this is started again to train runs, so `main` should do nothing else. It may choose the allocator:
/// `bench` takes one that keeps freed pages, since training allocates and frees the same large buffers every step.
pub fn main(registry: Registry) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error).into(),
    };
    let run = || {
        start(&cli.global, cli.command.has_colour())?;
        registry.check().map_err(CliError::usage)?;
        cli::execute(&cli, &registry)
    };
    // The panic hook has printed the message by then.
    let result = std::panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let message = terminal::panic_text(panic.as_ref()).unwrap_or_default();
        Err(CliError::failed(format!("the program failed: {message}")))
    });
    let exit = result.unwrap_or_else(|error| error.report());
    terminal::settle();
    exit.into()
}

/// Help, version, or what is wrong with the arguments.
fn refuse(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        return exit::unless_gone(error.print()).map_or_else(|error| error.report(), |()| Exit::Done);
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let json = arguments.windows(2).any(|pair| pair[0] == "--log" && pair[1] == "json");
    if json || arguments.iter().any(|argument| argument == "--log=json") {
        terminal::set_form(LogForm::Json);
        terminal::fail(Exit::Usage.into(), &error.render().to_string());
    } else {
        // Coloured where the terminal can. A failure to print has no reader.
        let _ = error.print();
    }
    Exit::Usage
}

/// Set up log and threads.
fn start(global: &Global, colour: Option<bool>) -> Result<(), CliError> {
    let level = if global.quiet { "warn" } else { "info" };
    terminal::set_form(global.log);
    terminal::start(global.log, level, colour.unwrap_or_else(terminal::has_colour)).map_err(CliError::failed)?;
    // A file that grows beyond `ulimit -f` is an error of whoever writes it, not the end of the process.
    #[cfg(unix)]
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default())
        .map_err(|error| CliError::failed(format!("cannot listen for signals: {error}")))?;
    // This thread is one of the pool: kernels that it starts need not be handed to another thread, which takes longer than
    // a small kernel.
    let mut threads = rayon::ThreadPoolBuilder::new().use_current_thread();
    if let Some(number) = global.threads {
        threads = threads.num_threads(number.into());
    }
    threads.build_global().map_err(|error| CliError::failed(format!("cannot start threads: {error}")))
}
