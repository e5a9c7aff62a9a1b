//! Orders and events between `bench run` and its workers: one JSON object per line.
//!
//! Orders go to a worker's standard input, beginning with [`Setup`]; its end asks the worker to save and leave. Events come
//! from its standard output.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::experiment::search::Trial;
use crate::experiment::{Asked, Missing, Run, RunBaseline, RunTask, Scale, Training, scale};
use crate::registry::Registry;
use crate::runner::{Inputs, Outcome};

/// What holds for every run of an experiment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) experiment: String,
    /// What happens where data are missing.
    pub(crate) missing: Missing,
    /// The resolved experiment file below the folder, which the records of the runs name.
    pub(crate) plan: Option<String>,
    /// Discard earlier results.
    pub(crate) fresh: bool,
    /// Id of the process that gives the orders, whom others see as the holder of the runs.
    pub(crate) process: u32,
}

/// A run to train: everything that the experiment file, the command line and the scale have made of it, so that nobody reads
/// the file again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    id: String,
    task: OrderedPart,
    baseline: OrderedPart,
    training: Training,
    seed: u64,
    scale: Scale,
    sources: Vec<String>,
    tuning: Option<String>,
    grid: BTreeMap<String, Value>,
    trial: Option<Trial>,
    after: Option<String>,
    evaluate: Vec<Asked>,
    not_applicable: Option<String>,
    parameters: Option<u64>,
    inputs: Inputs,
    part: Part,
}

/// Which part of a training is ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// After how many epochs the run waits for further orders; `None` for its end.
    pub(crate) until: Option<u64>,
    /// Whether it goes on with what this command has begun, and discards nothing.
    pub(crate) goes_on: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct OrderedPart {
    name: String,
    label: String,
    config: Value,
}

impl Order {
    /// Train `part` of `run`, which is made of the files `inputs`.
    pub(crate) fn new(run: &Run, inputs: &Inputs, part: Part) -> Self {
        let Run {
            id,
            task,
            baseline,
            training,
            seed,
            scale,
            sources,
            tuning,
            grid,
            trial,
            after,
            evaluate,
            not_applicable,
            parameters,
        } = run.clone();
        let task = OrderedPart { name: task.name, label: task.label, config: task.config };
        let baseline = OrderedPart { name: baseline.name, label: baseline.label, config: baseline.config };
        let inputs = inputs.clone();
        Self {
            id,
            task,
            baseline,
            training,
            seed,
            scale,
            sources,
            tuning,
            grid,
            trial,
            after,
            evaluate,
            not_applicable,
            parameters,
            inputs,
            part,
        }
    }

    /// The run, with its task built again, and the files that it is made of.
    ///
    /// # Errors
    /// The order comes from another version of the program.
    pub(crate) fn run(self, registry: &Registry) -> Result<(Run, Inputs, Part), String> {
        let Self {
            id,
            task,
            baseline,
            training,
            seed,
            scale,
            sources,
            tuning,
            grid,
            trial,
            after,
            evaluate,
            not_applicable,
            parameters,
            inputs,
            part,
        } = self;
        let OrderedPart { name, label, config } = baseline;
        let entry = registry.find_baseline(&name).ok_or_else(|| format!("no baseline is called `{name}`"))?.clone();
        let baseline = RunBaseline { name, label, config, entry };
        let OrderedPart { name, label, config } = task;
        let entry = registry.find_task(&name).ok_or_else(|| format!("no task is called `{name}`"))?;
        let task = (entry.build)(&config).map_err(|error| format!("task `{name}`: {error}"))?;
        let task = RunTask { name, label, config, task: Arc::from(scale::limit(scale, task)) };
        let run = Run {
            id,
            task,
            baseline,
            training,
            seed,
            scale,
            sources,
            tuning,
            grid,
            trial,
            after,
            evaluate,
            not_applicable,
            parameters,
        };
        Ok((run, inputs, part))
    }
}

/// What happens in a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// Something to say.
    Line { text: String },
    /// A run begins.
    RunBegins {
        id: String,
        epochs: u64,
        /// Epochs done before.
        done: u64,
    },
    /// A run is over, or was skipped.
    RunEnds {
        id: String,
        /// How it ended, in words.
        outcome: String,
    },
    /// An epoch begins.
    EpochBegins {
        epoch: u64,
        /// Steps done.
        done: u64,
        /// Steps of the epoch.
        steps: u64,
    },
    /// Steps were taken.
    Steps {
        /// Steps done in the epoch.
        done: u64,
        /// Loss and speed in words.
        message: String,
    },
    /// An epoch is over.
    EpochEnded {
        id: String,
        /// The epoch in words.
        name: String,
        /// Whole epochs done.
        done: u64,
        /// Scores in words.
        message: String,
    },
    /// Work on a data set begins.
    DataBegins {
        /// What is done.
        what: String,
        /// How much there is to do.
        total: u64,
    },
    /// So much more of it is done.
    DataAdvanced { done: u64 },
    /// It is over.
    DataEnded,
    /// The order is carried out.
    Ended {
        /// What came of it.
        outcome: Outcome,
    },
}
