//! Why runs are not submitted.

use std::path::PathBuf;

/// Why runs are not submitted, or jobs not asked for.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "submit-")]
pub(crate) enum SubmitError {
    /// A program of the scheduler is not there.
    #[error(
        "`{program}` cannot be started: {source}; submit where the scheduler's programs are, or look at the script with --dry-run"
    )]
    NoScheduler { program: String, source: std::io::Error },
    /// A program of the scheduler has refused.
    #[error("`{program}` has refused: {message}")]
    Refused { program: String, message: String },
    /// A program of the scheduler has answered something that is no job.
    #[error("`{program}` has answered `{answer}`, which names no job")]
    Answer { program: String, answer: String },
    /// The process of a submission is out of reach.
    #[error("the runs of {folder} are trained on {host}: end them there")]
    Elsewhere { folder: PathBuf, host: String },
    /// A template cannot be read or rendered.
    #[error("{path}: {reason}")]
    Template { path: PathBuf, reason: String },
    /// A value would be another line of the script.
    #[error("{what} has a line feed or another control character: `{value}`")]
    Control { what: &'static str, value: String },
    /// A file of the submission cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    /// A record of a submission is not one of ours.
    #[error("{path} cannot be read: {reason}")]
    Record { path: PathBuf, reason: String },
}
