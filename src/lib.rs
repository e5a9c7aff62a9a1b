//! The long-range sequence benchmark: experiment files, the training loop, runs that survive, and the command line.
//!
//! The binary `bench` is [`main`] with [`Registry::standard`]. A program of one's own hands over a registry with baselines and
//! tasks of its own; they then stand in every command, file and table as the others do, and nothing of this crate has to be
//! changed. `examples/own_baseline` is such a program.
//!
//! Data flow one way: `experiment` (a file becomes a plan of cells) → `run` (cells are trained by worker processes, each in
//! its folder) → `train` (one training) → the run folder, from which the crate `reports` makes tables and figures.

// Both panic where nobody reads any longer: see `terminal` and `exit::print`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod commands;
mod diagnose;
mod evaluate;
mod exit;
mod experiment;
mod files;
mod parity;
mod registry;
mod run;
mod speed;
mod terminal;
mod train;

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
#[cfg(unix)]
use std::sync::Arc;

use clap::Parser;

use cli::{Cli, Global, LogForm};
use exit::{Exit, Stop};
use terminal::Level;

pub use baselines;
pub use datasets;

pub use registry::Registry;

/// The whole program, with the command line of the process: what `bench` does, with the tasks and baselines of `registry`.
///
/// The process that calls this is started again to train cells, so `main` should do nothing else. It may choose the allocator:
/// `bench` takes one that keeps freed pages, since training allocates and frees the same large buffers every step.
pub fn main(registry: Registry) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error).into(),
    };
    let run = || {
        start(&cli.global, cli.command.has_colour())?;
        registry.check().map_err(Stop::usage)?;
        commands::execute(&cli, &registry)
    };
    // What has panicked was said by then.
    let result = std::panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Stop::failed(format!("the program failed: {message}")))
    });
    let exit = result.unwrap_or_else(|stop| {
        terminal::say(Level::Error, &format!("error: {stop}"));
        stop.exit
    });
    terminal::settle();
    exit.into()
}

/// Help, version, or what is wrong with the arguments.
fn refuse(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        return exit::unless_gone(error.print()).map_or_else(
            |stop| {
                terminal::say(Level::Error, &format!("error: {stop}"));
                stop.exit
            },
            |()| Exit::Done,
        );
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let json = arguments.windows(2).any(|pair| pair[0] == "--log" && pair[1] == "json");
    if json || arguments.iter().any(|argument| argument == "--log=json") {
        terminal::set_form(LogForm::Json);
        terminal::say(Level::Error, &error.render().to_string());
    } else {
        // Coloured where the terminal can; nobody is left to be told of a failure.
        let _ = error.print();
    }
    Exit::Usage
}

/// Set up log and threads.
fn start(global: &Global, colour: Option<bool>) -> Result<(), Stop> {
    let level = if global.quiet { "warn" } else { "info" };
    terminal::set_form(global.log);
    terminal::start(global.log, level, colour.unwrap_or_else(terminal::has_colour)).map_err(Stop::failed)?;
    // A file that grows beyond `ulimit -f` is an error of whoever writes it, not the end of the process.
    #[cfg(unix)]
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default())
        .map_err(|error| Stop::failed(format!("cannot listen for signals: {error}")))?;
    // This thread is one of the pool: kernels that it starts need not be handed to another thread, which takes longer than
    // a small kernel.
    let mut threads = rayon::ThreadPoolBuilder::new().use_current_thread();
    if let Some(number) = global.threads {
        threads = threads.num_threads(number.into());
    }
    threads.build_global().map_err(|error| Stop::failed(format!("cannot start threads: {error}")))
}
