//! How a run ended.

use serde::{Deserialize, Serialize};
use vocabulary::record::StopReason;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Trained to its end, now or before.
    Done,
    /// Skipped, with the reason.
    Skipped,
    /// Failed.
    Failed {
        /// As it stands in `status.json`, where that can be written.
        reason: StopReason,
        /// The reason in words.
        message: String,
    },
    /// Another process works on it.
    Locked(String),
    /// Stopped by a signal or the command's deadline.
    Interrupted,
    /// A trial of a search that waits until it is known which ones go on.
    Paused,
    /// A trial of a search that does not go on.
    Pruned(String),
}

impl Outcome {
    /// A failure for `reason`, in the words of `message`.
    pub(crate) fn failed(reason: StopReason, message: impl Into<String>) -> Self {
        Self::Failed { reason, message: message.into() }
    }

    /// In a word.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed { .. } => "failed",
            Self::Locked(_) => "locked",
            Self::Interrupted => "interrupted",
            Self::Paused => "paused",
            Self::Pruned(_) => "pruned",
        }
    }

    /// In words.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Done => "done".into(),
            Self::Skipped => "skipped".into(),
            Self::Failed { message, .. } => format!("failed: {message}"),
            Self::Locked(message) => message.clone(),
            Self::Interrupted => "interrupted; run again to go on".into(),
            Self::Paused => "paused; run again to go on".into(),
            Self::Pruned(message) => message.clone(),
        }
    }
}
