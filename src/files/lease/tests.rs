//! Leases between threads that say they are on several machines.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;
use reports::holder::{self, LeaseText};
use vocabulary::record::{LEASE, Lease, Machine};

use super::acquire::{as_bytes, claim};
use super::{Held, Hold, LeaseError, Patience, Wanted};

/// Never asks to stop.
const PATIENT: Patience<'static> = Patience::Until(&|| false);

fn wanted(host: &str, seconds: u32) -> Wanted {
    Wanted::on(host, seconds)
}

fn bytes(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join(LEASE)).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The lease of a process that has ended: of this machine, or of one called `host`.
fn dead(host: Option<&str>, seconds: u32) -> Lease {
    let mut ended = std::process::Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let machine = holder::machine();
    let machine = host.map_or(machine.clone(), |host| Machine { host: host.into(), ..machine });
    Lease {
        schema: 1,
        token: "dead".into(),
        machine,
        process: ended.id(),
        started: None,
        command: ended.id(),
        since: "2020-01-01T00:00:00Z".into(),
        seconds,
        renewals: 3,
        renewed: "2020-01-01T00:00:00Z".into(),
    }
}

/// Let a hundred threads, each on a machine of its own or all on this one, want the lease of `folder` at the same time. Those that
/// get it keep it until all have an answer.
fn race(folder: &Path, own_machines: bool) -> (Vec<Held>, Vec<LeaseError>) {
    let barrier = Barrier::new(100);
    let barrier = &barrier;
    let run = |number: usize| {
        let host = if own_machines { format!("host-{number}") } else { holder::host() };
        barrier.wait();
        wanted(&host, 30).acquire(folder, PATIENT)
    };
    let results: Vec<Result<Held, LeaseError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..100).map(|number| scope.spawn(move || run(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (got, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    (got.into_iter().map(Result::unwrap).collect(), refused.into_iter().filter_map(Result::err).collect())
}

#[test]
fn of_a_hundred_that_want_a_dead_lease_one_gets_it() {
    for (host, own_machines, rounds) in [(Some("gone"), true, 2), (Some("gone"), false, 2), (None, false, 10)] {
        for _ in 0..rounds {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(LEASE), as_bytes(&dead(host, 1))).unwrap();
            let (got, refused) = race(folder.path(), own_machines);
            assert_eq!(got.len(), 1, "{host:?} {own_machines}");
            assert!(refused.iter().all(|error| matches!(error, LeaseError::Held { .. })), "{refused:?}");
            got[0].hold().expire();
            got[0].hold().check().unwrap();
            // Who came a moment later found the folder free.
            let before = got[0].taken_over().map(str::to_owned);
            assert!(before.is_none_or(|before| before.contains(host.unwrap_or(&holder::host()))));
            drop(got);
            assert_eq!(names(folder.path()), Vec::<String>::new());
        }
    }
}

#[test]
fn of_a_hundred_that_want_a_free_folder_one_gets_it() {
    for own_machines in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (got, refused) = race(folder.path(), own_machines);
        assert_eq!((got.len(), refused.len()), (1, 99));
        assert_eq!(got[0].taken_over(), None);
    }
}

#[test]
fn a_lease_that_is_renewed_is_respected_whatever_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(LEASE);
    let hour = Duration::from_secs(3600);
    for clock in [SystemTime::now() - hour, SystemTime::now() + hour] {
        let renewed = humantime::format_rfc3339_seconds(clock).to_string();
        let lease = Lease { since: renewed.clone(), renewed, ..dead(Some("elsewhere"), 20) };
        std::fs::write(&path, as_bytes(&lease)).unwrap();
        let over = AtomicBool::new(false);
        let begun = Instant::now();
        let found = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut lease = lease.clone();
                while !over.load(Ordering::SeqCst) {
                    lease.renewals += 1;
                    std::fs::write(&path, as_bytes(&lease)).unwrap();
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
            let found = wanted("here", 1).acquire(folder.path(), PATIENT);
            over.store(true, Ordering::SeqCst);
            found
        });
        assert!(matches!(&found, Err(LeaseError::Held { holder, .. }) if holder.contains("elsewhere")));
        assert!(begun.elapsed() < Duration::from_secs(20), "one change is enough");
    }
}

