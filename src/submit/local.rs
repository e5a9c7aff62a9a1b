//! Jobs without a scheduler: one process of this machine that trains the runs of a submission, some at a time.
//!
//! The process holds the lease of the submission's folder, by which others know whether it is there.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reports::holder::{self, Holder};
use vocabulary::record::State;

use super::slurm::Queued;
use super::{Submission, SubmitError};
use crate::files::run_folder;

/// This machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local;

impl Local {
    /// Start the script at `path`, whose output goes to the end of `log`.
    ///
    /// # Errors
    /// There is no shell, or the log cannot be written.
    pub(crate) fn start(self, path: &Path, log: &Path) -> Result<Child, SubmitError> {
        let failed = |source| SubmitError::Io { action: "write", path: log.to_owned(), source };
        let out = OpenOptions::new().create(true).append(true).open(log).map_err(failed)?;
        let errors = out.try_clone().map_err(failed)?;
        let mut command = Command::new("bash");
        command.arg(path).stdin(Stdio::null()).stdout(out).stderr(errors);
        command.spawn().map_err(|source| SubmitError::NoScheduler { program: "bash".into(), source })
    }

    /// Whether the process of the submission in `folder` is there, as far as a look tells.
    pub(crate) fn is_there(self, folder: &Path) -> bool {
        matches!(holder::of(folder), Holder::Somebody(_) | Holder::Orphan(_))
    }

    /// Where the runs of `submission` stand that its process has not ended, as a scheduler would say it.
    pub(crate) fn queue(self, folder: &Path, submission: &Submission) -> BTreeMap<String, Queued> {
        let mut queue = BTreeMap::new();
        // `<experiment>/submissions/<number>`
        let Some(experiment) = folder.ancestors().nth(2).filter(|_| self.is_there(folder)) else { return queue };
        for run in submission.arrays.iter().flat_map(|array| &array.runs) {
            let home = experiment.join(run);
            let status = run_folder::read_status(&home).ok().flatten();
            // What it was before does not count.
            let status = status.filter(|status| status.updated.as_ref().is_some_and(|at| *at >= submission.submitted));
            if status.is_some_and(|status| matches!(status.state, State::Done | State::Skipped | State::Failed)) {
                continue;
            }
            let state = if holder::of(&home).is_nobody() { "PENDING" } else { "RUNNING" };
            queue.insert(run.clone(), Queued { state: state.into(), reason: String::new() });
        }
        queue
    }

    /// Ask the process of the submission in `folder` to save and end; its id, if it is there.
    ///
    /// # Errors
    /// It is on another machine, or cannot be asked.
    pub(crate) fn cancel(self, folder: &Path) -> Result<Option<u32>, SubmitError> {
        let lease = match holder::of(folder) {
            Holder::Nobody | Holder::Silent(..) => return Ok(None),
            Holder::Somebody(Some(lease)) | Holder::Orphan(lease) => lease,
            Holder::Somebody(None) => {
                return Err(SubmitError::Elsewhere { folder: folder.to_owned(), host: "an unknown machine".into() });
            }
        };
        if holder::is_alive(&lease) != Some(true) {
            return Err(SubmitError::Elsewhere { folder: folder.to_owned(), host: lease.machine.host });
        }
        terminate(lease.process).map_err(|source| SubmitError::Io {
            action: "end the process of",
            path: folder.to_owned(),
            source,
        })?;
        Ok(Some(lease.process))
    }
}

#[cfg(unix)]
fn terminate(process: u32) -> std::io::Result<()> {
    let process = nix::unistd::Pid::from_raw(process.cast_signed());
    Ok(nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGTERM)?)
}

#[cfg(not(unix))]
fn terminate(_process: u32) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use vocabulary::record::{LEASE, Status};

    use super::super::{ArrayJob, Engine};
    use super::*;
    use crate::files::Patience;
    use crate::files::lease::Wanted;

    #[test]
    fn what_waits_and_what_runs_is_told_by_folders() {
        let home = tempfile::tempdir().unwrap();
        let folder = Submission::folder(home.path()).unwrap();
        let mut submission = Submission::new(Engine::Local);
        let runs = ["waits", "runs", "done", "done-before", "failed"].map(str::to_owned);
        submission.arrays.push(ArrayJob { job: Some("1".into()), runs: runs.to_vec() });
        let status = |run: &str, state, updated: &str| {
            let status = Status { state, updated: Some(updated.into()), ..Status::pending() };
            std::fs::create_dir_all(home.path().join(run)).unwrap();
            std::fs::write(home.path().join(run).join("status.json"), serde_json::to_vec(&status).unwrap()).unwrap();
        };
        status("runs", State::Running, "2999-01-01T00:00:00Z");
        std::fs::write(home.path().join("runs").join(LEASE), "").unwrap();
        status("done", State::Done, "2999-01-01T00:00:00Z");
        status("failed", State::Failed, "2999-01-01T00:00:00Z");
        status("done-before", State::Done, "2001-01-01T00:00:00Z");
        assert!(Local.queue(&folder, &submission).is_empty(), "nobody is there who would train them");
        let held = Wanted::new(std::process::id()).unwrap().acquire(&folder, Patience::None).unwrap();
        let queue = Local.queue(&folder, &submission);
        let states: Vec<(&str, &str)> = queue.iter().map(|(run, of)| (run.as_str(), of.state.as_str())).collect();
        assert_eq!(states, [("done-before", "PENDING"), ("runs", "RUNNING"), ("waits", "PENDING")]);
        drop(held);
        assert_eq!(Local.cancel(&folder).unwrap(), None);
        std::fs::write(folder.join(LEASE), "").unwrap();
        assert!(matches!(Local.cancel(&folder), Err(SubmitError::Elsewhere { .. })));
    }
}
