//! From a folder that may be somebody else's to a lease.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reports::holder::{self, LeaseText, read_lease};
use sha2::{Digest, Sha256};
use vocabulary::record::{LEASE, LEASE_SCHEMA, Lease, Machine};

use super::exclusive::{create, remove};
use super::{Held, LeaseError};
use crate::files::clock::{now, since_start};

/// Names the seconds without a change after which a lease may be taken over.
const VARIABLE: &str = "BENCH_LEASE_SECONDS";
/// Where it names none.
const SECONDS: u32 = 60;
/// How long another process of this machine is waited for: one that notes something holds a run for an instant.
const FOR_OTHERS: Duration = Duration::from_millis(500);
/// How long where the `bench run` that it works for is gone: it saves and leaves.
const FOR_ORPHANS: Duration = Duration::from_secs(60);
/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// Length of a lease as a file, a multiple of this: it is overwritten in place, and what it says varies in length.
const LENGTH: usize = 1024;

/// How long a lease is waited for that somebody else has.
#[derive(Clone, Copy)]
pub(crate) enum Patience<'a> {
    /// An instant.
    None,
    /// Until it is known whether its holder is there, unless this asks to stop.
    Until(&'a dyn Fn() -> bool),
}

/// A lease that this process wants.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    machine: Machine,
    /// The `bench run` that it is for.
    command: u32,
    /// See [`Lease::seconds`].
    seconds: u32,
}

/// What a wait was for.
enum Next {
    /// Look again.
    Again,
    /// Its holder is gone.
    TakeOver(String),
}

/// A lease that does not change.
struct Watched {
    bytes: Vec<u8>,
    since: Instant,
}

impl Wanted {
    /// For the `bench run` with this id, or one that is none.
    ///
    /// # Errors
    /// The environment variable `BENCH_LEASE_SECONDS` is no number of seconds.
    pub(crate) fn new(command: u32) -> Result<Self, LeaseError> {
        let seconds = match std::env::var(VARIABLE) {
            Err(_) => SECONDS,
            Ok(value) => {
                let seconds = value.trim().parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
                seconds.ok_or(LeaseError::Seconds { value })?
            }
        };
        Ok(Self { machine: holder::machine(), command, seconds })
    }

    /// The same on another machine, and with another time.
    #[cfg(test)]
    pub(super) fn on(host: &str, seconds: u32) -> Self {
        let machine = Machine { host: host.to_owned(), ..holder::machine() };
        Self { machine, command: std::process::id(), seconds }
    }

