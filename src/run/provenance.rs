//! Where and with what a cell ran.

use std::collections::BTreeMap;
use std::time::SystemTime;

use vocabulary::record::{Attempt, Status};

/// Now, RFC 3339 UTC with seconds.
pub(crate) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
/// Versions of the program and of what decides its numbers, as they were when it was built.
pub(crate) fn versions() -> BTreeMap<String, String> {
    let pairs = [("bench", env!("CARGO_PKG_VERSION")), ("burn", env!("BENCH_BURN")), ("rustc", env!("BENCH_RUSTC"))];
    let known = pairs.into_iter().filter(|(_, version)| !version.is_empty());
    known.map(|(name, version)| (name.to_owned(), version.to_owned())).collect()
}

/// Commit of the sources that the program was built from, and whether they had changes; `None` where that is not known.
pub(crate) fn commit() -> Option<(&'static str, bool)> {
    let commit = env!("BENCH_COMMIT");
    (!commit.is_empty()).then_some((commit, env!("BENCH_DIRTY") == "true"))
}

/// Write into `status` that an attempt begins on `device` (`cuda:1`), which calls itself `device_name`.
pub(crate) fn begin(status: &mut Status, device: &str, device_name: Option<String>, from_epoch: u64) {
    // What an older program left is kept as far as it goes.
    let mut provenance = status.attempts_on_record();
    let now = now();
    status.attempts += 1;
    let commit = commit();
    let attempt = Attempt {
        attempt: status.attempts,
        started: Some(now.clone()),
        from_epoch: Some(from_epoch),
        host: Some(reports::holder::host()),
        device: Some(device.to_owned()),
        device_name,
        threads: Some(rayon::current_num_threads()),
        versions: versions(),
        commit: commit.map(|(commit, _)| commit.to_owned()),
        dirty: commit.map(|(_, dirty)| dirty),
    };
    status.started.get_or_insert_with(|| now.clone());
    status.updated = Some(now);
    status.host.clone_from(&attempt.host);
    status.threads = attempt.threads;
    status.versions.clone_from(&attempt.versions);
    status.git = attempt.commit.is_some().then(|| attempt.source());
    provenance.push(attempt);
    status.provenance = provenance;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_attempt_has_an_entry_and_an_older_one_is_kept() {
        let mut status = Status::pending();
        begin(&mut status, "cuda:0", Some("Made-up GPU".into()), 0);
        begin(&mut status, "cuda:1", None, 3);
        assert_eq!(status.attempts, 2);
        let devices: Vec<_> =
            status.provenance.iter().map(|a| (a.attempt, a.device.clone().unwrap(), a.from_epoch)).collect();
        assert_eq!(devices, [(1, "cuda:0".to_owned(), Some(0)), (2, "cuda:1".to_owned(), Some(3))]);
        // As written before there was a list.
        let mut old =
            Status { attempts: 2, host: Some("there".into()), git: Some("abc-dirty".into()), ..Status::pending() };
        begin(&mut old, "cpu", None, 1);
        let hosts: Vec<_> = old.provenance.iter().map(|a| (a.attempt, a.source())).collect();
        assert_eq!(hosts[0], (2, "abc-dirty".to_owned()));
        assert_eq!((old.provenance[0].host.as_deref(), hosts[1].0), (Some("there"), 3));
    }
}
