//! Why a run failed.

use std::any::Any;

use baselines::BuildError;
use datasets::DataError;
use vocabulary::record::StopReason;

use crate::files::{CheckpointError, FolderError, LeaseError};
use crate::measure::evaluate::EvalError;
use crate::runner::{InitialError, InputError};
use crate::terminal::panic_text;
use crate::training::{JournalError, TrainError};

/// Why a run failed.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "run-")]
pub(super) enum RunFailure {
    #[strum(transparent)]
    #[error(transparent)]
    Train(#[from] TrainError),
    #[strum(transparent)]
    #[error(transparent)]
    Data(#[from] DataError),
    #[strum(transparent)]
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[strum(transparent)]
    #[error(transparent)]
    InitialWeights(#[from] InitialError),
    #[strum(transparent)]
    #[error(transparent)]
    Evaluation(#[from] EvalError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("the model cannot be built: {0}")]
    Build(#[from] BuildError),
    #[error("cannot write a record: {0}")]
    Record(#[from] serde_json::Error),
    /// It was trained for longer than is asked for, which would pass for the shorter training.
    #[error("{0}; ask for that much, or start the run again with --fresh")]
    Longer(String),
    #[error("the diagnostics cannot be stored: {0}")]
    Diagnostics(String),
    #[error("the program failed: {0}")]
    Panic(String),
}

impl RunFailure {
    /// A panic with this payload.
    pub(super) fn from_panic(panic: &(dyn Any + Send)) -> Self {
        Self::Panic(panic_text(panic).unwrap_or("unknown panic").to_owned())
    }

    /// Reason in `status.json`.
    pub(super) fn reason(&self) -> StopReason {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        let full = |error: &std::io::Error| matches!(error.kind(), StorageFull | QuotaExceeded);
        match self {
            Self::Train(TrainError::NotFinite { .. }) => StopReason::Nan,
            Self::Train(TrainError::Journal(JournalError::Io { source, .. })) if full(source) => StopReason::DiskFull,
            Self::Train(TrainError::Checkpoint(CheckpointError::Io { source, .. })) if full(source) => {
                StopReason::DiskFull
            }
            Self::Folder(FolderError::Io { source, .. } | FolderError::Lease(LeaseError::Io { source, .. }))
            | Self::Train(TrainError::Journal(JournalError::Lease(LeaseError::Io { source, .. })))
                if full(source) =>
            {
                StopReason::DiskFull
            }
            Self::Data(error) | Self::Train(TrainError::Data(error)) if error.is_disk_full() => StopReason::DiskFull,
            Self::Data(error) | Self::Evaluation(EvalError::Data(error)) if error.is_missing() => {
                StopReason::MissingData
            }
            Self::Panic(message) if is_out_of_memory(message) => StopReason::OutOfMemory,
            _ => StopReason::Error,
        }
    }
}

/// Whether a panic speaks of memory that could not be had: on a GPU in the words of Burn's backends and of CUDA, on the host
/// in those of a vector that would be longer than the address space.
fn is_out_of_memory(message: &str) -> bool {
    let message = message.to_lowercase().replace(['_', ' '], "");
    ["outofmemory", "capacityoverflow", "memoryallocation", "allocatememory"]
        .iter()
        .any(|words| message.contains(words))
}
