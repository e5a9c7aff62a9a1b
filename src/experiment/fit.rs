//! Whether a baseline fits a task, and what the network of the two counts.

use baselines::device::DeviceChoice;
use baselines::network::{InputValues, count_parameters};
use baselines::read::read;
use baselines::{BuildError, Features, Forward, Input, Model, Output};
use burn::tensor::{Device, Int, Tensor, TensorData};
use datasets::{InputSpec, Metric, TaskSpec};
use serde_json::Value;

/// Largest change of an output by later inputs, relative to that of outputs which may change, that counts as rounding.
const ROUNDING: f32 = 1e-3;

/// What came of putting a baseline on a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It runs.
    Fits {
        /// Trainable parameters of the whole network.
        parameters: u64,
    },
    /// It does not, for this reason: `n/a` in tables.
    NotApplicable(String),
    /// A setting does not hold.
    Invalid(BuildError),
}

/// Build the network once, on the CPU, and drop it. Where inputs are to be predicted, it may not have seen them.
pub fn check(entry: &baselines::registry::Entry, config: &Value, task: &TaskSpec) -> Fit {
    let input = &task.input;
    let rank = input.rank();
    if !entry.info.ranks.contains(&rank) {
        let (low, high) = (*entry.info.ranks.start(), *entry.info.ranks.end());
        let takes = if low == high { axes(low) } else { format!("{} to {}", axes(low), axes(high)) };
        return Fit::NotApplicable(format!("takes {takes}, not {}", axes(rank)));
    }
    let device = match DeviceChoice::Cpu.open() {
        Ok(device) => device,
        Err(error) => return Fit::Invalid(BuildError::new("", error.to_string())),
    };
    match (entry.build)(config, input, &task.target, 0, &device) {
        Ok(model) if task.metric == Metric::BitsPerCharacter => match looks_ahead(model.as_ref(), input, &device) {
            Ok(false) => fits(model.as_ref()),
            Ok(true) => Fit::NotApplicable("looks ahead, at the characters that it is to predict".into()),
            Err(why) => {
                let message = format!("cannot be told to look ahead or not: {why}");
                Fit::Invalid(BuildError::new("", message))
            }
        },
        Ok(model) => fits(model.as_ref()),
        Err(error) if error.field.is_empty() => Fit::NotApplicable(error.message),
        Err(error) => Fit::Invalid(error),
    }
}

fn fits(model: &dyn Model) -> Fit {
    Fit::Fits { parameters: count_parameters(model) as u64 }
}

/// Whether outputs of the first half of a sequence depend on inputs of the second, in evaluation mode; or why that cannot be
/// told.
fn looks_ahead(model: &dyn Model, input: &InputSpec, device: &Device) -> Result<bool, String> {
    // Two sequences that agree in their first half.
    let number = |row: usize, position: usize, length: usize| position + if 2 * position < length { 0 } else { row };
    let (values, length) = match input {
        InputSpec::Tokens { vocabulary, length } => {
            let id = |place: usize| (number(place / length, place % length, *length) % vocabulary) as i32;
            let ids = TensorData::new((0..2 * length).map(id).collect::<Vec<_>>(), [2, *length]);
            (InputValues::Tokens(Tensor::<2, Int>::from_data(ids, device)), *length)
        }
        InputSpec::Values { channels, shape } => {
            let length = shape.iter().product::<usize>();
            let wave = |place: usize| {
                let (row, position) = (place / (channels * length), place % length);
                (0.7 * number(row, position, length) as f32).sin()
            };
            let waves: Vec<f32> = (0..2 * channels * length).map(wave).collect();
            let waves = Tensor::<3>::from_data(TensorData::new(waves, [2, *channels, length]), device);
            (InputValues::Values(Features::from_flat(waves, shape)), length)
        }
    };
    let input = Input { values, lengths: None };
    let output = model.evaluator().forward(input, &mut Forward::evaluation()).map_err(|error| error.to_string())?;
    // One output for the whole sequence predicts nothing within it.
    let Output::Step(outputs) = output else { return Ok(false) };
    let [_, classes, steps] = outputs.dims();
    let outputs = read(outputs, "the outputs of a new network").map_err(|error| error.to_string())?;
    if outputs.iter().any(|output| !output.is_finite()) {
        return Err("its first outputs are not finite; use a normalisation or another initialisation".into());
    }
    let (first, second) = outputs.split_at(outputs.len() / 2);
    let mut changes = [0.0_f32; 2];
    for (place, (a, b)) in first.iter().zip(second).enumerate().take(classes * steps) {
        let half = usize::from(2 * (place % steps) >= length);
        changes[half] = changes[half].max((a - b).abs());
    }
    Ok(changes[0] > ROUNDING * changes[1])
}

fn axes(rank: usize) -> String {
    match rank {
        1 => "sequences (1D)".into(),
        2 => "images (2D)".into(),
        3 => "volumes (3D)".into(),
        n => format!("{n} axes"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use baselines::registry;
    use datasets::{OutputSpec, SplitSizes};
    use serde_json::json;

    use super::*;

    fn fit(baseline: &str, settings: Value, metric: Metric) -> Fit {
        let task = TaskSpec {
            name: "text".into(),
            version: "text@test-1".into(),
            data: "text".into(),
            input: InputSpec::Tokens { vocabulary: 11, length: 40 },
            target: OutputSpec::PerStep(11),
            metric,
            chance: 1.0,
            splits: SplitSizes { train: 8, validation: 8, test: 8 },
        };
        check(&registry::find(baseline).unwrap(), &settings, &task)
    }

    #[test]
    fn who_looks_ahead_does_not_predict_characters() {
        for (baseline, settings) in [
            ("gru", json!({"hidden": 6})),
            ("s4d", json!({"n_layers": 2, "d_model": 6, "norm": "layer"})),
            ("s4", json!({"n_layers": 1, "d_model": 6, "bidirectional": false, "norm": "layer"})),
            ("ccnn", json!({"blocks": 1, "hidden": 6, "kernel_hidden": 4, "causal": true})),
        ] {
            let found = fit(baseline, settings, Metric::BitsPerCharacter);
            assert!(matches!(found, Fit::Fits { .. }), "{baseline}: {found:?}");
        }
        for (baseline, settings) in [
            ("s4", json!({"n_layers": 1, "d_model": 6, "bidirectional": true, "norm": "layer"})),
            ("ccnn", json!({"blocks": 1, "hidden": 6, "kernel_hidden": 4, "causal": false})),
            // Statistics over the whole sequence.
            ("ckcnn", json!({"blocks": 1, "hidden": 6, "kernel_hidden": 4, "norm": "group"})),
        ] {
            let found = fit(baseline, settings.clone(), Metric::BitsPerCharacter);
            assert!(matches!(&found, Fit::NotApplicable(why) if why.contains("looks ahead")), "{baseline}: {found:?}");
            let labels = fit(baseline, settings, Metric::Accuracy);
            assert!(matches!(labels, Fit::Fits { .. }), "{baseline}: {labels:?}");
        }
    }
}
