//! How commands end.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use baselines::device::DeviceError;
use datasets::DataError;

use crate::experiment::ExperimentError;

/// Exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: all done.
    Done,
    /// 1: a cell or a check failed, or a cell is locked by another process.
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
pub struct Stop {
    /// The code.
    pub exit: Exit,
    /// What is printed; may have several lines.
    pub message: String,
}

impl Stop {
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

impl From<ExperimentError> for Stop {
    fn from(error: ExperimentError) -> Self {
        Self::usage(error)
    }
}

impl From<DataError> for Stop {
    fn from(error: DataError) -> Self {
        Self::usage(error)
    }
}

impl From<DeviceError> for Stop {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Unknown(_) | DeviceError::Precision { .. } => Self::usage(error),
            DeviceError::NotCompiled { .. } | DeviceError::NotFound { .. } => Self::new(Exit::NoDevice, error),
        }
    }
}

/// Print `text` and a line feed on standard output. A reader that has gone (`| head`) ends the program quietly.
pub fn print(text: &str) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Stop::failed(format!("cannot write to standard output: {error}"))),
    }
}

/// Print `value` as JSON on standard output.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Stop> {
    print(&serde_json::to_string_pretty(value).map_err(Stop::failed)?)
}
