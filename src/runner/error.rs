//! Why a plan is not executed.

use std::path::PathBuf;

use baselines::device::DeviceError;

use super::InitialError;
use crate::files::FolderError;

/// Why a plan is not executed. Failures of single runs are no such errors: see [`Outcome`](super::outcome::Outcome).
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "run-")]
pub(crate) enum RunnerError {
    /// The device is missing, or cannot compute in a run's precision.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Data sets are not there.
    #[error("{0}\n(or write `missing: skip` in the experiment file to leave such runs out)")]
    MissingData(String),
    /// Folders hold runs with other settings.
    #[error(
        "{} runs of {folder} were made with other settings:\n  {}\nuse --fresh to discard those results, or another `name` or \
         --out",
        changes.len(),
        changes.join("\n  ")
    )]
    Changed {
        /// Folder of the experiment.
        folder: PathBuf,
        /// The runs, each with what differs.
        changes: Vec<String>,
    },
    /// A run cannot begin with its initial weights.
    #[error("{id}: {source}")]
    InitialWeights { id: String, source: Box<InitialError> },
    /// The folder of a run cannot be read or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The folder of the experiment cannot be made.
    #[error("cannot create {path}: {source}")]
    Create { path: PathBuf, source: std::io::Error },
    /// A record cannot be written as JSON.
    #[error(transparent)]
    Record(#[from] serde_json::Error),
    /// The plan cannot be written as YAML.
    #[error(transparent)]
    Plan(#[from] serde_yaml::Error),
    /// The system refuses signals, a thread or standard input.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// A worker was started by something else than `bench run`.
    #[error("this command takes the orders of `bench run`; nothing else can use it")]
    NoOrders,
    /// The user did not wait for checkpoints.
    #[error("left at once, without a report; run again to go on")]
    LeftAtOnce,
}
