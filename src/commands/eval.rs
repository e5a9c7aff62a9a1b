//! `bench eval`

use datasets::{Library, Metric};
use serde_json::json;

use super::table::{grouped, seconds};
use crate::cli::{EvalArgs, Global};
use crate::evaluate::{self, EvalError, Request};
use crate::exit::{Exit, Stop, print, print_json};

/// Score a checkpoint on a split of a task.
pub fn execute(args: &EvalArgs, global: &Global) -> Result<Exit, Stop> {
    let library = Library::locate(global.data.clone())?;
    let request = Request {
        checkpoint: &args.checkpoint,
        task: args.task.as_deref(),
        baseline: args.baseline.as_deref(),
        set: &args.set,
        split: args.split.into(),
        batch_size: args.batch_size.into(),
    };
    let device = args.device.open()?;
    let announce = |what: &str| {
        if !global.quiet {
            tracing::info!("{what}");
        }
    };
    let result = evaluate::run(&request, &library, &device, announce)?;
    let (score, split) = (result.score, request.split.name());
    let accuracy = (result.metric == Metric::Accuracy).then(|| score.metric(Metric::Accuracy));
    if global.json {
        print_json(&json!({
            "task": result.cell.task.name,
            "task_version": result.cell.task.task.spec().version,
            "baseline": result.cell.baseline.name,
            "checkpoint": args.checkpoint,
            "split": split,
            "accuracy": accuracy,
            "correct": accuracy.map(|_| score.correct),
            "total": score.targets,
            "samples": result.samples,
            "loss": score.mean_loss(),
            "metric": result.metric.name(),
            "value": score.metric(result.metric),
            "parameters": result.parameters,
            "seconds": result.seconds,
            "notes": result.notes,
        }))?;
        return Ok(Exit::Done);
    }
    let value = match accuracy {
        Some(accuracy) => {
            let (correct, total) = (grouped(score.correct), grouped(score.targets));
            format!("accuracy {:.2} % ({correct} of {total}), loss {:.4}", 100.0 * accuracy, score.mean_loss())
        }
        None => format!("mean squared error {:.6} over {} samples", score.mean_loss(), grouped(score.targets)),
    };
    let parameters = grouped(result.parameters as u64);
    let mut text = format!(
        "{} on {}, {split} split: {value}\n{parameters} parameters, {}",
        result.cell.baseline.label,
        result.cell.task.label,
        seconds(result.seconds)
    );
    for note in &result.notes {
        text.push_str(&format!("\nnote: {note}"));
    }
    print(&text)?;
    Ok(Exit::Done)
}

impl From<EvalError> for Stop {
    fn from(error: EvalError) -> Self {
        Self::usage(error)
    }
}
