//! `bench export`: runs and weights in the formats of other programs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reports::Viewer;
use serde_json::json;

use super::{CliError, Exit, Global};
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
        lines.push(format!("{} runs: {}", exported.files.len(), out.display()));
        lines.push(format!("to see them: {command}"));
        lines.join("\n")
    };
    global.print(json, text)
}
