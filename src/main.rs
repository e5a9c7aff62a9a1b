//! The `bench` binary: command line, experiment files, training loop, executor.

mod cli;
mod commands;
mod diagnose;
mod evaluate;
mod exit;
mod experiment;
mod parity;
mod pytorch;
mod run;
mod speed;
mod state_dict;
mod train;
mod weights;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use cli::{Cli, Global, LogForm};
use exit::Stop;

/// Freed pages stay with the process: training allocates and frees the same large buffers every step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(&cli.global).and_then(|()| commands::execute(&cli)) {
        Ok(exit) => exit.into(),
        Err(stop) => {
            eprintln!("error: {stop}");
            stop.exit.into()
        }
    }
}

/// Set up log and threads.
fn start(global: &Global) -> Result<(), Stop> {
    let level = if global.quiet { "warn" } else { "info" };
    let filter = EnvFilter::try_from_env("BENCH_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match global.log {
        LogForm::Json => log.json().try_init(),
        LogForm::Text => log.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
    started.map_err(|error| Stop::failed(format!("cannot start the log: {error}")))?;
    // This thread is one of the pool: kernels that it starts need not be handed to another thread, which takes longer than
    // a small kernel.
    let mut threads = rayon::ThreadPoolBuilder::new().use_current_thread();
    if let Some(number) = global.threads {
        threads = threads.num_threads(number.into());
    }
    threads.build_global().map_err(|error| Stop::failed(format!("cannot start threads: {error}")))
}
