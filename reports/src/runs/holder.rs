//! Whether a process works on a run.

use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use vocabulary::record::{LEASE, LEASE_SCHEMA, Lease, Machine, State, Status, StopReason};

/// Longest lease that is read, in bytes: many times the usual one.
const LONGEST: u64 = 64 << 10;

/// What stands in the lease of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseText {
    /// A lease.
    Lease(Box<Lease>),
    /// One of a newer program, with its version.
    Newer(u32),
    /// No lease at all: cut off, or of something else.
    Unreadable,
}

impl LeaseText {
    /// What `bytes` say.
    pub fn of(bytes: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        // The version first: a newer lease may not fit our record at all.
        match serde_json::from_slice::<Version>(bytes) {
            Ok(Version { schema }) if schema > LEASE_SCHEMA => Self::Newer(schema),
            Err(_) => Self::Unreadable,
            Ok(_) => serde_json::from_slice(bytes).map_or(Self::Unreadable, |lease| Self::Lease(Box::new(lease))),
        }
    }
}

/// The bytes of the lease at `path`; `None` where there is none.
///
/// # Errors
/// It cannot be read.
pub fn read_lease(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let read = |file: std::fs::File| {
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes).map(|_| Some(bytes))
    };
    match std::fs::File::open(path).and_then(read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read,
    }
}

/// Name of this machine: what the environment variable `BENCH_HOST` says, or else the system.
pub fn host() -> String {
    let named = std::env::var("BENCH_HOST").ok().filter(|name| !name.is_empty());
    named.unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned())
}

/// This machine, as processes are found again on it.
pub fn machine() -> Machine {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned());
    let processes = std::fs::read_link("/proc/self/ns/pid").ok().map(|name| name.to_string_lossy().into_owned());
    Machine { host: host(), boot, processes }
}

/// When `process` of this machine started, in clock ticks since the machine did, where the system tells; and whether it is
/// there. One that has ended and that nobody has asked for its exit code is not.
fn look_at(process: u32) -> (Option<u64>, bool) {
    #[cfg(unix)]
    {
        let id = nix::unistd::Pid::from_raw(process.cast_signed());
        if nix::sys::signal::kill(id, None) == Err(nix::errno::Errno::ESRCH) {
            return (None, false);
        }
    }
    let Ok(text) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return (None, true) };
    // The name stands in brackets and may hold anything; then come the state and, 19 fields later, the start.
    let mut fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ended = matches!(fields.next(), Some("Z" | "X"));
    (fields.nth(18).and_then(|ticks| ticks.parse().ok()), !ended)
}

/// When `process` of this machine started; see [`Lease::started`].
pub fn started(process: u32) -> Option<u64> {
    look_at(process).0
}

/// Whether the process of `lease` is there, if it is one of this machine.
pub fn is_there(lease: &Lease) -> bool {
    let (started, there) = look_at(lease.process);
    let reused = started.zip(lease.started).is_some_and(|(now, then)| now != then);
    there && !reused
}

/// Whether the process of `lease` is there; `None` where it is not one of this machine, which cannot tell.
pub fn is_alive(lease: &Lease) -> Option<bool> {
    (lease.machine == machine()).then(|| is_there(lease))
}

/// Whether the `bench run` that the process of `lease` works for is gone from this machine.
pub fn is_orphan(lease: &Lease) -> bool {
    lease.machine == machine() && !look_at(lease.command).1
}

/// Time since the lease at `path` was renewed, by this machine's clock. The clock of the holder and that of the file system may
/// be other ones: the one that speaks for the holder counts, and a time to come is now.
fn age(path: &Path, lease: &Lease) -> Duration {
    let now = SystemTime::now();
    let since = |time: SystemTime| now.duration_since(time).unwrap_or_default();
    let written = std::fs::metadata(path).and_then(|about| about.modified()).ok().map(since);
    let said = humantime::parse_rfc3339(&lease.renewed).ok().map(since);
    written.into_iter().chain(said).min().unwrap_or(Duration::MAX)
}

/// What a single look tells of who works on a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// A process that is there, or that has said so of late; none where the lease does not tell which.
    Somebody(Option<Box<Lease>>),
    /// A process of this machine whose `bench run` is gone.
    Orphan(Box<Lease>),
    /// A process of another machine that has said nothing for so long, by this machine's clock.
    Silent(Box<Lease>, Duration),
}

impl Holder {
    /// Whether nobody works on the run, as far as a look tells.
    pub fn is_nobody(&self) -> bool {
        matches!(self, Self::Nobody)
    }
}

/// Who works on the run in `folder`.
pub fn of(folder: &Path) -> Holder {
    let path = folder.join(LEASE);
    let lease = match read_lease(&path).map(|bytes| bytes.map(|bytes| LeaseText::of(&bytes))) {
        Ok(None) => return Holder::Nobody,
        Ok(Some(LeaseText::Lease(lease))) => lease,
        Ok(Some(LeaseText::Newer(_) | LeaseText::Unreadable)) | Err(_) => return Holder::Somebody(None),
    };
    let age = age(&path, &lease);
    match is_alive(&lease) {
        Some(false) => Holder::Nobody,
        Some(true) if is_orphan(&lease) => Holder::Orphan(lease),
        None if age > Duration::from_secs(lease.seconds.into()) => Holder::Silent(lease, age),
        _ => Holder::Somebody(Some(lease)),
    }
}

