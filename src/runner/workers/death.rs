//! What a worker died of, and what is recorded of its run.

use std::path::Path;
use std::process::ExitStatus;

use vocabulary::record::{State, Status, StopReason};

use crate::files::{Patience, RunFolder, run_folder};
use crate::runner::Outcome;

/// How a worker ended before its run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Death {
    /// It could not be started, for this reason.
    NeverStarted(String),
    /// The user did not want to wait for a checkpoint.
    LeftAtOnce,
    /// No memory was left, in the words of the program or the system.
    OutOfMemory(String),
    /// Somebody has killed it by this signal.
    Killed(i32),
    /// It failed, for this reason.
    Failed(String),
}

impl Death {
    /// What `status` and the last lines of the log say. `killed_before` is [`killed_for_memory`] from before the start.
    pub(super) fn of(status: ExitStatus, log: &[String], killed_before: Option<u64>) -> Self {
        if let Some(line) = log.iter().rev().find_map(|line| failed_allocation(line)) {
            return Self::OutOfMemory(line);
        }
        let last = log.iter().rev().find(|line| !line.trim().is_empty());
        let last = last.map_or_else(String::new, |line| format!(": {}", line.trim()));
        match signal(status) {
            Some(KILL) if killed_for_memory() > killed_before => {
                Self::OutOfMemory("the system killed its process for want of memory".into())
            }
            // Hang-up, interrupt, kill, terminate.
            Some(signal @ (1 | 2 | KILL | 15)) => Self::Killed(signal),
            Some(signal) => Self::Failed(format!("its process was ended by signal {signal}{last}")),
            None => {
                let code = status.code().map_or_else(|| "no code".to_owned(), |code| format!("code {code}"));
                Self::Failed(format!("its process ended with {code}{last}"))
            }
        }
    }

    /// State, reason and message of the run.
    fn verdict(&self) -> (State, StopReason, String) {
        match self {
            Self::NeverStarted(message) | Self::Failed(message) => (State::Failed, StopReason::Error, message.clone()),
            Self::LeftAtOnce => (
                State::Interrupted,
                StopReason::Interrupted,
                "stopped at once; run again to go on from the last checkpoint".to_owned(),
            ),
            Self::OutOfMemory(what) => (
                State::Failed,
                StopReason::OutOfMemory,
                format!("out of memory: {what}; lower training.batch_size, the size of the model or --jobs"),
            ),
            Self::Killed(signal) => (
                State::Interrupted,
                StopReason::Killed,
                format!("its process was killed (signal {signal}); run again to go on from the last checkpoint"),
            ),
        }
    }
}

const KILL: i32 = 9;

/// The words of Rust's allocator (`memory allocation of 64 bytes failed`) in a line of the log.
fn failed_allocation(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("memory allocation of ")?;
    let (bytes, _) = rest.split_once(" bytes failed")?;
    bytes.parse::<u64>().ok().map(|bytes| format!("{bytes} bytes more could not be had"))
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<i32> {
    None
}

/// Processes that the system has killed for want of memory, in our control group or else on the whole machine; `None` where
/// it does not tell.
pub(super) fn killed_for_memory() -> Option<u64> {
    let count = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
        line.trim().parse().ok()
    };
    let group = || {
        let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let path = Path::new("/sys/fs/cgroup").join(own).join("memory.events");
        count(&std::fs::read_to_string(path).ok()?)
    };
    group().or_else(|| count(&std::fs::read_to_string("/proc/vmstat").ok()?))
}

/// Record in the folder of a run how its process died; the outcome of the run.
pub(super) fn record(path: &Path, process: u32, death: &Death) -> Outcome {
    let (state, reason, message) = death.verdict();
    let write = || {
        let folder = RunFolder::lock(path, process, Patience::None)?;
        let mut status = run_folder::read_status(folder.path())?.unwrap_or_else(Status::pending);
        // What was measured before stays.
        if !matches!(status.state, State::Done | State::Skipped) {
            status.state = state;
            status.reason = Some(reason);
            status.message = Some(message.clone());
            status.kind = None;
            status.updated = Some(run_folder::now());
            folder.write_status(&status)?;
        }
        folder.log(&message)
    };
    if let Err(error) = write() {
        tracing::warn!("the end of its process is not recorded: {error}");
    }
    if state == State::Interrupted { Outcome::Interrupted } else { Outcome::failed(reason, message) }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn deaths_are_told_apart() {
        let log = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let of = |raw, lines: &[&str]| Death::of(ExitStatus::from_raw(raw), &log(lines), Some(u64::MAX));
        assert!(matches!(of(6, &["memory allocation of 400 bytes failed", ""]), Death::OutOfMemory(_)));
        assert_eq!(of(9, &[]), Death::Killed(9));
        assert_eq!(of(15, &["WARN x"]), Death::Killed(15));
        assert!(matches!(of(11, &[]), Death::Failed(why) if why.contains("signal 11")));
        assert!(
            matches!(of(3 << 8, &["error: no device"]), Death::Failed(why) if why.contains("code 3: error: no device"))
        );
    }
}
