//! Whether a process works on a cell.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::record::{State, Status};

/// Whether a process holds the lock of the cell in `folder`; `None` where the system does not tell.
fn is_held(folder: &Path) -> Option<bool> {
    match File::open(folder.join(".lock")) {
        // Released when the file is closed, a moment later: who wants the cell waits that long.
        Ok(lock) => match lock.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

/// `status` as it stands for the cell in `folder`: a cell that was running when its process was killed, or when the machine
/// went down, does not run any longer.
pub(crate) fn settle(folder: &Path, mut status: Status) -> Status {
    if status.state == State::Running && is_held(folder) == Some(false) {
        status.state = State::Interrupted;
        status.reason = Some("killed".to_owned());
        status
            .message
            .get_or_insert_with(|| "its process is gone; run again to go on from the last checkpoint".to_owned());
    }
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
        drop(lock);
        let settled = settle(folder.path(), running);
        assert_eq!((settled.state, settled.reason.as_deref()), (State::Interrupted, Some("killed")));
        let done = Status { state: State::Done, ..Status::pending() };
        assert_eq!(settle(folder.path(), done.clone()), done);
    }
}
