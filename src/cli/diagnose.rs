//! `bench diagnose`

use std::path::PathBuf;

use clap::Args;

use super::{CliError, DeviceArgs, Exit, FileArgs, Global};
use crate::measure::diagnose;
use crate::registry::Registry;

/// `bench diagnose`
#[derive(Debug, Clone, Args)]
pub struct DiagnoseArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Where run folders go
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
    /// Number of seeds, from 0
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Samples of the batch of noise; statistics of batch normalisation, and so the logits, depend on it
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch_size: u16,
}

/// Measure variances and logits at initialisation, and write the report.
pub fn execute(args: &DiagnoseArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let plan = args.file.plan(None, registry)?;
    let device = args.device.choice.open()?;
    let options = diagnose::DiagnoseOptions { seeds: args.seeds, samples: args.batch_size.into() };
    let (lines, page) =
        diagnose::run(&plan, options, &device, &args.out, |what| global.notify(what)).map_err(CliError::failed)?;
    global.print(|| &lines, || format!("{} measurements\nreport: {}", lines.len(), page.display()))
}
