//! What a training reads, changes, writes, and tells whoever watches it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use baselines::{ForwardError, Model, ReadError};
use burn::tensor::Device;
use datasets::{DataError, Dataset, TaskSpec};

use super::Progress;
use crate::experiment::Training;
use crate::files::{CheckpointError, Weights};
use crate::training::health::{Cause, NotFinite, Where};
use crate::training::metrics::{JournalError, Journals};
use crate::training::{EmptyGroup, Optimiser, Score, Seeds};

/// What a training works with; fixed over its life.
pub(crate) struct Job<'a> {
    /// Hash of the configuration, stored in checkpoints.
    pub(crate) hash: &'a str,
    /// Labels for the diagnostics: baseline and task.
    pub(crate) labels: (&'a str, &'a str),
    pub(crate) settings: &'a Training,
    /// Whole epochs after which it pauses, short of its end; absent: it goes on to its end.
    pub(crate) until: Option<u64>,
    /// Seed of the run, for messages.
    pub(crate) seed: u64,
    /// Random streams.
    pub(crate) seeds: Seeds,
    /// The samples.
    pub(crate) dataset: &'a dyn Dataset,
    /// Their description.
    pub(crate) spec: &'a TaskSpec,
    /// Where to compute, without autodiff.
    pub(crate) device: &'a Device,
    /// Folder of the run.
    pub(crate) folder: PathBuf,
    /// Resident memory that earlier runs of the process have left, in bytes.
    pub(crate) left_over_bytes: u64,
}

impl Job<'_> {
    /// The error of a value that is not finite, named with the value in `broken`, at the position in `progress`.
    pub(in crate::training) fn not_finite(
        &self,
        progress: &Progress,
        (what, value): (String, f64),
        cause: Cause,
        samples: &[usize],
    ) -> Box<NotFinite> {
        let place = Where { epoch: progress.epoch + 1, step: progress.step, seed: self.seed, samples: samples.into() };
        let initial_weights = self.settings.initial_weights.clone();
        Box::new(NotFinite { what, value, place, cause, initial_weights })
    }
}

/// What changes while a training goes on.
pub(crate) struct State {
    /// The network, with autodiff.
    pub(crate) model: Box<dyn Model>,
    pub(crate) optimiser: Optimiser,
    /// Weights of the best epoch so far.
    pub(crate) best: Option<Weights>,
    /// The position.
    pub(crate) progress: Progress,
}

/// One attempt at a training.
pub(in crate::training) struct Session<'a> {
    /// What it works with.
    pub(in crate::training) job: &'a Job<'a>,
    /// What it changes.
    pub(in crate::training) state: &'a mut State,
    /// What it writes beside checkpoints.
    pub(in crate::training) journals: Journals,
    /// Who follows it.
    pub(in crate::training) watch: &'a mut dyn Watch,
    /// How long it takes.
    pub(in crate::training) clock: Clock,
}

/// Follows a run and may ask it to stop.
pub(crate) trait Watch {
    /// An epoch of `steps` steps begins, or goes on from step `done`.
    fn epoch_begins(&mut self, progress: &Progress, steps: u64);
    /// A step was taken.
    fn step_taken(&mut self, progress: &Progress, samples_per_second: f64);
    /// An epoch is over.
    fn epoch_ended(&mut self, progress: &Progress, epoch: &Epoch<'_>);
    /// Whether the training loss is still that of guessing was looked at: `warning` says so, where it is.
    fn loss_judged(&mut self, warning: Option<String>);
    /// Something that a reader of the results must know, and that does not end the training.
    fn warned(&mut self, warning: String);
    /// Whether to save and leave now.
    fn wants_to_stop(&self) -> bool;
}

/// What came of an epoch.
pub(crate) struct Epoch<'a> {
    pub(crate) number: u64,
    /// Steps taken and steps of a whole epoch, where a limit ended it before its last step.
    pub(crate) partial: Option<[u64; 2]>,
    /// Score in training mode.
    pub(crate) train: &'a Score,
    /// Score on the validation split.
    pub(crate) validation: &'a Score,
    /// Seconds of training so far, over all attempts.
    pub(crate) seconds: f64,
    /// Seconds that the steps of this attempt at the epoch have waited for their samples.
    pub(crate) waited: f64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// All epochs.
    Epochs,
    /// No improvement for `early_stopping` epochs.
    EarlyStopping,
    /// `max_steps` of them.
    MaxSteps,
    /// `max_time` is used up.
    MaxTime,
    /// The watcher asked for it; a checkpoint was written.
    Stopped,
    /// As many epochs as were ordered; a checkpoint was written.
    Paused,
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "train-")]
pub(crate) enum TrainError {
    /// A loss, a penalty, a gradient, a parameter or a moment is infinite or not a number.
    #[error(transparent)]
    NotFinite(#[from] Box<NotFinite>),
    /// A parameter group selects nothing.
    #[error(transparent)]
    EmptyGroup(#[from] EmptyGroup),
    /// Samples cannot be read.
    #[strum(transparent)]
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network gave nothing.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// What it gave cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A checkpoint cannot be written or read.
    #[strum(transparent)]
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Metrics cannot be written.
    #[strum(transparent)]
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What became of the test samples cannot be written.
    #[strum(transparent)]
    #[error(transparent)]
    Outcomes(#[from] reports::ReportError),
    /// Nobody waits for an evaluation any longer.
    #[error("stopped during an evaluation")]
    Stopped,
}

/// Training time over all attempts, and time since the last checkpoint.
pub(in crate::training) struct Clock {
    before: f64,
    started: Instant,
    saved: Instant,
}

impl Clock {
    /// A clock that starts at `before` seconds.
    pub(in crate::training) fn start(before: f64) -> Self {
        Self { before, started: Instant::now(), saved: Instant::now() }
    }

    /// Seconds of training so far.
    pub(in crate::training) fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    /// Whether `limit` is used up.
    pub(in crate::training) fn is_over(&self, limit: Option<Duration>) -> bool {
        limit.is_some_and(|limit| self.seconds() >= limit.as_secs_f64())
    }

    /// Time since the last checkpoint.
    pub(in crate::training) fn since_save(&self) -> Duration {
        self.saved.elapsed()
    }

    /// A checkpoint was written.
    pub(in crate::training) fn saved(&mut self) {
        self.saved = Instant::now();
    }
}
