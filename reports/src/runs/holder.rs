//! Whether a process works on a run.

use std::fs::{File, TryLockError};
use std::path::Path;

use vocabulary::record::StopReason;
use vocabulary::record::{State, Status};

/// Whether a process holds the lock of the run in `folder`; `None` where the system does not tell.
fn is_held(folder: &Path) -> Option<bool> {
    match File::open(folder.join(".lock")) {
        // Released when the file is closed, a moment later: who wants the run waits that long.
        Ok(lock) => match lock.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

/// Name of this machine.
pub fn host() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// The text of the lock of a run that is trained for `process`.
pub fn describe(process: u32) -> String {
    format!("process {process} on {}", host())
}

/// Whether `holder`, the text of a lock, names a process of this machine that has ended.
pub fn is_gone(holder: &str) -> bool {
    let Some((process, machine)) = holder.trim().strip_prefix("process ").and_then(|rest| rest.split_once(" on "))
    else {
        return false;
    };
    #[cfg(unix)]
    if machine == host()
        && let Ok(process) = process.parse()
    {
        let process = nix::unistd::Pid::from_raw(process);
        return nix::sys::signal::kill(process, None) == Err(nix::errno::Errno::ESRCH);
    }
    let _ = (process, machine);
    false
}

/// `status` as it stands for the run in `folder`: a run that was running when its process was killed, or when the machine
/// went down, does not run any longer. Neither does one whose `bench run` was killed, though the worker that trained it may
/// still save what it has.
pub(crate) fn settle(folder: &Path, mut status: Status) -> Status {
    if status.state != State::Running {
        return status;
    }
    let message = match is_held(folder) {
        Some(false) => "its process is gone; run again to go on from the last checkpoint",
        Some(true) if std::fs::read_to_string(folder.join(".lock")).is_ok_and(|holder| is_gone(&holder)) => {
            "its `bench run` is gone, and its worker saves and leaves; run again to go on"
        }
        _ => return status,
    };
    status.state = State::Interrupted;
    status.reason = Some(StopReason::Killed);
    status.message.get_or_insert_with(|| message.to_owned());
    status
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cell_runs_as_long_as_its_lock_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let running = Status { state: State::Running, ..Status::pending() };
        assert_eq!(settle(folder.path(), running.clone()).state, State::Interrupted);
        let lock = File::create(folder.path().join(".lock")).unwrap();
        lock.lock().unwrap();
        assert_eq!(settle(folder.path(), running.clone()), running);
        std::fs::write(folder.path().join(".lock"), describe(std::process::id())).unwrap();
        assert_eq!(settle(folder.path(), running.clone()), running);
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        std::fs::write(folder.path().join(".lock"), describe(ended.id())).unwrap();
        assert_eq!(settle(folder.path(), running.clone()).state, State::Interrupted);
        drop(lock);
        let settled = settle(folder.path(), running);
        assert_eq!((settled.state, settled.reason), (State::Interrupted, Some(StopReason::Killed)));
        let done = Status { state: State::Done, ..Status::pending() };
        assert_eq!(settle(folder.path(), done.clone()), done);
    }
}
