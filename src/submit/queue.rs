//! What of a submission waits or runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::slurm::Queued;
use super::{Engine, Local, Slurm, Submission, SubmitError};

/// Where the runs of `submissions`, each with its folder, stand in the queue, those that are in it; and whether a report is still to
/// come.
///
/// # Errors
/// The scheduler does not answer.
pub(crate) fn queue(submissions: &[(PathBuf, Submission)]) -> Result<BTreeMap<String, Queued>, SubmitError> {
    let mut all = BTreeMap::new();
    for (folder, submission) in submissions {
        match submission.engine {
            Engine::Slurm if submission.cancelled => {}
            Engine::Slurm => {
                let jobs: Vec<&str> = submission.jobs().collect();
                for (task, queued) in Slurm.queue(&jobs)? {
                    all.insert(meant(submission, &task), queued);
                }
            }
            // Its script may have been started again.
            Engine::Local => all.extend(Local.queue(folder, submission)),
            Engine::Template => {}
        }
    }
    Ok(all)
}

/// The run that `task` trains, or `report`.
fn meant(submission: &Submission, task: &str) -> String {
    let (job, number) = task.split_once('_').unwrap_or((task, ""));
    let array = submission.arrays.iter().find(|array| array.job.as_deref() == Some(job));
    let run = array.and_then(|array| array.runs.get(number.parse::<usize>().ok()?));
    run.cloned()
        .unwrap_or_else(|| if submission.report.as_deref() == Some(job) { "report".into() } else { task.into() })
}

/// How many of a queue are in which state, and why those that wait do, in words.
pub(crate) fn counted(queue: &BTreeMap<String, Queued>) -> String {
    let mut states: BTreeMap<&Queued, usize> = BTreeMap::new();
    for queued in queue.values() {
        *states.entry(queued).or_default() += 1;
    }
    let parts = states.into_iter().map(|(Queued { state, reason }, count)| {
        let state = state.to_lowercase().replace('_', " ");
        if reason.is_empty() { format!("{count} {state}") } else { format!("{count} {state} ({reason})") }
    });
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::ArrayJob;
    use super::*;

    #[test]
    fn tasks_are_runs() {
        let mut submission = Submission::new(Engine::Slurm);
        submission.arrays.push(ArrayJob { job: Some("12".into()), runs: vec!["a.s0".into(), "a.s1".into()] });
        submission.report = Some("13".into());
        for (task, run) in [("12_1", "a.s1"), ("13", "report"), ("12_9", "12_9"), ("12_[2-3]", "12_[2-3]")] {
            assert_eq!(meant(&submission, task), run);
        }
    }

    #[test]
    fn states_are_counted() {
        let queued = |state: &str, reason: &str| Queued { state: state.into(), reason: reason.into() };
        let queue = [("a", "PENDING", "Resources"), ("b", "RUNNING", ""), ("c", "PENDING", "Resources")];
        let queue = queue.map(|(run, state, reason)| (run.to_owned(), queued(state, reason))).into();
        assert_eq!(counted(&queue), "2 pending (Resources), 1 running");
    }
}