    /// Get the lease of the run in `folder`.
    ///
    /// # Errors
    /// Another process has it, and does not seem to be gone.
    pub(crate) fn acquire(&self, folder: &Path, patience: Patience<'_>) -> Result<Held, LeaseError> {
        let path = folder.join(LEASE);
        let failed = |action| {
            let path = path.clone();
            move |source| LeaseError::Io { action, path, source }
        };
        let begun = Instant::now();
        let mut watched: Option<Watched> = None;
        // Why the one before was not respected.
        let mut gone = None;
        loop {
            let Some(bytes) = read_lease(&path).map_err(failed("read"))? else {
                let (lease, since) = (self.lease(), since_start());
                if create(&path, &lease.token, &as_bytes(&lease)).map_err(failed("create"))? {
                    return Held::start(&path, lease, since, gone).map_err(failed("renew"));
                }
                continue;
            };
            match self.judge(&path, &bytes, &mut watched, begun, patience)? {
                Next::Again => std::thread::sleep(PAUSE),
                Next::TakeOver(why) => {
                    let (lease, since) = (self.lease(), since_start());
                    if take_over(&path, &bytes, &lease).map_err(failed("take over"))? {
                        return Held::start(&path, lease, since, Some(why)).map_err(failed("renew"));
                    }
                    gone = Some(why);
                    // Somebody else does; if that one dies meanwhile, it does not for ever.
                    clear_claim(&path, &bytes, &lease.token, begun.elapsed()).map_err(failed("take over"))?;
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    fn lease(&self) -> Lease {
        let process = std::process::id();
        Lease {
            schema: LEASE_SCHEMA,
            token: token(),
            machine: self.machine.clone(),
            process,
            started: holder::started(process),
            command: self.command,
            since: now(),
            seconds: self.seconds,
            renewals: 0,
            renewed: now(),
        }
    }

    /// What is to be done about a lease of these `bytes`, which is `watched` as long as they are the same.
    fn judge(
        &self,
        path: &Path,
        bytes: &[u8],
        watched: &mut Option<Watched>,
        begun: Instant,
        patience: Patience<'_>,
    ) -> Result<Next, LeaseError> {
        let held = |holder: String| Err(LeaseError::Held { path: path.to_owned(), holder });
        let lease = match LeaseText::of(bytes) {
            LeaseText::Newer(version) => return Err(LeaseError::Newer { path: path.to_owned(), version }),
            LeaseText::Unreadable => None,
            LeaseText::Lease(lease) => Some(lease),
        };
        if let Some(lease) = &lease
            && lease.machine == self.machine
        {
            let text = holder::describe(lease);
            if !holder::is_there(lease) {
                return Ok(Next::TakeOver(format!("{text}, is gone")));
            }
            let wait = match patience {
                Patience::Until(_) if holder::is_orphan(lease) => FOR_ORPHANS,
                _ => FOR_OTHERS,
            };
            let stop = matches!(patience, Patience::Until(stop) if stop());
            return if begun.elapsed() < wait && !stop { Ok(Next::Again) } else { held(text) };
        }
        let text = lease
            .as_ref()
            .map_or_else(|| "a process that its lease does not tell".to_owned(), |it| holder::describe(it));
        let Patience::Until(stop) = patience else { return held(text) };
        let limit = Duration::from_secs(lease.map_or(self.seconds, |lease| lease.seconds).clamp(1, 86_400).into());
        match watched {
            _ if stop() => held(text),
            None => {
                *watched = Some(Watched { bytes: bytes.to_owned(), since: Instant::now() });
                Ok(Next::Again)
            }
            // It has said something, whatever the time was when it did.
            Some(watched) if watched.bytes != bytes => held(text),
            Some(watched) if watched.since.elapsed() < limit => Ok(Next::Again),
            Some(_) => Ok(Next::TakeOver(format!("{text}, has said nothing for {} s", limit.as_secs()))),
        }
    }
}

/// A word that nobody else has.
fn token() -> String {
    // Both are drawn by the system for this purpose, and differ from call to call.
    let drawn: Vec<u8> = (0..2).flat_map(|_| RandomState::new().hash_one(std::process::id()).to_le_bytes()).collect();
    hex(&Sha256::digest([holder::host().as_bytes(), &drawn].concat()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// `lease` as it stands in its file.
pub(super) fn as_bytes(lease: &Lease) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(lease).unwrap_or_default();
    let length = (bytes.len() + 1).next_multiple_of(LENGTH);
    bytes.resize(length - 1, b' ');
    bytes.push(b'\n');
    bytes
}

/// The file that gives one process the right to replace or remove the lease at `path` that `seen` is a look at.
///
/// Without it, who has looked at a dead lease a moment too long could remove the living one that another has put in its place.
pub(super) fn claim(path: &Path, seen: &[u8]) -> PathBuf {
    let key = match LeaseText::of(seen) {
        LeaseText::Lease(lease) => hex(&Sha256::digest(lease.token.as_bytes())),
        LeaseText::Newer(_) | LeaseText::Unreadable => hex(&Sha256::digest(seen)),
    };
    path.with_file_name(format!(".tmp-claim-{key}"))
}

/// Put `lease` in the place of the dead one that is `seen` at `path`; whether it was this call that did.
fn take_over(path: &Path, seen: &[u8], lease: &Lease) -> io::Result<bool> {
    let (claim, bytes) = (claim(path, seen), as_bytes(lease));
    if !create(&claim, &lease.token, &bytes)? {
        return Ok(false);
    }
    let replaced = remove(path, &lease.token, seen).and_then(|gone| Ok(gone && create(path, &lease.token, &bytes)?));
    std::fs::remove_file(&claim)?;
    replaced
}

/// Remove the claim on a lease if the process is gone that made it. A claim lasts a few milliseconds; `waited` is how long
/// this process has seen the lease it is for.
fn clear_claim(path: &Path, seen: &[u8], own: &str, waited: Duration) -> io::Result<()> {
    let claim = claim(path, seen);
    let Some(bytes) = read_lease(&claim)? else { return Ok(()) };
    let gone = match LeaseText::of(&bytes) {
        LeaseText::Lease(lease) if holder::is_alive(&lease) == Some(false) => true,
        LeaseText::Lease(lease) => waited > 3 * Duration::from_secs(lease.seconds.into()),
        _ => waited > 3 * Duration::from_secs(SECONDS.into()),
    };
    if gone {
        remove(&claim, own, &bytes)?;
    }
    Ok(())
}
