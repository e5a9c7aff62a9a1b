//! What there is to say about a row beside its value: remarks, and what stands where there is no value.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::Scale;
use vocabulary::record::{Attempt, RunRecord, State, StopReason, device_kind};

use super::table::{Flag, TableEntry};
use crate::published::Counterpart;
use crate::runs::{Run, SeedGroup};
use crate::statistics::Summary;

/// The test value of a group with its remarks, or where the group stands.
pub(super) fn test_entry(group: &SeedGroup<'_>, summary: Option<&Summary>) -> TableEntry {
    let entry = summary.map_or_else(|| unfinished(group), |summary| TableEntry::summary(summary, group.metric()));
    entry.flags(headline_flags(group, summary))
}

/// Remarks on a group and the summary of its values.
fn headline_flags(group: &SeedGroup<'_>, summary: Option<&Summary>) -> BTreeSet<Flag> {
    let states = group.states();
    let any_reason = |reason| group.runs.iter().any(|c| c.status.reason == Some(reason));
    if not_applicable(group) {
        return [Flag::NotApplicable].into();
    }
    let measured: Vec<&Run> = group.runs.iter().copied().filter(|c| c.test_value().is_some()).collect();
    let mut flags = flags_of(&group.runs);
    // Runs that have not finished may have begun with another build.
    flags.remove(&Flag::MixedVersions);
    let mut when = |condition: bool, flag| {
        if condition {
            flags.insert(flag);
        }
    };
    let open = [State::Pending, State::Running, State::Interrupted];
    when(open.iter().any(|s| states.contains_key(s)), Flag::Unfinished);
    when(states.contains_key(&State::Failed), Flag::Failed);
    when(any_reason(StopReason::MissingData), Flag::MissingData);
    let skipped = |c: &&Run| c.status.state == State::Skipped && c.status.reason != Some(StopReason::MissingData);
    when(group.runs.iter().any(skipped), Flag::Skipped);
    when(summary.is_some_and(|s| s.n < 3), Flag::FewSeeds);
    when(has_no_value(group), Flag::NoValue);
    when(flags_of(&measured).contains(&Flag::MixedVersions), Flag::MixedVersions);
    // Older records do not say where.
    let kinds: BTreeSet<_> = measured.iter().map(|c| devices(c)).filter(|devices| !devices.is_empty()).collect();
    when(kinds.len() > 1, Flag::MixedDevices);
    flags
}

/// What to show where no run has finished.
fn unfinished(group: &SeedGroup<'_>) -> TableEntry {
    let states = group.states();
    let has = |state| states.contains_key(&state);
    if not_applicable(group) {
        return TableEntry::text("n/a").class("quiet");
    }
    let reason = |state| group.runs.iter().find(|c| c.status.state == state).and_then(|c| c.status.reason);
    let with = |name: &str, state| match reason(state) {
        Some(reason) => format!("{name}: {reason}"),
        None => name.to_owned(),
    };
    if has(State::Running) || has(State::Interrupted) {
        let name = if has(State::Running) { "running" } else { "interrupted" };
        let epoch = group.runs.iter().map(|c| c.status.epoch).max().unwrap_or(0);
        TableEntry::text(format!("{name}, epoch {epoch}")).class("running")
    } else if has(State::Failed) {
        TableEntry::text(with("failed", State::Failed)).class("failed")
    } else if group.runs.iter().any(|c| c.status.reason == Some(StopReason::MissingData)) {
        TableEntry::text("missing").class("failed")
    } else if has(State::Skipped) {
        TableEntry::text(with("skipped", State::Skipped)).class("quiet")
    } else if has(State::Done) {
        TableEntry::text("done, no value").class("failed")
    } else {
        TableEntry::text("pending").class("quiet")
    }
}

/// Whether the baseline fits the task of no run.
fn not_applicable(group: &SeedGroup<'_>) -> bool {
    group.runs.iter().all(|c| c.status.reason == Some(StopReason::NotApplicable))
}

