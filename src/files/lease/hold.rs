//! A lease that is held.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use reports::holder::{self, LeaseText, read_lease};
use vocabulary::record::Lease;

use super::LeaseError;
use super::acquire::{as_bytes, claim};
use super::exclusive::{create, remove};
use crate::files::clock::{now, since_start};

/// A lease is renewed so many times within the time after which others may take it over.
const RENEWALS: u32 = 4;

/// The lease of a run, renewed as long as the value lives and given back with it.
pub(crate) struct Held {
    hold: Hold,
    /// Whose the lease was, and why it no longer is, where it was taken over.
    taken_over: Option<String>,
    /// Dropped, it ends the renewals.
    stop: Option<Sender<()>>,
    renewals: Option<JoinHandle<()>>,
}

/// A question that can be asked wherever something is written: whether the lease is still held.
#[derive(Clone)]
pub(crate) struct Hold(Arc<Shared>);

struct Shared {
    path: PathBuf,
    token: String,
    /// See [`Lease::seconds`].
    limit: Duration,
    lease: Mutex<Lease>,
    /// When it was last renewed, as a [`since_start`] in nanoseconds. Nobody takes it over for its whole time after that. Beside the
    /// lock, since that is held while a slow file system writes.
    renewed: AtomicU64,
    /// Why it is not held any longer.
    lost: OnceLock<String>,
}

impl Held {
    /// Renew `lease`, which was created at `path` after the time `begun`, from a thread.
    pub(super) fn start(path: &Path, lease: Lease, begun: Duration, taken_over: Option<String>) -> io::Result<Self> {
        let hold = Hold::new(path.to_owned(), lease, begun);
        let limit = hold.0.limit;
        let (stop, stopped) = mpsc::channel();
        let renewing = hold.clone();
        let renew = move || {
            while stopped.recv_timeout(limit / RENEWALS) == Err(RecvTimeoutError::Timeout) {
                // A file system that does not answer may do so again.
                let _ = renewing.renew();
                if renewing.is_lost() {
                    return;
                }
            }
        };
        let mut held = Self { hold, taken_over, stop: Some(stop), renewals: None };
        held.renewals = Some(std::thread::Builder::new().name("lease".into()).spawn(renew)?);
        Ok(held)
    }

    pub(crate) fn hold(&self) -> &Hold {
        &self.hold
    }

    /// Whose the lease was, and why it no longer is, where it was taken over.
    pub(crate) fn taken_over(&self) -> Option<&str> {
        self.taken_over.as_deref()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(renewals) = self.renewals.take() {
            // It ends with its channel, and does not panic.
            let _ = renewals.join();
        }
        // What is left of it is seen to be of no process.
        let _ = self.hold.give_back();
    }
}

impl Hold {
    /// Of `lease`, which was created at `path` after the time `begun`.
    pub(super) fn new(path: PathBuf, lease: Lease, begun: Duration) -> Self {
        let limit = Duration::from_secs(lease.seconds.into());
        let token = lease.token.clone();
        let renewed = AtomicU64::new(nanoseconds(begun));
        Self(Arc::new(Shared { path, token, limit, lease: Mutex::new(lease), renewed, lost: OnceLock::new() }))
    }

    /// Whether the lease is known to be somebody else's.
    pub(crate) fn is_lost(&self) -> bool {
        self.0.lost.get().is_some()
    }

    /// Ask before every write whether the lease is still held. A process that was stopped meanwhile, or whose machine slept, looks.
    ///
    /// # Errors
    /// It is not, or that cannot be known.
    pub(crate) fn check(&self) -> Result<(), LeaseError> {
        let shared = &*self.0;
        if shared.lost.get().is_none() {
            let renewed = Duration::from_nanos(shared.renewed.load(Ordering::SeqCst));
            // Half of the time, since what is asked for takes time, too.
            if since_start().saturating_sub(renewed) < shared.limit / 2 {
                return Ok(());
            }
            self.renew().map_err(|source| LeaseError::Io { action: "renew", path: shared.path.clone(), source })?;
        }
        match shared.lost.get() {
            None => Ok(()),
            Some(reason) => Err(LeaseError::Lost { path: shared.path.clone(), reason: reason.clone() }),
        }
    }

    /// Let the lease count as one that was not renewed for its whole time.
    #[cfg(test)]
    pub(crate) fn expire(&self) {
        self.0.renewed.store(0, Ordering::SeqCst);
    }

    /// Say once more that this process works on the run, or find that it is somebody else's.
    ///
    /// # Errors
    /// The file cannot be read or written.
    fn renew(&self) -> io::Result<()> {
        let shared = &*self.0;
        let mut lease = shared.lease.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = since_start();
        lease.renewals += 1;
        lease.renewed = now();
        // Who takes it over gives the file another name and then looks at it once more: either what is written here is seen
        // there, or the other name is seen here.
        let found = match self.overwrite(&as_bytes(&lease))? {
            None => self.is_other(read_lease(&shared.path)?.as_deref()),
            found => found,
        };
        match found {
            Some(found) => _ = shared.lost.get_or_init(|| found),
            None => shared.renewed.store(nanoseconds(begun), Ordering::SeqCst),
        }
        Ok(())
    }

    /// Put `bytes` in the place of as many others, unless they are not ours: then what they are, in words. No byte is added, for
    /// which a full disk has no room, and nobody ever sees a shorter file.
    fn overwrite(&self, bytes: &[u8]) -> io::Result<Option<String>> {
        let mut file = match OpenOptions::new().read(true).write(true).open(&self.0.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(self.is_other(None)),
            opened => opened?,
        };
        // What is read and what is written is one file, whatever has its name by then.
        let mut found = Vec::new();
        file.read_to_end(&mut found)?;
        let other = self.is_other(Some(&found));
        if other.is_none() {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(bytes)?;
            file.sync_data()?;
        }
        Ok(other)
    }

    /// What `found` is in the place of our lease, in words; `None` where it is ours.
    fn is_other(&self, found: Option<&[u8]>) -> Option<String> {
        match found.map(LeaseText::of) {
            None => Some("it was taken away".to_owned()),
            Some(LeaseText::Lease(lease)) if lease.token == self.0.token => None,
            Some(LeaseText::Lease(lease)) => Some(format!("it was taken over by {}", holder::describe(&lease))),
            Some(LeaseText::Newer(_) | LeaseText::Unreadable) => Some("something else stands there".to_owned()),
        }
    }

    /// Remove the lease, unless it is being taken over.
    fn give_back(&self) -> io::Result<()> {
        let Some(bytes) = read_lease(&self.0.path)?.filter(|bytes| self.is_other(Some(bytes)).is_none()) else {
            return Ok(());
        };
        let claim = claim(&self.0.path, &bytes);
        if create(&claim, &self.0.token, &bytes)? {
            let removed = remove(&self.0.path, &self.0.token, &bytes);
            std::fs::remove_file(&claim)?;
            removed?;
        }
        Ok(())
    }
}

/// A time that the machine has been up, which has room for centuries.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
