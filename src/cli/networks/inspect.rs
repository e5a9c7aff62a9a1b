//! `bench inspect`

use std::path::{Path, PathBuf};

use clap::Args;
use datasets::Split;
use reports::format::grouped;
use reports::{Formats, ReportPaths, SeenNetwork};
use serde_json::{Value, json};
use vocabulary::record::inspection::{LayerInspection, Radii};

use super::checkpoint::CheckpointArgs;
use crate::cli::{CliError, DeviceArgs, Exit, Global, split};
use crate::measure::inspect::{Inspected, look};
use crate::registry::Registry;

/// `bench inspect`
#[derive(Debug, Clone, Args)]
pub struct InspectArgs {
    #[command(flatten)]
    of: CheckpointArgs,
    /// Whose samples the network is differentiated at
    #[arg(long, value_parser = split(), default_value = "validation", value_name = "SPLIT")]
    split: Split,
    /// How many of them, the first ones; with 0 no data are needed, and there is no receptive field
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(0..=1024))]
    samples: u16,
    /// Where page, figures and values go; by default a folder beside CHECKPOINT, named like it with -inspect
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What is written, any of html,md,csv,tex,svg,png
    #[arg(long, value_delimiter = ',', value_name = "FORMATS", default_value = "html,md,csv,tex,svg,png")]
    format: Vec<String>,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Look at the network of a checkpoint and write the page.
pub fn execute(args: &InspectArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let formats: Formats =
        args.format.join(",").parse().map_err(|error| CliError::usage(format!("--format: {error}")))?;
    let library = global.library()?;
    let request = args.of.request(args.split);
    let device = args.device.choice.open()?;
    let samples = args.samples.into();
    let inspected = look(&request, samples, registry, &library, &device, &mut |what| global.notify(what))?;
    let out = args.out.clone().unwrap_or_else(|| args.of.beside("inspect"));
    let seen = SeenNetwork {
        task: &inspected.run.task.label,
        baseline: &inspected.run.baseline.label,
        checkpoint: &args.of.checkpoint,
        parameters: inspected.parameters,
        split: args.split,
        inspection: &inspected.inspection,
        notes: [inspected.notes.clone(), inspected.settings.lines()].concat(),
    };
    let written = reports::inspect(&seen, &out, formats)?;
    global.print(|| json(args, &inspected, &written), || text(&inspected, &written, &out))
}

fn json(args: &InspectArgs, inspected: &Inspected, written: &ReportPaths) -> Value {
    json!({
        "schema": 1,
        "task": inspected.run.task.name,
        "task_version": inspected.run.spec().version,
        "baseline": inspected.run.baseline.name,
        "checkpoint": args.of.checkpoint,
        "split": args.split.name(),
        "parameters": inspected.parameters,
        "inspection": inspected.inspection,
        "notes": inspected.notes,
        "settings": inspected.settings.json(),
        "assumed": inspected.settings.assumed(),
        "index": written.index,
        "markdown": written.markdown,
        "files": written.files,
    })
}

fn text(inspected: &Inspected, written: &ReportPaths, out: &Path) -> String {
    let Inspected { run, inspection, parameters, settings, notes } = inspected;
    let mut text = format!(
        "{} on {}: {} parameters, {} layers with kernels or eigenvalues",
        run.baseline.label,
        run.task.label,
        grouped(*parameters as u64),
        inspection.layers.len()
    );
    if let Some(field) = &inspection.field {
        text.push_str(&format!(
            "\neffective receptive field (gradients of {} samples): {}",
            field.samples,
            radii(&field.radii)
        ));
    }
    for LayerInspection { layer, kernels, .. } in &inspection.layers {
        if let Some(kernels) = kernels {
            let taps = kernels.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
            let many = if kernels.count == 1 { "kernel" } else { "kernels" };
            let n = grouped(kernels.count as u64);
            text.push_str(&format!("\n{layer}: {n} {many} of {taps} taps, {}", radii(&kernels.radii)));
        }
    }
    for note in notes {
        text.push_str(&format!("\nnote: {note}"));
    }
    for line in settings.lines() {
        text.push_str(&format!("\n{line}"));
    }
    let main = written.index.as_deref().or(written.markdown.as_deref()).unwrap_or(out);
    text.push_str(&format!("\npage: {} ({} files)", main.display(), written.files.len()));
    text
}

fn radii(radii: &Radii) -> String {
    let shown = [("50", radii.r50), ("90", radii.r90), ("99", radii.r99)];
    let shown = shown.map(|(share, r)| format!("R{share} {}", r.map_or_else(|| "–".to_owned(), |r| r.to_string())));
    shown.join(", ")
}