/// `lease` in words: who, where and since when.
pub fn describe(lease: &Lease) -> String {
    let Lease { machine, command, since, renewed, .. } = lease;
    let ago = |time: &str| {
        let time = humantime::parse_rfc3339(time).ok();
        let age = time.map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
        age.map_or_else(|| "at an unknown time".to_owned(), |age| format!("{} ago", in_words(age)))
    };
    format!("process {command} on {}, which began {} and renewed its lease {}", machine.host, ago(since), ago(renewed))
}

/// `3h 2m`
fn in_words(age: Duration) -> String {
    let seconds = age.as_secs();
    // Nobody needs the seconds of hours.
    let step = match seconds {
        0..3600 => 1,
        3600..86_400 => 60,
        _ => 3600,
    };
    humantime::format_duration(Duration::from_secs(seconds / step * step)).to_string()
}

/// `status` as it stands for the run in `folder`: a run that was running when its process was killed, or when the machine
/// went down, does not run any longer. Neither does one whose `bench run` was killed, though the worker that trained it may
/// still save what it has. With it, the machine that it runs on.
pub(crate) fn settle(folder: &Path, mut status: Status) -> (Status, Option<String>) {
    if status.state != State::Running {
        return (status, None);
    }
    let message = match of(folder) {
        Holder::Nobody => "its process is gone; run again to go on from the last checkpoint".to_owned(),
        Holder::Orphan(_) => "its `bench run` is gone, and its worker saves and leaves; run again to go on".to_owned(),
        Holder::Silent(lease, age) => format!(
            "stale: process {} on {} has not renewed its lease for {} by this machine's clock; run again to go on",
            lease.command,
            lease.machine.host,
            in_words(age)
        ),
        Holder::Somebody(lease) => return (status, lease.map(|lease| lease.machine.host)),
    };
    status.state = State::Interrupted;
    status.reason = Some(StopReason::Killed);
    status.message.get_or_insert(message);
    (status, None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lease(process: u32, renewed: SystemTime) -> Lease {
        let renewed = humantime::format_rfc3339_seconds(renewed).to_string();
        Lease {
            schema: LEASE_SCHEMA,
            token: "a".into(),
            machine: machine(),
            process,
            started: started(process),
            command: process,
            since: renewed.clone(),
            seconds: 60,
            renewals: 0,
            renewed,
        }
    }

    fn write(folder: &Path, lease: &Lease) {
        std::fs::write(folder.join(LEASE), serde_json::to_vec(lease).unwrap()).unwrap();
    }

    fn running() -> Status {
        Status { state: State::Running, ..Status::pending() }
    }

    #[test]
    fn a_run_goes_on_as_long_as_its_process_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let settled = || settle(folder.path(), running());
        assert_eq!(settled().0.state, State::Interrupted);
        let own = lease(std::process::id(), SystemTime::UNIX_EPOCH);
        write(folder.path(), &own);
        assert_eq!(settled(), (running(), Some(host())));
        // Another process with the same id.
        write(folder.path(), &Lease { started: Some(1), ..own.clone() });
        assert_eq!((settled().0.state, settled().0.reason), (State::Interrupted, Some(StopReason::Killed)));
        // One that has ended; before it is asked for its exit code, and after.
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        let of_ended = lease(ended.id(), SystemTime::now());
        let begun = std::time::Instant::now();
        while is_alive(&of_ended).unwrap() && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(5));
        }
        write(folder.path(), &of_ended);
        assert_eq!(settled().0.state, State::Interrupted);
        ended.wait().unwrap();
        assert_eq!(settled().0.state, State::Interrupted);
        // The worker is there, its `bench run` is not.
        write(folder.path(), &Lease { command: ended.id(), ..own });
        assert_eq!(settled().0.state, State::Interrupted);
        let done = Status { state: State::Done, ..Status::pending() };
        assert_eq!(settle(folder.path(), done.clone()), (done, None));
    }

    #[test]
    fn a_run_of_another_machine_goes_on_until_it_is_silent_by_every_clock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LEASE);
        let elsewhere = |renewed| {
            let own = lease(1, renewed);
            Lease { machine: Machine { host: "elsewhere".into(), ..own.machine }, ..own }
        };
        let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
        let settled = |said: SystemTime, written: SystemTime| {
            write(folder.path(), &elsewhere(said));
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
            settle(folder.path(), running())
        };
        let goes_on = (running(), Some("elsewhere".to_owned()));
        assert_eq!(settled(now, now), goes_on);
        // Its clock is an hour late or early; so is that of the file system.
        for other in [now - hour, now + hour] {
            assert_eq!(settled(other, now), goes_on);
            assert_eq!(settled(now, other), goes_on);
        }
        let (stale, host) = settled(now - hour, now - hour);
        assert_eq!((stale.state, host), (State::Interrupted, None));
        let message = stale.message.unwrap();
        assert!(message.contains("stale") && message.contains("elsewhere") && message.contains("1h"), "{message}");
    }

    #[test]
    fn what_is_no_lease_of_ours_is_somebodys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LEASE);
        for text in ["", "{\"schema\": 1, \"tok", "{\"schema\": 9}", "\u{0}\u{0}"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(of(folder.path()), Holder::Somebody(None), "{text:?}");
        }
        assert_eq!(LeaseText::of(b"{\"schema\": 9}"), LeaseText::Newer(9));
        assert_eq!(LeaseText::of(b"{\"schema\": 1}"), LeaseText::Unreadable);
    }
}
