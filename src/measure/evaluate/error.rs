//! Why a checkpoint cannot be evaluated.

use std::path::PathBuf;

use baselines::{BuildError, ReadError};
use datasets::DataError;

use crate::experiment::ExperimentError;
use crate::files::{FolderError, WeightsError};
use crate::training::TrainError;

/// Why a checkpoint cannot be evaluated.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "eval-")]
pub(crate) enum EvalError {
    /// Neither an argument nor a run folder says it.
    #[error("{checkpoint} lies in no run folder that names the {what}: give --{what} NAME")]
    Unnamed {
        /// The checkpoint.
        checkpoint: PathBuf,
        /// `task` or `baseline`.
        what: &'static str,
    },
    /// No task or baseline has that name.
    #[error("{message}\n  = accepted {what}s: {known}")]
    Unknown {
        /// What is wrong.
        message: String,
        /// `task` or `baseline`.
        what: &'static str,
        /// The names there are.
        known: String,
    },
    /// Task, baseline or settings do not hold.
    #[strum(transparent)]
    #[error(transparent)]
    Settings(#[from] ExperimentError),
    /// The task refuses settings that were resolved for it.
    #[error("the task cannot be set up: {reason}")]
    Task { reason: String },
    /// The baseline cannot take the task's inputs.
    #[error("{baseline} does not run on {task}: {reason}")]
    NotApplicable { baseline: String, task: String, reason: String },
    /// Inputs or network exist at one resolution only.
    #[error("{what} cannot be evaluated at another resolution: {reason}; leave out --resample")]
    Resolution {
        /// Task or baseline.
        what: String,
        reason: String,
    },
    /// With other settings of the task, its weights are those of another network.
    #[error("with {settings} the network has other weights than those that were trained")]
    OtherNetwork { settings: String },
    /// The network gives no number.
    #[error(
        "the loss on the {split} split{at} is {loss}: the network overflows, or its weights are of a training that diverged; \
         this is no result"
    )]
    NotFinite {
        split: &'static str,
        /// The resolution in words, where it is another one.
        at: String,
        loss: f64,
    },
    /// There are no other names for its weights.
    #[error(
        "{baseline} has no reference program, whose names its weights could have; they stand in the checkpoint under ours"
    )]
    NoReference { baseline: String },
    /// The weights do not make a file.
    #[error("cannot write the weights as safetensors: {0}")]
    Encode(String),
    /// Nothing can be scored.
    #[error("the {split} split has no sample to score")]
    Empty { split: &'static str },
    /// The run's folder is damaged.
    #[strum(transparent)]
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The network cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The samples are not there.
    #[strum(transparent)]
    #[error(transparent)]
    Data(#[from] DataError),
    /// The weights cannot be used.
    #[error("{source}{hint}")]
    Weights {
        source: Box<WeightsError>,
        /// Settings to think of; may be empty.
        hint: String,
    },
    /// The network does not run to the end, or what it gave cannot be read.
    #[strum(transparent)]
    #[error("evaluation stopped: {0}")]
    Stopped(TrainError),
}

impl From<WeightsError> for EvalError {
    fn from(source: WeightsError) -> Self {
        Self::Weights { source: Box::new(source), hint: String::new() }
    }
}

impl From<TrainError> for EvalError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Data(error) => Self::Data(error),
            other => Self::Stopped(other),
        }
    }
}

impl From<ReadError> for EvalError {
    fn from(error: ReadError) -> Self {
        Self::Stopped(error.into())
    }
}
