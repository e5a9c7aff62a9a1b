//! Locks between processes that make the same set.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use crate::library::error::DataError;
use crate::library::folders;
use crate::progress::Progress;

/// Name of the locked file in the folder of a set.
pub(crate) const LOCK: &str = "lock";

/// Creates the folder of a set, and locks it.
pub(crate) fn claim(folder: &Path, what: &str, progress: &dyn Progress) -> Result<File, DataError> {
    let path = folder.join(LOCK);
    loop {
        folders::create(folder)?;
        let held = lock_while_wanted(&path, what, progress)?;
        // While this process waited, the folder may have been cleaned away, and the lock with it.
        if is_at(&held, &path) {
            return Ok(held);
        }
    }
}

/// Whether the open `file` is still the one at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let number = |about: fs::Metadata| (about.dev(), about.ino());
        matches!((file.metadata().map(number), fs::metadata(path).map(number)), (Ok(one), Ok(other)) if one == other)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}

/// As [`lock`], until `progress` says stop. The system call cannot be cancelled: a thread waits in it, and gives back what
/// comes too late.
fn lock_while_wanted(path: &Path, what: &str, progress: &dyn Progress) -> Result<File, DataError> {
    const PAUSE: Duration = Duration::from_millis(100);
    let (sender, got) = mpsc::channel();
    let (path, what) = (path.to_owned(), what.to_owned());
    // Nobody listens where it comes too late.
    std::thread::spawn(move || sender.send(lock(&path, &what)));
    loop {
        match got.recv_timeout(PAUSE) {
            Ok(outcome) => return outcome,
            Err(_) if progress.stopped() => return Err(DataError::Stopped),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(DataError::Stopped),
        }
    }
}

/// An exclusive lock on `path`, given back when the file is dropped. Says so when it has to wait.
pub(crate) fn lock(path: &Path, what: &str) -> Result<File, DataError> {
    let file = match File::options().create(true).truncate(false).write(true).open(path) {
        // One that another user has made can be locked without being written.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => File::open(path).map_err(|_| error),
        opened => opened,
    };
    let file = file.map_err(DataError::io("write", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            tracing::info!("waiting for another process that is preparing {what}");
            file.lock().map_err(DataError::io("lock", path))?;
            Ok(file)
        }
        Err(TryLockError::Error(error)) => Err(DataError::io("lock", path)(error)),
    }
}
