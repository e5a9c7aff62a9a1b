//! `bench diagnose`

use std::path::PathBuf;

use clap::Args;

use crate::cli::{CliError, DeviceArgs, Exit, FileArgs, Global};
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
    /// Number of seeds, from 0 [default: that of the file's `diagnose`, or 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: Option<u64>,
    /// Samples of the batch of noise; statistics of batch normalisation, and so the logits, depend on it [default: those of the
    /// file's `diagnose`, or 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=4096))]
    batch_size: Option<u64>,
}

/// Measure variances and logits at initialisation, and write the report.
pub fn execute(args: &DiagnoseArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let plan = args.file.plan(None, registry)?;
    let device = args.device.choice.open()?;
    let mut diagnosis = plan.diagnosis.clone().unwrap_or_default();
    diagnosis.seeds = args.seeds.unwrap_or(diagnosis.seeds);
    diagnosis.samples = args.batch_size.unwrap_or(diagnosis.samples);
    let (lines, page) =
        diagnose::run(&plan, &diagnosis, &device, &args.out, |what| global.notify(what)).map_err(CliError::failed)?;
    global.print(|| &lines, || format!("{} measurements\nreport: {}", lines.len(), page.display()))
}
