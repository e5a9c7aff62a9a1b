//! `bench eval`

use clap::Args;
use datasets::{Metric, Split};
use reports::format::{duration, grouped};
use reports::text_table;
use serde_json::{Value, json};

use super::checkpoint::CheckpointArgs;
use crate::cli::{CliError, DeviceArgs, Exit, Global, split};
use crate::experiment::resolution;
use crate::measure::evaluate::{BATCH_SIZE, EvalResult, Evaluation, Request, evaluate};
use crate::registry::Registry;
use crate::training::Score;

/// `bench eval`
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {
    #[command(flatten)]
    of: CheckpointArgs,
    /// Which samples
    #[arg(long, value_parser = split(), default_value = "test", value_name = "SPLIT")]
    split: Split,
    /// Resolutions, as samples per axis relative to the task's: 0.5 takes every second sample, 2 interpolates linearly;
    /// continuous kernels and steps follow. Several, as 0.5,1,2, make one table
    #[arg(long, value_name = "R", value_delimiter = ',', default_value = "1", hide_default_value = true, value_parser = resolution)]
    resample: Vec<f64>,
    /// Samples per forward pass
    #[arg(long, value_name = "N", default_value_t = BATCH_SIZE, value_parser = clap::value_parser!(u16).range(1..))]
    batch_size: u16,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Score a checkpoint on a split of a task.
pub fn execute(args: &EvalArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let library = global.library()?;
    let request =
        Request { batch_size: args.batch_size.into(), resolutions: &args.resample, ..args.of.request(args.split) };
    let device = args.device.choice.open()?;
    let evaluation = evaluate(&request, registry, &library, &device, &mut |what| global.notify(what))?;
    global.print(|| json(args, &evaluation), || text(args, &evaluation))
}

/// One object; the numbers of the first resolution stand at the top, those of each under `resolutions`.
fn json(args: &EvalArgs, evaluation: &Evaluation) -> Value {
    let metric = evaluation.metric;
    let numbers = |result: &EvalResult| {
        let accuracy = (metric == Metric::Accuracy).then(|| result.score.metric(metric));
        json!({
            "accuracy": accuracy,
            "correct": accuracy.map(|_| result.score.correct),
            "total": result.score.targets,
            "loss": result.score.mean_loss(),
            "metric": metric.name(),
            "value": result.score.metric(metric),
            "resample": result.resolution,
            "shape": result.shape,
            "filters_above_nyquist": result.above_nyquist,
            "seconds": result.seconds,
        })
    };
    let mut all = json!({
        "task": evaluation.run.task.name,
        "task_version": evaluation.run.spec().version,
        "baseline": evaluation.run.baseline.name,
        "checkpoint": args.of.checkpoint,
        "split": args.split.name(),
        "samples": evaluation.samples,
        "parameters": evaluation.parameters,
        "notes": evaluation.notes,
        "settings": evaluation.settings.json(),
        "assumed": evaluation.settings.assumed(),
    });
    let resolutions: Vec<Value> = evaluation.results.iter().map(numbers).collect();
    if let (Some(all), Some(Value::Object(first))) = (all.as_object_mut(), resolutions.first()) {
        all.extend(first.clone());
        all.insert("resolutions".to_owned(), Value::from(resolutions));
    }
    all
}

/// A sentence for one resolution, a table for several.
fn text(args: &EvalArgs, evaluation: &Evaluation) -> String {
    let (baseline, task) = (&evaluation.run.baseline.label, &evaluation.run.task.label);
    let split = args.split.name();
    let parameters = grouped(evaluation.parameters as u64);
    let mut text = match &evaluation.results[..] {
        [result] => {
            let value = value(&result.score, evaluation.metric);
            let mut at = String::new();
            if result.resolution != 1.0 {
                at = format!(", {} times the samples per axis ({})", result.resolution, positions(&result.shape));
            }
            let time = duration(result.seconds);
            format!("{baseline} on {task}, {split} split{at}: {value}\n{parameters} parameters, {time}")
        }
        results => {
            let heading = "resolution# | positions# | result | filters above Nyquist# | time#";
            let row = |result: &EvalResult| {
                vec![
                    format!("{:.4}", result.resolution).trim_end_matches('0').trim_end_matches('.').to_owned(),
                    positions(&result.shape),
                    value(&result.score, evaluation.metric),
                    result.above_nyquist.map_or_else(|| "–".into(), |share| format!("{:.1} %", 100.0 * share)),
                    duration(result.seconds),
                ]
            };
            let rows: Vec<Vec<String>> = results.iter().map(row).collect();
            format!("{baseline} on {task}, {split} split, {parameters} parameters\n{}", text_table(heading, &rows))
        }
    };
    if evaluation.results.len() == 1
        && let Some(share) = evaluation.results[0].above_nyquist.filter(|_| evaluation.results[0].resolution != 1.0)
    {
        text.push_str(&format!(", {:.1} % of the kernel filters above the Nyquist frequency", 100.0 * share));
    }
    for note in &evaluation.notes {
        text.push_str(&format!("\nnote: {note}"));
    }
    for line in evaluation.settings.lines() {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_metric_has_its_unit() {
        let score = Score { loss: 3.0, correct: 3, targets: 4, ..Score::default() };
        let found = [Metric::Accuracy, Metric::MeanSquaredError, Metric::BitsPerCharacter].map(|m| value(&score, m));
        assert_eq!(found[0], "accuracy 75.00 % (3 of 4), loss 0.7500");
        assert_eq!(found[1], "mean squared error 0.750000 over 4 samples");
        assert_eq!(found[2], "1.0820 bits per character over 4 characters");
        let broken = Score { loss: f64::NAN, correct: 3, targets: 4, ..Score::default() };
        assert!(value(&broken, Metric::Accuracy).starts_with("no accuracy"));
        let mut ranked = Score::default();
        let targets = datasets::Targets::Labels(vec![1, 0, 0]);
        let batch = crate::training::loss::evaluate(
            baselines::Output::Sample(burn::tensor::Tensor::from_data(
                [[1.0f32], [2.0], [0.0]],
                &burn::tensor::Device::flex(),
            )),
            &targets,
            &datasets::OutputSpec::Binary,
        );
        ranked.add(&batch.score(&targets).unwrap(), Metric::AreaUnderRoc);
        assert!(value(&ranked, Metric::AreaUnderRoc).starts_with("AUC 0.5000 over 3 samples"));
    }
}
