//! `bench export`: runs and weights in the formats of other programs.

use std::path::PathBuf;

use baselines::device::DeviceChoice;
use clap::{Args, Subcommand, ValueEnum};
use datasets::Split;
use reports::Viewer;
use serde_json::json;

use super::networks::checkpoint::CheckpointArgs;
use super::{CliError, Exit, Global};
use crate::files::atomic;
use crate::measure::reference::reference_weights;
use crate::registry::Registry;

/// `bench export`
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    #[command(subcommand)]
    what: What,
}

/// For which program.
#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Event files of TensorBoard: metrics, diagnostics and settings of every run
    Tensorboard(RunsArgs),
    /// Offline runs of Weights & Biases, for `wandb sync`
    Wandb(RunsArgs),
    /// The weights of a checkpoint under the names and in the shapes of the reference program, as safetensors: for
    /// `load_state_dict(load_file(FILE), strict=False)`, since the program computes its counters and caches itself
    Weights(WeightsArgs),
}

/// Whose names weights get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Naming {
    /// Those of the program that the baseline follows, see `bench list baselines`
    Reference,
}

#[derive(Debug, Clone, Args)]
struct WeightsArgs {
    #[command(flatten)]
    of: CheckpointArgs,
    /// Whose names the tensors get
    #[arg(long = "as", value_enum, value_name = "NAMING")]
    naming: Naming,
    /// The file; by default beside CHECKPOINT, named like it with -reference
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
struct RunsArgs {
    /// Run folders (of experiments)
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Where the files go; by default a folder named after the program in the first DIR
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Write the files and name their folder.
pub fn execute(args: &ExportArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    match &args.what {
        What::Tensorboard(args) => runs(args, Viewer::Tensorboard, global, registry),
        What::Wandb(args) => runs(args, Viewer::Wandb, global, registry),
        What::Weights(args) => match args.naming {
            Naming::Reference => weights(args, global, registry),
        },
    }
}

fn runs(args: &RunsArgs, viewer: Viewer, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let first = args.dirs.first().map_or_else(PathBuf::new, |dir| dir.join(viewer.name()));
    let out = args.out.clone().unwrap_or(first);
    let exported = reports::export(&args.dirs, &out, viewer, &registry.added_settings())?;
    let json = || json!({ "schema": 1, "out": out, "files": exported.files, "left_out": exported.left_out });
    let text = || {
        let command = match viewer {
            Viewer::Tensorboard => format!("tensorboard --logdir {}", out.display()),
            Viewer::Wandb => format!("wandb sync {}/offline-run-*", out.display()),
        };
        let mut lines = exported.left_out.clone();
        let count = exported.files.len();
        lines.push(format!("{count} run{}: {}", if count == 1 { "" } else { "s" }, out.display()));
        lines.push(format!("to see them: {command}"));
        lines.join("\n")
    };
    global.print(json, text)
}

fn weights(args: &WeightsArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let request = args.of.request(Split::Test);
    let weights = reference_weights(&request, registry, &DeviceChoice::default().open()?)?;
    let out = args.out.clone().unwrap_or_else(|| args.of.beside("reference.safetensors"));
    atomic::replace(&out, &weights.file)
        .map_err(|error| CliError::failed(format!("cannot write {}: {error}", out.display())))?;
    let (task, baseline) = (&weights.run.task.label, &weights.run.baseline.label);
    let reference = weights.run.baseline.entry.info.source;
    let json = || {
        json!({
            "schema": 1, "out": out, "tensors": weights.tensors, "task": task, "baseline": baseline,
            "reference": reference, "notes": weights.notes,
        })
    };
    let text = || {
        let mut lines = weights.notes.clone();
        lines.push(format!(
            "{} tensors of {baseline} on {task}, named as in {reference}: {}",
            weights.tensors,
            out.display()
        ));
        lines.join("\n")
    };
    global.print(json, text)
}
