//! What the runs of a worker share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::Device;
use datasets::{DataError, Dataset, Library};

use crate::experiment::Run;
use crate::registry::Registry;
use crate::runner::{Interrupt, Reporter, Setup};
use crate::training::memory::Ledger;

/// What all runs of a worker share.
pub(crate) struct RunContext<'a> {
    /// What holds for every run of the experiment.
    pub(crate) setup: Setup,
    /// After how many epochs the run pauses that is ordered now.
    pub(crate) until: Option<u64>,
    /// Folder of the experiment.
    pub(crate) out: PathBuf,
    /// Data folder.
    pub(crate) library: &'a Library,
    pub(crate) registry: &'a Registry,
    /// Where to compute, without autodiff.
    pub(crate) device: Device,
    pub(crate) device_name: String,
    /// Signals, and the end of orders.
    pub(crate) interrupt: Interrupt,
    pub(crate) reporter: Arc<Reporter>,
    /// The data set prepared last, by task name and settings.
    pub(crate) prepared: HashMap<String, Arc<dyn Dataset>>,
    /// Memory that belongs to no run.
    pub(crate) memory: Ledger,
}

impl RunContext<'_> {
    /// The samples of a run's task, prepared once for all runs of it that follow each other.
    pub(super) fn prepare(&mut self, run: &Run) -> Result<Arc<dyn Dataset>, DataError> {
        let key = sample_key(run);
        if let Some(ready) = self.prepared.get(&key) {
            return Ok(ready.clone());
        }
        let Self { library, reporter, device, memory, .. } = self;
        let dataset = memory.samples(device, || run.task.task.prepare(library, reporter.as_ref()))?;
        let dataset: Arc<dyn Dataset> = dataset.into();
        self.prepared.insert(key, dataset.clone());
        Ok(dataset)
    }

    /// Drop the samples of other tasks, of which no run comes any more, and find what earlier runs have left, in bytes.
    pub(super) fn tidy(&mut self, run: &Run) -> u64 {
        let key = sample_key(run);
        self.prepared.retain(|prepared, _| *prepared == key);
        self.memory.left_over(&self.device, !self.prepared.is_empty())
    }
}

/// What decides the samples of a run.
fn sample_key(run: &Run) -> String {
    format!("{} {}", run.task.name, run.task.config)
}
