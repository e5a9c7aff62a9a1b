//! How commands end: exit codes, errors, and what is printed on standard output.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use baselines::device::DeviceError;
use datasets::DataError;
use reports::ReportError;
use strum::IntoStaticStr;

use crate::experiment::ExperimentError;
use crate::files::{FolderError, LeaseError};
use crate::measure::evaluate::EvalError;
use crate::runner::{RunnerError, SelectedError};
use crate::submit::SubmitError;
use crate::terminal;

/// Exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Exit {
    /// All done.
    Done = 0,
    /// A run or a check failed, or a run is locked by another process.
    Failed = 1,
    /// Wrong usage, experiment file or data; nothing started.
    Usage = 2,
    /// The device is missing.
    NoDevice = 3,
    /// Saved on SIGUSR1, to be started again: `EX_TEMPFAIL` of `sysexits.h`.
    StartAgain = 75,
    /// Interrupted, resumable.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that ends the command: what is printed on standard error, and the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    pub exit: Exit,
    /// A word for programs that stays when the message is reworded: that of the error's variant, or else of the exit code.
    pub kind: &'static str,
    /// What is printed; may have several lines.
    pub message: String,
}

impl CliError {
    /// End with `exit` because of `error`, whose variant is the kind.
    pub fn of<'a, E: Display>(exit: Exit, error: &'a E) -> Self
    where
        &'a E: Into<&'static str>,
    {
        Self { exit, kind: error.into(), message: error.to_string() }
    }

    /// Wrong usage, experiment file or data.
    pub fn usage(reason: impl Display) -> Self {
        Self { exit: Exit::Usage, kind: Exit::Usage.into(), message: reason.to_string() }
    }

    /// A failure.
    pub fn failed(reason: impl Display) -> Self {
        Self { exit: Exit::Failed, kind: Exit::Failed.into(), message: reason.to_string() }
    }

    /// Print it on standard error; its exit code.
    pub fn report(&self) -> Exit {
        terminal::fail(self.kind, &format!("error: {self}"));
        self.exit
    }
}

impl From<ExperimentError> for CliError {
    fn from(error: ExperimentError) -> Self {
        Self::of(Exit::Usage, &error)
    }
}

impl From<DataError> for CliError {
    fn from(error: DataError) -> Self {
        Self::of(Exit::Usage, &error)
    }
}

impl From<DeviceError> for CliError {
    fn from(error: DeviceError) -> Self {
        let exit = match error {
            DeviceError::Unknown(_) | DeviceError::Precision { .. } => Exit::Usage,
            DeviceError::NotCompiled { .. } | DeviceError::NotFound { .. } => Exit::NoDevice,
        };
        Self::of(exit, &error)
    }
}

impl From<FolderError> for CliError {
    fn from(error: FolderError) -> Self {
        let exit = match error {
            FolderError::Record { .. } => Exit::Usage,
            FolderError::Lease(LeaseError::Seconds { .. } | LeaseError::Newer { .. }) => Exit::Usage,
            FolderError::Io { .. } | FolderError::Locked { .. } | FolderError::Lease(_) => Exit::Failed,
        };
        Self::of(exit, &error)
    }
}

impl From<RunnerError> for CliError {
    fn from(error: RunnerError) -> Self {
        let exit = match error {
            RunnerError::Device(error) => return error.into(),
            RunnerError::Folder(error) => return error.into(),
            RunnerError::MissingData(_)
            | RunnerError::Changed { .. }
            | RunnerError::InitialWeights { .. }
            | RunnerError::NoOrders => Exit::Usage,
            RunnerError::LeftAtOnce => Exit::Interrupted,
            _ => Exit::Failed,
        };
        let ended = Self::of(exit, &error);
        match &error {
            RunnerError::InitialWeights { source, .. } => Self { kind: source.as_ref().into(), ..ended },
            _ => ended,
        }
    }
}

impl From<SubmitError> for CliError {
    fn from(error: SubmitError) -> Self {
        let exit = match error {
            SubmitError::Template { .. } | SubmitError::Control { .. } | SubmitError::Record { .. } => Exit::Usage,
            _ => Exit::Failed,
        };
        Self::of(exit, &error)
    }
}

impl From<SelectedError> for CliError {
    fn from(error: SelectedError) -> Self {
        Self::of(Exit::Failed, &error)
    }
}

impl From<EvalError> for CliError {
    fn from(error: EvalError) -> Self {
        let exit = match error {
            EvalError::NotFinite { .. } | EvalError::Stopped(_) => Exit::Failed,
            _ => Exit::Usage,
        };
        let ended = Self::of(exit, &error);
        match &error {
            EvalError::Weights { source, .. } => Self { kind: source.as_ref().into(), ..ended },
            _ => ended,
        }
    }
}

/// Folders that cannot be read are wrong usage; files that cannot be written are a failure.
impl From<ReportError> for CliError {
    fn from(error: ReportError) -> Self {
        let exit = match error {
            ReportError::Write { .. } | ReportError::Frame(_) | ReportError::Draw { .. } => Exit::Failed,
            _ => Exit::Usage,
        };
        Self::of(exit, &error)
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
