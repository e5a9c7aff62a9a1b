//! What came of `bench run`, as text or JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use vocabulary::record::{State, Status, StopReason};

use super::budget;
use crate::cli::{CliError, Exit, print, print_json};
use crate::experiment::{Plan, Scale};
use crate::files::run_folder;
use crate::runner::{Finished, Outcome, Selected};

/// Result of a command, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    experiment: &'a str,
    scale: Scale,
    folder: &'a Path,
    report: Option<&'a PathBuf>,
    /// Why there is none, where that is not as it should be.
    report_error: Option<&'a str>,
    /// Of a search: the file of the best trials.
    #[serde(skip_serializing_if = "Option::is_none")]
    selected: Option<&'a Selected>,
    cells: Vec<RunSummary>,
}

/// What came of one run.
#[derive(Debug, Serialize)]
struct RunSummary {
    id: String,
    /// As its folder says.
    state: String,
    /// What came of it in this command: `done`, `failed`, `skipped`, `locked`, `interrupted`, `paused` or `pruned`.
    outcome: &'static str,
    reason: Option<StopReason>,
    kind: Option<String>,
    message: Option<String>,
    seconds: f64,
}

/// Print what came of `plan`; the exit code.
pub(super) fn conclude(
    plan: &Plan,
    finished: &Finished,
    selected: &Result<Option<Selected>, CliError>,
    json: bool,
) -> Exit {
    let report = finished.report.as_ref().ok().and_then(Option::as_ref);
    let not_written = finished.report.as_ref().err().map(|error| CliError {
        message: format!("the report is not written: {error}"),
        ..CliError::of(Exit::Failed, error)
    });
    let chosen = selected.as_ref().ok().and_then(Option::as_ref);
    let report_error = not_written.as_ref().map(|error| error.message.as_str());
    // What came of the runs first: it is not to be lost with the report.
    let printed = if json {
        print_json(&Summary { selected: chosen, ..summary(plan, finished, report, report_error) })
    } else {
        let chosen = chosen.map(|selected| format!("\n{}", budget::chosen(selected)));
        print(&format!("{}{}", text(plan, finished, report), chosen.unwrap_or_default()))
    };
    // Results stand in their files, whoever could read of them here. But a program that asked for JSON has nothing.
    let unsaid = json && printed.is_err();
    for problem in printed.err().iter().chain(&not_written).chain(selected.as_ref().err()) {
        problem.report();
    }
    let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed { .. } | Outcome::Locked(_));
    let open = [Outcome::Interrupted, Outcome::Paused];
    if open.iter().any(|outcome| finished.outcomes.contains(outcome)) {
        if finished.warned { Exit::StartAgain } else { Exit::Interrupted }
    } else if finished.outcomes.iter().any(failed) || unsaid || not_written.is_some() || selected.is_err() {
        Exit::Failed
    } else {
        Exit::Done
    }
}

fn summary<'a>(
    plan: &'a Plan,
    finished: &'a Finished,
    report: Option<&'a PathBuf>,
    report_error: Option<&'a str>,
) -> Summary<'a> {
    let runs = plan.runs.iter().zip(&finished.outcomes).map(|(run, outcome)| {
        let status = status(finished, &run.id).unwrap_or_else(Status::pending);
        RunSummary {
            id: run.id.clone(),
            state: status.state.name().to_owned(),
            outcome: outcome.name(),
            reason: match outcome {
                Outcome::Failed { reason, .. } => Some(*reason),
                _ => status.reason,
            },
            kind: status.kind,
            message: match outcome {
                Outcome::Failed { message, .. } | Outcome::Locked(message) => Some(message.clone()),
                Outcome::Pruned(message) => Some(message.clone()),
                _ => status.message,
            },
            seconds: status.seconds,
        }
    });
    let (experiment, scale, folder) = (&plan.name, plan.scale, &finished.folder);
    Summary { experiment, scale, folder, report, report_error, selected: None, cells: runs.collect() }
}

fn text(plan: &Plan, finished: &Finished, report: Option<&PathBuf>) -> String {
    let outcomes = &finished.outcomes;
    let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
    let parts = [
        (count(|o| *o == Outcome::Done), State::Done.name()),
        (count(|o| matches!(o, Outcome::Failed { .. })), State::Failed.name()),
        (count(|o| *o == Outcome::Skipped), State::Skipped.name()),
        (count(|o| matches!(o, Outcome::Locked(_))), "locked by another process"),
        (count(|o| *o == Outcome::Interrupted), State::Interrupted.name()),
        (count(|o| *o == Outcome::Paused), Outcome::Paused.name()),
        (count(|o| matches!(o, Outcome::Pruned(_))), StopReason::Pruned.name()),
    ];
    let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    let mut text = format!("{}: {} runs: {}", plan.name, plan.runs.len(), parts.join(", "));
    for (run, outcome) in plan.runs.iter().zip(outcomes) {
        if let Outcome::Failed { message, .. } | Outcome::Locked(message) = outcome {
            text.push_str(&format!("\n  {}: {message}", run.id));
        }
    }
    for (message, ids) in missing_data(plan, finished) {
        text.push_str(&format!("\n  {message}\n    skipped: {}", ids.join(", ")));
    }
    if let Some(scale) = plan.scale.caveat() {
        text.push_str(&format!("\n{scale}"));
    }
    if let Some(report) = report {
        text.push_str(&format!("\nreport: {}", report.display()));
    }
    text
}

/// The status of the run `id`, where it can be read.
fn status(finished: &Finished, id: &str) -> Option<Status> {
    run_folder::read_status(&finished.folder.join(id)).ok().flatten()
}

/// Runs skipped for want of data, by what is missing and the command that fetches it.
fn missing_data(plan: &Plan, finished: &Finished) -> BTreeMap<String, Vec<String>> {
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for run in &plan.runs {
        let Some(status) = status(finished, &run.id) else { continue };
        if status.state == State::Skipped && status.reason == Some(StopReason::MissingData) {
            missing.entry(status.message.unwrap_or_default()).or_default().push(run.id.clone());
        }
    }
    missing
}
