//! `bench worker`: the process that trains runs as `bench run` orders.

use std::path::PathBuf;

use baselines::device::DeviceChoice;
use clap::Args;

use crate::cli::exit::{CliError, Exit};
use crate::cli::options::Global;
use crate::registry::Registry;
use crate::runner::serve;

/// `bench worker`
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Run folder of the experiment
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Where to compute
    #[arg(long, value_name = "DEVICE")]
    device: DeviceChoice,
    /// Messages end on a terminal that shows colours
    #[arg(long)]
    pub colour: bool,
}

/// Train runs as `bench run` orders.
pub fn execute(args: &WorkerArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    serve(args.folder.clone(), args.device, &global.library()?, registry)?;
    Ok(Exit::Done)
}
