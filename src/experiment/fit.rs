//! Whether a baseline fits a task, and what the network of the two counts.

use baselines::BuildError;
use baselines::device::DeviceChoice;
use baselines::network::count_parameters;
use datasets::{TargetSpec, TaskSpec};
use serde_json::Value;

/// The shape of a task's inputs as baselines see it.
pub fn input(spec: &datasets::InputSpec) -> baselines::InputSpec {
    match spec {
        datasets::InputSpec::Values { channels, shape } => {
            baselines::InputSpec::Values { channels: *channels, shape: shape.clone() }
        }
        datasets::InputSpec::Tokens { vocabulary, length } => {
            baselines::InputSpec::Tokens { vocabulary: *vocabulary, length: *length }
        }
    }
}

/// The kind of a task's targets as baselines see it.
pub fn output(spec: &TargetSpec) -> baselines::OutputSpec {
    match spec {
        TargetSpec::Classes(n) => baselines::OutputSpec::Classes(*n),
        TargetSpec::Binary => baselines::OutputSpec::Binary,
        TargetSpec::Regression(n) => baselines::OutputSpec::Regression(*n),
        TargetSpec::PerStep(n) => baselines::OutputSpec::PerStep(*n),
        TargetSpec::Pair(n) => baselines::OutputSpec::Pair(*n),
    }
}

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

/// Build the network once, on the CPU, and drop it.
pub fn check(entry: &baselines::registry::Entry, config: &Value, task: &TaskSpec) -> Fit {
    let input = input(&task.input);
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
    match (entry.build)(config, &input, &output(&task.target), 0, &device) {
        Ok(model) => Fit::Fits { parameters: count_parameters(model.as_ref()) as u64 },
        Err(error) if error.field.is_empty() => Fit::NotApplicable(error.message),
        Err(error) => Fit::Invalid(error),
    }
}

fn axes(rank: usize) -> String {
    match rank {
        1 => "sequences (1D)".into(),
        2 => "images (2D)".into(),
        3 => "volumes (3D)".into(),
        n => format!("{n} axes"),
    }
}
