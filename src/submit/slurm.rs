//! The programs of Slurm.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde::Serialize;

use super::SubmitError;

/// Slurm, as its programs answer on this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slurm;

/// Where a task stands in the queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Queued {
    /// E.g. `PENDING`, `RUNNING`.
    pub(crate) state: String,
    /// Why it waits; empty where Slurm gives no reason.
    pub(crate) reason: String,
}

impl Slurm {
    /// Submit the script at `path`, after the jobs `after` have ended in whatever way; the number of the new job.
    ///
    /// # Errors
    /// `sbatch` is not there or refuses.
    pub(crate) fn submit(self, path: &Path, after: &[&str]) -> Result<String, SubmitError> {
        let mut command = Command::new("sbatch");
        command.arg("--parsable");
        if !after.is_empty() {
            command.arg(format!("--dependency=afterany:{}", after.join(":")));
        }
        let answer = answer(command.arg(path))?;
        // `job;cluster` where there are several clusters.
        let job = answer.trim().split(';').next().unwrap_or_default();
        if job.is_empty() || !job.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SubmitError::Answer { program: "sbatch".into(), answer: answer.trim().to_owned() });
        }
        Ok(job.to_owned())
    }

    /// Where the tasks of `jobs` stand that wait or run, by `job_task` (or `job`, of one that is no array).
    ///
    /// # Errors
    /// `squeue` is not there or refuses. That it no longer knows a job is none: that job is over.
    pub(crate) fn queue(self, jobs: &[&str]) -> Result<BTreeMap<String, Queued>, SubmitError> {
        if jobs.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut all = BTreeMap::new();
        // One by one: a job that is long over makes the whole call fail.
        for job in jobs {
            let list = format!("--jobs={job}");
            let mut command = Command::new("squeue");
            match answer(command.args(["--noheader", "--array", "--format=%i|%T|%r", list.as_str()])) {
                Ok(text) => all.extend(text.lines().filter_map(parsed)),
                Err(SubmitError::Refused { message, .. }) if message.contains("Invalid job id") => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// End `jobs`; those that are over stay as they are.
    ///
    /// # Errors
    /// `scancel` is not there or refuses.
    pub(crate) fn cancel(self, jobs: &[&str]) -> Result<(), SubmitError> {
        if jobs.is_empty() {
            return Ok(());
        }
        answer(Command::new("scancel").args(jobs)).map(|_| ())
    }
}

/// A line of `squeue`.
fn parsed(line: &str) -> Option<(String, Queued)> {
    let mut parts = line.trim().splitn(3, '|').map(str::trim);
    let task = parts.next().filter(|task| !task.is_empty())?;
    let (state, reason) = (parts.next()?.to_owned(), parts.next().unwrap_or_default().to_owned());
    let reason = if reason == "None" { String::new() } else { reason };
    Some((task.to_owned(), Queued { state, reason }))
}

/// What `command` prints.
fn answer(command: &mut Command) -> Result<String, SubmitError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } =
        command.output().map_err(|source| SubmitError::NoScheduler { program: program.clone(), source })?;
    if !status.success() {
        let message = String::from_utf8_lossy(&stderr).trim().to_owned();
        let message = if message.is_empty() { status.to_string() } else { message };
        return Err(SubmitError::Refused { program, message });
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_of_the_queue_are_read() {
        let queued = |state: &str, reason: &str| Queued { state: state.into(), reason: reason.into() };
        assert_eq!(parsed("12_3|RUNNING|None\n").unwrap(), ("12_3".into(), queued("RUNNING", "")));
        assert_eq!(
            parsed("12_4|PENDING|JobArrayTaskLimit").unwrap(),
            ("12_4".into(), queued("PENDING", "JobArrayTaskLimit"))
        );
        assert_eq!(parsed("13|PENDING|Dependency").unwrap().0, "13");
        assert_eq!(parsed(""), None);
        assert_eq!(parsed("slurm: something"), None);
    }
}
