//! Progress of a training: on its way to whoever watches, to the status, and to the log.

use std::time::Instant;

use vocabulary::record::{PartialEpoch, Status};

use super::RunContext;
use crate::experiment::Run;
use crate::files::{FolderError, RunFolder, run_folder::now};
use crate::training::{Epoch, Progress, Score, Watch};

/// Shows a run's progress and keeps its status file up to date.
pub(super) struct RunWatch<'a, 'b> {
    /// What the runs of the worker share.
    pub(super) context: &'a RunContext<'b>,
    pub(super) run: &'a Run,
    /// Its folder.
    pub(super) folder: &'a RunFolder,
    /// Its status.
    pub(super) status: Status,
    /// When this attempt began to train.
    pub(super) begun: Instant,
    /// Epochs done before.
    pub(super) epochs_before: u64,
    /// Validation score of the last epoch of this attempt.
    pub(super) last: Option<Score>,
}

impl RunWatch<'_, '_> {
    /// Show an error of the folder. Training goes on: the next checkpoint decides what is lost, and it fails by itself on a
    /// full disk.
    fn go_on_after(&self, written: Result<(), FolderError>) {
        if let Err(error) = written {
            self.context.reporter.line(&format!("{}: {error}", self.run.id));
        }
    }
}

impl Watch for RunWatch<'_, '_> {
    fn epoch_begins(&mut self, progress: &Progress, steps: u64) {
        self.context.reporter.epoch_begins(progress, steps);
    }

    fn step_taken(&mut self, progress: &Progress, samples_per_second: f64) {
        self.context.reporter.step_taken(progress, self.run.spec().metric, samples_per_second);
    }

    fn epoch_ended(&mut self, progress: &Progress, epoch: &Epoch<'_>) {
        let Epoch { number, partial, train, validation, seconds, waited } = *epoch;
        self.last = Some(validation.clone());
        self.status.epoch = progress.epoch;
        self.status.partial_epoch = partial.map(|[steps, of]| PartialEpoch { steps, of });
        self.status.seconds = seconds;
        self.status.updated = Some(now());
        let metric = self.run.spec().metric;
        let part = partial.map(|[steps, of]| format!(" ({steps} of {of} steps)")).unwrap_or_default();
        let name = format!("epoch {number}{part}");
        let scores = format!("train {}, validation {}", train.describe(metric), validation.describe(metric));
        let message = format!("{name}: {scores}; steps waited {waited:.3} s for samples");
        self.go_on_after(self.folder.write_status(&self.status).and_then(|()| self.folder.log(&message)));
        let per_epoch = self.begun.elapsed() / (progress.epoch - self.epochs_before).max(1) as u32;
        let left = per_epoch * u64::from(self.run.training.epochs).saturating_sub(progress.epoch) as u32;
        self.context.reporter.epoch_ended(&self.run.id, &name, progress.epoch, &scores, left);
    }

    fn loss_judged(&mut self, warning: Option<String>) {
        if let Some(warning) = &warning {
            tracing::warn!("{}: {warning}", self.run.id);
        }
        let written = match &warning {
            Some(warning) => self.folder.log(warning),
            None => Ok(()),
        };
        self.status.message = warning;
        self.go_on_after(written.and_then(|()| self.folder.write_status(&self.status)));
    }

    fn warned(&mut self, warning: String) {
        tracing::warn!("{}: {warning}", self.run.id);
        self.go_on_after(self.folder.log(&format!("warning: {warning}")));
        self.status.message = Some(warning);
    }

    fn wants_to_stop(&self) -> bool {
        self.context.interrupt.requested() || self.folder.hold().is_lost()
    }
}
