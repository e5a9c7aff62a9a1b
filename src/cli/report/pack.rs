//! `bench pack`: one file in the place of a folder of runs.

use std::path::PathBuf;

use clap::Args;
use indicatif::HumanBytes;
use reports::{PackOptions, Packed};
use serde_json::json;

use crate::cli::{CliError, Exit, Global};

/// `bench pack`
#[derive(Debug, Clone, Args)]
pub struct PackArgs {
    /// Run folder of an experiment, a folder of those, or a single run
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The archive, a ZIP file [default: DIR's name with .zip, here]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Pack weights, too
    #[arg(long)]
    checkpoints: bool,
    /// Leave out runs that are still running
    #[arg(long)]
    skip_running: bool,
}

/// Write the archive and name it.
pub fn execute(args: &PackArgs, global: &Global) -> Result<Exit, CliError> {
    let failed = |error| CliError::usage(format!("{}: {error}", args.dir.display()));
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            let full = args.dir.canonicalize().map_err(failed)?;
            let name = full.file_name().map_or_else(|| "runs".into(), |name| name.to_string_lossy().into_owned());
            PathBuf::from(format!("{name}.zip"))
        }
    };
    let options = PackOptions { checkpoints: args.checkpoints, skip_running: args.skip_running };
    let packed = reports::pack(&args.dir, &out, options)?;
    let Packed { runs, files, bytes, archive_bytes, running } = &packed;
    let json = || {
        json!({
            "schema": 1, "archive": out, "runs": runs, "files": files, "bytes": bytes, "archive_bytes": archive_bytes,
            "running": running,
        })
    };
    let text = || {
        let left_out: String = running.iter().map(|run| format!("left out, still running: {run}\n")).collect();
        let (from, to) = (HumanBytes(*bytes), HumanBytes(*archive_bytes));
        format!("{left_out}{}: {runs} runs, {files} files, {from} in {to}", out.display())
    };
    global.print(json, text)
}
