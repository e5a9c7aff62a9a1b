//! What the process that runs an experiment and those that train its cells tell each other: one JSON object per line.
//!
//! Orders go to a worker's standard input, beginning with [`Setup`]; its end asks the worker to save and leave. Events come
//! from its standard output.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cell::Outcome;
use super::inputs::Inputs;
use crate::experiment::{BaselineCell, Budget, Cell, Missing, Scale, TaskCell, Training};
use crate::registry::Registry;

/// What holds for every cell of an experiment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Setup {
    /// Name of the experiment.
    pub(super) experiment: String,
    /// What happens where data are missing.
    pub(super) missing: Missing,
    /// The resolved experiment file below the folder, which the records of the cells name.
    pub(super) plan: Option<String>,
    /// Discard earlier results.
    pub(super) fresh: bool,
    /// Id of the process that gives the orders.
    pub(super) process: u32,
}

/// A cell to train: everything that the experiment file, the command line and the scale have made of it, so that nobody reads
/// the file again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Order {
    id: String,
    task: OrderedPart,
    baseline: OrderedPart,
    training: Training,
    seed: u64,
    scale: Scale,
    sources: Vec<String>,
    grid: BTreeMap<String, Value>,
    not_applicable: Option<String>,
    parameters: Option<u64>,
    inputs: Inputs,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct OrderedPart {
    name: String,
    label: String,
    config: Value,
}

impl Order {
    /// Train `cell`, which is made of the files `inputs`.
    pub(super) fn new(cell: &Cell, inputs: &Inputs) -> Self {
        let TaskCell { name, label, config, task: _ } = cell.task.clone();
        let baseline = &cell.baseline;
        let (kind, settings) = (baseline.name.clone(), baseline.config.clone());
        let baseline = OrderedPart { name: kind, label: baseline.label.clone(), config: settings };
        Self {
            id: cell.id.clone(),
            task: OrderedPart { name, label, config },
            baseline,
            training: cell.training.clone(),
            seed: cell.seed,
            scale: cell.scale,
            sources: cell.sources.clone(),
            grid: cell.grid.clone(),
            not_applicable: cell.not_applicable.clone(),
            parameters: cell.parameters,
            inputs: inputs.clone(),
        }
    }

    /// The cell, with its task built again, and the files that it is made of.
    ///
    /// # Errors
    /// The order comes from another version of the program.
    pub(super) fn cell(self, registry: &Registry) -> Result<(Cell, Inputs), String> {
        let OrderedPart { name, label, config } = self.baseline;
        let entry = registry.find_baseline(&name).ok_or_else(|| format!("no baseline is called `{name}`"))?.clone();
        let baseline = BaselineCell { name, label, config, entry };
        let OrderedPart { name, label, config } = self.task;
        let entry = registry.find_task(&name).ok_or_else(|| format!("no task is called `{name}`"))?;
        let task = (entry.build)(&config).map_err(|error| format!("task `{name}`: {error}"))?;
        let task = Arc::from(self.scale.limit(task));
        let cell = Cell {
            id: self.id,
            task: TaskCell { name, label, config, task },
            baseline,
            training: self.training,
            seed: self.seed,
            scale: self.scale,
            sources: self.sources,
            grid: self.grid,
            not_applicable: self.not_applicable,
            parameters: self.parameters,
        };
        Ok((cell, self.inputs))
    }
}

/// What happens in a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// Something to say.
    Line {
        /// The words.
        text: String,
    },
    /// A cell begins.
    CellBegins {
        /// Its id.
        id: String,
        /// Its epochs.
        epochs: u64,
        /// Epochs done before.
        done: u64,
    },
    /// A cell is over, or was skipped.
    CellEnds {
        /// Its id.
        id: String,
        /// How it ended, in words.
        outcome: String,
    },
    /// An epoch begins.
    EpochBegins {
        /// Its number, from 1.
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
        /// Id of the cell.
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
    DataAdvanced {
        /// How much.
        done: u64,
    },
    /// It is over.
    DataEnded,
    /// The order is carried out.
    Ended {
        /// What came of it.
        outcome: Outcome,
    },
}