/// Whether a run has finished without a test value that is a number.
pub(crate) fn has_no_value(group: &SeedGroup<'_>) -> bool {
    group.runs.iter().any(|run| run.status.state == State::Done && run.test_value().is_none())
}

/// What there is to say about the training of `runs`.
pub(crate) fn flags_of(runs: &[&Run]) -> BTreeSet<Flag> {
    let mut flags = BTreeSet::new();
    for run in runs {
        let record = run.record.as_ref();
        let remarks = [
            (record.is_some_and(|record| record.initial_weights.is_some()), Flag::InitialWeights),
            (record.is_some_and(|record| !record.extended_from.is_empty()), Flag::Extended),
            (record.is_some_and(is_searched), Flag::Searched),
            (builds(run).len() > 1, Flag::SeveralBuilds),
            (devices(run).len() > 1, Flag::SeveralDevices),
            (run.cut_lines > 0, Flag::CutLine),
        ];
        flags.extend(remarks.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag));
        flags.extend(end_of_training(run));
    }
    let builds: BTreeSet<_> = runs.iter().map(|run| builds(run)).collect();
    if builds.len() > 1 {
        flags.insert(Flag::MixedVersions);
    }
    flags
}

/// What ended the training of `run` before its last epoch, where a setting did.
pub(super) fn end_of_training(run: &Run) -> Option<Flag> {
    match run.status.reason? {
        StopReason::MaxTime => Some(Flag::StoppedByTime),
        StopReason::MaxSteps => Some(Flag::StoppedBySteps),
        StopReason::EarlyStopping => Some(Flag::StoppedEarly),
        _ => None,
    }
}

/// Whether the settings of a run were chosen among trials.
fn is_searched(record: &RunRecord) -> bool {
    record.trial.as_ref().is_some_and(|trial| !trial.fields.is_empty())
}

/// The builds of the program that trained a run: commit and versions.
pub(super) fn builds(run: &Run) -> BTreeSet<(String, BTreeMap<String, String>)> {
    run.status.attempts_on_record().into_iter().map(|attempt| (attempt.source(), attempt.versions)).collect()
}

/// What the devices are that trained a run: by name where that is known, so that two of the same kind count as one.
pub(super) fn devices(run: &Run) -> BTreeSet<String> {
    run.status.attempts_on_record().into_iter().filter_map(|attempt| device_by_name(&attempt)).collect()
}

fn device_by_name(attempt: &Attempt) -> Option<String> {
    attempt.device_name.clone().or_else(|| attempt.device.as_deref().map(|device| device_kind(device).to_owned()))
}

/// In what a record is not the one of a published result.
pub(crate) fn deviations(record: &RunRecord, counterpart: Option<Counterpart>) -> Vec<Flag> {
    let conditions = [
        (counterpart.is_none_or(|c| c.full_data), Flag::ReducedData),
        (counterpart.is_none_or(|c| c.same_difficulty), Flag::OtherDifficulty),
        (counterpart.is_none_or(|c| c.same_protocol), Flag::OtherProtocol),
        (record.scale == Scale::Paper, Flag::OtherScale),
        (record.initial_weights.is_none(), Flag::InitialWeights),
        (record.extended_from.is_empty(), Flag::Extended),
    ];
    conditions.into_iter().filter(|(holds, _)| !holds).map(|(_, flag)| flag).collect()
}

/// Whether a limit ended the training of one of the runs.
pub(crate) fn by_limit(group: &SeedGroup<'_>) -> bool {
    group.runs.iter().any(|run| run.status.reason.is_some_and(StopReason::is_limit))
}

/// Where a run stands, in the colour of that.
pub(super) fn state_entry(state: State) -> TableEntry {
    let class = match state {
        State::Failed => Some("failed"),
        State::Running | State::Interrupted => Some("running"),
        State::Pending | State::Skipped => Some("quiet"),
        State::Done => None,
    };
    TableEntry { class, ..TableEntry::text(state.name()) }
}
