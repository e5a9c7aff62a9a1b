//! Every run, and every attempt of those that took several.

use std::collections::BTreeSet;

use vocabulary::record::{Attempt, RunRecord, StopReason};

use crate::format::{duration, short_hash};
use crate::runs::{Run, Runs};
use crate::tables::remarks::{builds, devices, end_of_training, state_entry};
use crate::tables::table::{Flag, Table, TableEntry};

/// Every run with its state.
pub(crate) fn runs(runs: &Runs) -> Table {
    let mut table = Table::new(
        "cells",
        "Every run",
        "One training run per row: where it stands, why, and where it ran.",
        "Experiment | Run=Cell | State | Reason | Message | Test# | Best validation# | Epochs# | Time# | Attempts# | \
         Device | Host | Threads# | Git | Configuration | Plan",
    );
    for run in &runs.all {
        table.rows.push(run_row(run));
    }
    table.drop_empty(&["Reason", "Message", "Host", "Threads", "Git", "Device", "Plan"]);
    if !runs.has_several_experiments() {
        table.drop_first_column();
    }
    table
}

fn run_row(run: &Run) -> Vec<TableEntry> {
    let status = &run.status;
    let number = |value: Option<f64>| value.map_or_else(TableEntry::none, |v| TableEntry::metric(v, run.metric()));
    let not_applicable = status.reason == Some(StopReason::NotApplicable);
    let why = end_of_training(run).or(not_applicable.then_some(Flag::NotApplicable));
    let hash = run.record.as_ref().map(|r| r.hash.clone());
    vec![
        TableEntry::text(&run.experiment),
        TableEntry::text(&run.id),
        state_entry(status.state).flags((run.cut_lines > 0).then_some(Flag::CutLine)),
        TableEntry::optional(status.reason.map(StopReason::name)).flags(why),
        TableEntry::optional(status.message.clone()),
        number(run.test_value()),
        number(run.best_validation()),
        epochs(run),
        TableEntry::number(duration(run.seconds()), run.seconds()),
        TableEntry::text(status.attempts.to_string()),
        TableEntry::optional(device_of(run)).flags((devices(run).len() > 1).then_some(Flag::SeveralDevices)),
        TableEntry::optional(status.host.clone()),
        TableEntry::optional(status.threads.map(|t| t.to_string())),
        builds_of(run),
        TableEntry { raw: hash.clone(), ..TableEntry::optional(hash.as_deref().map(short_hash)) },
        TableEntry::optional(run.record.as_ref().and_then(|r| r.plan.clone())),
    ]
}

/// Finished epochs, and for how many the training was planned at first.
pub(super) fn epochs(run: &Run) -> TableEntry {
    let epoch = run.status.epochs_text();
    let Some(extension) = run.record.as_ref().and_then(RunRecord::extension) else { return TableEntry::text(epoch) };
    let text = match extension.strip_prefix(&format!("{epoch} epochs, ")) {
        Some(rest) => format!("{epoch}, {rest}"),
        None => format!("{epoch} of {extension}"),
    };
    TableEntry::text(text).raw(epoch).flag(Flag::Extended)
}

/// The kind of device, and what it is where that is known.
fn device_of(run: &Run) -> Option<String> {
    let names: BTreeSet<String> =
        run.status.attempts_on_record().into_iter().filter_map(|attempt| attempt.device_name).collect();
    let kind = run.record.as_ref().map(|r| r.device.clone());
    let kind = kind.or_else(|| run.status.attempts_on_record().into_iter().find_map(|attempt| attempt.device))?;
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    Some(if names.is_empty() { kind } else { format!("{kind}: {names}") })
}

/// Every build that trained a run, in order of the attempts.
fn builds_of(run: &Run) -> TableEntry {
    let mut sources: Vec<String> = Vec::new();
    for attempt in run.status.attempts_on_record() {
        let source = short_commit(&attempt.source());
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    if sources.is_empty() {
        return TableEntry::none();
    }
    TableEntry::text(sources.join(", ")).flags((builds(run).len() > 1).then_some(Flag::SeveralBuilds))
}

/// The first eight characters of a commit, and whether the working directory had changes.
fn short_commit(git: &str) -> String {
    let dirty = if git.ends_with("-dirty") { "-dirty" } else { "" };
    format!("{}{dirty}", short_hash(git.trim_end_matches("-dirty")))
}

/// What every attempt of every run that took several ran on; `None` where no run took several.
pub(crate) fn attempts(runs: &Runs) -> Option<Table> {
    let mut table = Table::new(
        "attempts",
        "Attempts",
        "What the attempts of the runs ran on that were trained in more than one. Attempts of programs that kept no list \
         are missing.",
        "Experiment | Run=Cell | Attempt# | Started | From epoch# | Host | Device | Threads# | Build | Versions",
    );
    for run in runs.all.iter().filter(|c| c.status.attempts > 1) {
        for attempt in run.status.attempts_on_record() {
            table.rows.push(attempt_row(run, &attempt));
        }
    }
    if !runs.has_several_experiments() {
        table.drop_first_column();
    }
    (!table.rows.is_empty()).then_some(table)
}

fn attempt_row(run: &Run, attempt: &Attempt) -> Vec<TableEntry> {
    let device = match (&attempt.device, &attempt.device_name) {
        (Some(device), Some(name)) => Some(format!("{device}, {name}")),
        (device, name) => device.clone().or_else(|| name.clone()),
    };
    let versions: Vec<String> = attempt.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    vec![
        TableEntry::text(&run.experiment),
        TableEntry::text(&run.id),
        TableEntry::text(attempt.attempt.to_string()),
        TableEntry::optional(attempt.started.clone()),
        TableEntry::optional(attempt.from_epoch.map(|epoch| epoch.to_string())),
        TableEntry::optional(attempt.host.clone()),
        TableEntry::optional(device),
        TableEntry::optional(attempt.threads.map(|threads| threads.to_string())),
        TableEntry::text(short_commit(&attempt.source())).raw(attempt.source()),
        TableEntry::text(versions.join(", ")),
    ]
}
