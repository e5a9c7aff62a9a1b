//! `bench eval`

use datasets::Metric;
use serde_json::{Value, json};

use super::table::{Align, grouped, render, seconds};
use crate::cli::{EvalArgs, Global};
use crate::evaluate::{self, EvalError, Evaluation, Passed, Request};
use crate::exit::{Exit, Stop, print, print_json};
use crate::registry::Registry;
use crate::train::objective::Score;

/// Score a checkpoint on a split of a task.
pub fn execute(args: &EvalArgs, global: &Global, registry: &Registry) -> Result<Exit, Stop> {
    let library = global.library()?;
    let request = Request {
        checkpoint: &args.checkpoint,
        task: args.task.as_deref(),
        baseline: args.baseline.as_deref(),
        set: &args.set,
        split: args.split.into(),
        batch_size: args.batch_size.into(),
        resolutions: &args.resample,
    };
    let device = args.device.open()?;
    let announce = |what: &str| {
        if !global.quiet {
            tracing::info!("{what}");
        }
    };
    let result = evaluate::run(&request, registry, &library, &device, announce)?;
    if global.json {
        print_json(&json(args, &result))?;
    } else {
        print(&text(args, &result))?;
    }
    Ok(Exit::Done)
}

/// One object; the numbers of the first resolution stand at the top, those of each under `resolutions`.
fn json(args: &EvalArgs, result: &Evaluation) -> Value {
    let metric = result.metric;
    let numbers = |pass: &Passed| {
        let accuracy = (metric == Metric::Accuracy).then(|| pass.score.metric(metric));
        json!({
            "accuracy": accuracy,
            "correct": accuracy.map(|_| pass.score.correct),
            "total": pass.score.targets,
            "loss": pass.score.mean_loss(),
            "metric": metric.name(),
            "value": pass.score.metric(metric),
            "resample": pass.resolution,
            "shape": pass.shape,
            "filters_above_nyquist": pass.above_nyquist,
            "seconds": pass.seconds,
        })
    };
    let mut all = json!({
        "task": result.cell.task.name,
        "task_version": result.cell.task.task.spec().version,
        "baseline": result.cell.baseline.name,
        "checkpoint": args.checkpoint,
        "split": datasets::Split::from(args.split).name(),
        "samples": result.samples,
        "parameters": result.parameters,
        "notes": result.notes,
        "settings": result.settings.json(),
        "assumed": result.settings.assumed(),
    });
    let resolutions: Vec<Value> = result.passes.iter().map(numbers).collect();
    if let (Some(all), Some(Value::Object(first))) = (all.as_object_mut(), resolutions.first()) {
        all.extend(first.clone());
        all.insert("resolutions".to_owned(), Value::from(resolutions));
    }
    all
}

/// A sentence for one resolution, a table for several.
fn text(args: &EvalArgs, result: &Evaluation) -> String {
    let (baseline, task) = (&result.cell.baseline.label, &result.cell.task.label);
    let split = datasets::Split::from(args.split).name();
    let parameters = grouped(result.parameters as u64);
    let mut text = match &result.passes[..] {
        [pass] => {
            let value = value(&pass.score, result.metric);
            let mut at = String::new();
            if pass.resolution != 1.0 {
                at = format!(", {} times the samples per axis ({})", pass.resolution, positions(&pass.shape));
            }
            let time = seconds(pass.seconds);
            format!("{baseline} on {task}, {split} split{at}: {value}\n{parameters} parameters, {time}")
        }
        passes => {
            let heading = [
                ("resolution", Align::Right),
                ("positions", Align::Right),
                ("result", Align::Left),
                ("filters above Nyquist", Align::Right),
                ("time", Align::Right),
            ];
            let row = |pass: &Passed| {
                vec![
                    format!("{:.4}", pass.resolution).trim_end_matches('0').trim_end_matches('.').to_owned(),
                    positions(&pass.shape),
                    value(&pass.score, result.metric),
                    pass.above_nyquist.map_or_else(|| "–".into(), |share| format!("{:.1} %", 100.0 * share)),
                    seconds(pass.seconds),
                ]
            };
            let rows: Vec<Vec<String>> = passes.iter().map(row).collect();
            format!("{baseline} on {task}, {split} split, {parameters} parameters\n{}", render(&heading, &rows))
        }
    };
    if result.passes.len() == 1
        && let Some(share) = result.passes[0].above_nyquist.filter(|_| result.passes[0].resolution != 1.0)
    {
        text.push_str(&format!(", {:.1} % of the kernel filters above the Nyquist frequency", 100.0 * share));
    }
    for note in &result.notes {
        text.push_str(&format!("\nnote: {note}"));
    }
    for line in result.settings.lines() {
        text.push_str(&format!("\n{line}"));
    }
    text
}

fn positions(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

/// The metric of the task in words, with what it was counted from.
fn value(score: &Score, metric: Metric) -> String {
    let (targets, loss) = (grouped(score.targets), score.mean_loss());
    match metric {
        _ if score.targets > 0 && loss.is_nan() => {
            format!("no {}: some outputs of the network are not numbers (of {targets} targets)", metric.name())
        }
        Metric::Accuracy => {
            let correct = grouped(score.correct);
            format!("accuracy {:.2} % ({correct} of {targets}), loss {loss:.4}", 100.0 * score.metric(metric))
        }
        Metric::AreaUnderRoc => format!("AUC {:.4} over {targets} samples, loss {loss:.4}", score.metric(metric)),
        Metric::BitsPerCharacter => format!("{:.4} bits per character over {targets} characters", score.metric(metric)),
        Metric::MeanSquaredError => format!("mean squared error {loss:.6} over {targets} samples"),
    }
}

impl From<EvalError> for Stop {
    fn from(error: EvalError) -> Self {
        match error {
            EvalError::NotFinite { .. } | EvalError::Stopped(_) => Self::failed(error),
            _ => Self::usage(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_metric_is_told_with_its_unit() {
        let score = Score { loss: 3.0, correct: 3, targets: 4, ..Score::default() };
        let found = [Metric::Accuracy, Metric::MeanSquaredError, Metric::BitsPerCharacter].map(|m| value(&score, m));
        assert_eq!(found[0], "accuracy 75.00 % (3 of 4), loss 0.7500");
        assert_eq!(found[1], "mean squared error 0.750000 over 4 samples");
        assert_eq!(found[2], "1.0820 bits per character over 4 characters");
        let broken = Score { loss: f64::NAN, correct: 3, targets: 4, ..Score::default() };
        assert!(value(&broken, Metric::Accuracy).starts_with("no accuracy"));
        let mut ranked = Score::default();
        let batch = crate::train::objective::evaluate(
            baselines::Output::Sample(burn::tensor::Tensor::from_data(
                [[1.0f32], [2.0], [0.0]],
                &burn::tensor::Device::flex(),
            )),
            &datasets::Targets::Labels(vec![1, 0, 0]),
            &datasets::OutputSpec::Binary,
        )
        .unwrap();
        ranked.add(&batch.1, Metric::AreaUnderRoc);
        assert!(value(&ranked, Metric::AreaUnderRoc).starts_with("AUC 0.5000 over 3 samples"));
    }
}
