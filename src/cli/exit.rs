//! How commands end: exit codes, errors, and what is printed on standard output.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use baselines::device::DeviceError;
use datasets::DataError;
use reports::ReportError;

use crate::experiment::ExperimentError;
use crate::files::run_folder::FolderError;
use crate::measure::evaluate::EvalError;
use crate::runner::RunnerError;
use crate::terminal;

/// Exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: all done.
    Done,
    /// 1: a run or a check failed, or a run is locked by another process.
    Failed,
    /// 2: wrong usage, experiment file or data; nothing started.
    Usage,
    /// 3: the device is missing.
    NoDevice,
    /// 130: interrupted, resumable.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NoDevice => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// An error that ends the command: what is printed on standard error, and the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    pub exit: Exit,
    /// What is printed; may have several lines.
    pub message: String,
}

impl CliError {
    /// End with `exit` because of `reason`.
    pub fn new(exit: Exit, reason: impl Display) -> Self {
        Self { exit, message: reason.to_string() }
    }

    /// Wrong usage, experiment file or data.
    pub fn usage(reason: impl Display) -> Self {
        Self::new(Exit::Usage, reason)
    }

    /// A failure.
    pub fn failed(reason: impl Display) -> Self {
        Self::new(Exit::Failed, reason)
    }
}

impl From<ExperimentError> for CliError {
    fn from(error: ExperimentError) -> Self {
        Self::usage(error)
    }
}

impl From<DataError> for CliError {
    fn from(error: DataError) -> Self {
        Self::usage(error)
    }
}

impl From<DeviceError> for CliError {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Unknown(_) | DeviceError::Precision { .. } => Self::usage(error),
            DeviceError::NotCompiled { .. } | DeviceError::NotFound { .. } => Self::new(Exit::NoDevice, error),
        }
    }
}

impl From<FolderError> for CliError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Record { .. } => Self::usage(error),
            FolderError::Io { .. } | FolderError::Locked { .. } => Self::failed(error),
        }
    }
}

impl From<RunnerError> for CliError {
    fn from(error: RunnerError) -> Self {
        match error {
            RunnerError::Device(error) => error.into(),
            RunnerError::Folder(error) => error.into(),
            RunnerError::MissingData(_)
            | RunnerError::Changed { .. }
            | RunnerError::InitialWeights { .. }
            | RunnerError::NoOrders => Self::usage(error),
            RunnerError::LeftAtOnce => Self::new(Exit::Interrupted, error),
            RunnerError::Create { .. } | RunnerError::Record(_) | RunnerError::Plan(_) | RunnerError::System(_) => {
                Self::failed(error)
            }
        }
    }
}

impl From<EvalError> for CliError {
    fn from(error: EvalError) -> Self {
        match error {
            EvalError::NotFinite { .. } | EvalError::Stopped(_) => Self::failed(error),
            _ => Self::usage(error),
        }
    }
}

/// Folders that cannot be read are wrong usage; files that cannot be written are a failure.
impl From<ReportError> for CliError {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Write { .. } | ReportError::Frame(_) | ReportError::Draw { .. } => Self::failed(error),
            _ => Self::usage(error),
        }
    }
}

/// Print `text` and a line feed on standard output. A reader that has gone (`| head`, a closed terminal) is no failure: the
/// command ends as it would have.
///
/// # Errors
/// Standard output cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> Result<(), CliError> {
    // What was said before stands before it.
    terminal::settle();
    let mut out = io::stdout().lock();
    unless_gone(writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()))
}

/// `written`, where the reader's going away counts as written.
///
/// # Errors
/// See [`print()`].
pub fn unless_gone(written: io::Result<()>) -> Result<(), CliError> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe || is_gone_terminal(&error) => Ok(()),
        other => other.map_err(|error| CliError::failed(format!("cannot write to standard output: {error}"))),
    }
}

/// Whether `error` is what writing to a closed terminal gives. A file gives the same where its disk fails.
fn is_gone_terminal(error: &io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(nix::errno::Errno::EIO as i32)
        && !std::fs::metadata("/dev/fd/1").is_ok_and(|about| about.is_file());
    #[cfg(not(unix))]
    return error.kind() == io::ErrorKind::NotConnected;
}

/// Print `value` as JSON on standard output.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), CliError> {
    print(&serde_json::to_string_pretty(value).map_err(CliError::failed)?)
}