#[test]
fn a_lease_that_is_not_renewed_is_taken_over_whatever_the_time() {
    let hour = Duration::from_secs(3600);
    for clock in [SystemTime::now() - hour, SystemTime::now() + hour] {
        let folder = tempfile::tempdir().unwrap();
        let renewed = humantime::format_rfc3339_seconds(clock).to_string();
        let lease = Lease { since: renewed.clone(), renewed, ..dead(Some("elsewhere"), 1) };
        std::fs::write(folder.path().join(LEASE), as_bytes(&lease)).unwrap();
        // Who has no patience does not know.
        assert!(matches!(wanted("here", 30).acquire(folder.path(), Patience::None), Err(LeaseError::Held { .. })));
        let stopped = Patience::Until(&|| true);
        assert!(matches!(wanted("here", 30).acquire(folder.path(), stopped), Err(LeaseError::Held { .. })));
        let begun = Instant::now();
        let held = wanted("here", 30).acquire(folder.path(), PATIENT).unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
        assert!(held.taken_over().unwrap().contains("said nothing for 1 s"), "{:?}", held.taken_over());
    }
}

#[test]
fn a_holder_that_goes_on_after_a_long_sleep_finds_that_the_run_is_another_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(LEASE);
    // Nobody renews this one.
    let lease = dead(Some("asleep"), 1);
    std::fs::write(&path, as_bytes(&lease)).unwrap();
    let asleep = Hold::new(path, lease, crate::files::clock::since_start());
    asleep.check().unwrap();
    let awake = wanted("awake", 30).acquire(folder.path(), PATIENT).unwrap();
    let before = bytes(folder.path());
    let Err(LeaseError::Lost { reason, .. }) = asleep.check() else { unreachable!() };
    assert!(reason.contains("awake") && asleep.is_lost(), "{reason}");
    assert!(asleep.check().is_err(), "it stays lost");
    assert_eq!(bytes(folder.path()), before);
    awake.hold().expire();
    awake.hold().check().unwrap();
}

#[test]
fn a_lease_is_renewed_as_long_as_it_is_held_and_then_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let held = wanted("here", 1).acquire(folder.path(), PATIENT).unwrap();
    let renewals = || match LeaseText::of(&bytes(folder.path())) {
        LeaseText::Lease(lease) => lease.renewals,
        other => unreachable!("{other:?}"),
    };
    let length = bytes(folder.path()).len();
    let begun = Instant::now();
    while renewals() < 3 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(bytes(folder.path()).len(), length);
    drop(held);
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn what_is_no_lease_is_waited_for_and_a_newer_one_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(LEASE);
    let whole = as_bytes(&dead(Some("elsewhere"), 1));
    for text in [&b""[..], b"\0\0\0", b"{}", &whole[..whole.len() / 3], &whole[..40]] {
        std::fs::write(&path, text).unwrap();
        let held = wanted("here", 1).acquire(folder.path(), PATIENT).unwrap();
        assert!(held.taken_over().is_some());
        drop(held);
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }
    let newer = r#"{"schema": 2, "whose": "somebody's"}"#;
    std::fs::write(&path, newer).unwrap();
    let refused = wanted("here", 1).acquire(folder.path(), PATIENT);
    assert!(matches!(refused, Err(LeaseError::Newer { version: 2, .. })));
    assert_eq!(bytes(folder.path()), newer.as_bytes());
}

#[test]
fn a_claim_does_not_outlive_the_process_that_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let lease = as_bytes(&dead(None, 30));
    std::fs::write(folder.path().join(LEASE), &lease).unwrap();
    let claim = claim(&folder.path().join(LEASE), &lease);
    std::fs::write(&claim, as_bytes(&dead(None, 30))).unwrap();
    let held = wanted(&holder::host(), 30).acquire(folder.path(), PATIENT).unwrap();
    assert!(!claim.exists());
    drop(held);
}

proptest! {
    /// Whatever stands there, it is read without a panic, and what is ours is read as it was written.
    #[test]
    fn leases_are_read(junk in prop::collection::vec(any::<u8>(), 0..300), host in ".{0,300}", renewals: u64) {
        let _ = LeaseText::of(&junk);
        let machine = Machine { host, boot: None, processes: None };
        let lease = Lease { machine, renewals, ..of_nobody() };
        let text = as_bytes(&lease);
        prop_assert!(text.len().is_multiple_of(1024));
        prop_assert_eq!(LeaseText::of(&text), LeaseText::Lease(Box::new(lease)));
    }
}

fn of_nobody() -> Lease {
    Lease {
        schema: 1,
        token: String::new(),
        machine: Machine { host: String::new(), boot: None, processes: None },
        process: 0,
        started: None,
        command: 0,
        since: String::new(),
        seconds: 60,
        renewals: 0,
        renewed: String::new(),
    }
}
