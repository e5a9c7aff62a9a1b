//! The tables of a report.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::arena;
use crate::error::ReportError;
use crate::format::{self, NONE, duration, grouped, mean_std, metric, metric_name, short_hash};
use crate::frame::{BySeed, Frames};
use crate::group::{Group, GroupKey, groups};
use crate::load::{self, Cell, Runs};
use crate::published::{self, Published};
use crate::recipes::Recipes;
use crate::record::{Attempt, CellRecord, State, StopReason, TaskRecord, device_kind};
use crate::settings::Settings;
use crate::statistics::{Summary, mean};
use crate::table::{Column, Entry, Flag, Table};
use vocabulary::{Metric, Scale};

/// Test values of all groups, `(seed, value)`.
pub(crate) fn test_values(runs: &Runs, frames: &Frames) -> Result<BTreeMap<GroupKey, BySeed>, ReportError> {
    of_metric(runs, frames, "test_")
}

fn of_metric(runs: &Runs, frames: &Frames, prefix: &str) -> Result<BTreeMap<GroupKey, BySeed>, ReportError> {
    let metrics: BTreeSet<&str> = runs.cells.iter().map(|cell| cell.metric().name()).collect();
    let mut values = BTreeMap::new();
    for name in metrics {
        values.extend(frames.finals(&format!("{prefix}{name}"))?);
    }
    Ok(values)
}

/// Task × baseline at a glance: mean ± std of the test metric over seeds.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn summary(runs: &Runs, frames: &Frames) -> Result<Table, ReportError> {
    let groups = groups(runs);
    let values = test_values(runs, frames)?;
    let several = runs.experiments.len() > 1;
    let row_of = |key: &GroupKey| (if several { key.experiment.clone() } else { String::new() }, key.series());
    let rows: BTreeSet<(String, String)> = groups.iter().map(|g| row_of(&g.key)).collect();
    let columns = metric_columns(&groups);

    let mut table = Table::new(
        "summary",
        "At a glance",
        "Test metric of the epoch that was best on validation: mean ± standard deviation over n seeds. Arrows say \
         whether more or less is better; bold is the best mean of a column among the rows of the same scale, samples and \
         protocol.",
        &["Experiment", "Baseline"],
    );
    for (task, members) in &columns {
        let title = members.iter().find(|g| g.record().is_some()).map_or_else(
            || (*task).to_owned(),
            |g| {
                let arrow = if g.higher_is_better() { "↑" } else { "↓" };
                format!("{task} ({} {arrow})", metric_name(g.metric()))
            },
        );
        table.columns.push(Column { title, numeric: true });
    }
    for row in &rows {
        let mut entries = vec![Entry::text(&row.0), Entry::text(&row.1)];
        for (_, members) in &columns {
            entries.push(match members.iter().find(|g| &row_of(&g.key) == row) {
                Some(group) => headline(group, values.get(&group.key)),
                None => Entry::text("not run").flag(Flag::Missing).class("quiet"),
            });
        }
        table.rows.push(entries);
    }
    for (index, (_, members)) in columns.iter().enumerate() {
        mark_best(&mut table, index + 2, members, &values, &rows, &row_of);
    }
    if !several {
        table.drop_first_column();
    }
    Ok(table)
}

/// The groups by the label of their task and by its metric: one label may stand for several tasks. A group that does not say
/// its metric goes with the first that does.
pub(crate) fn metric_columns<'g, 'a>(groups: &'g [Group<'a>]) -> Vec<(&'g str, Vec<&'g Group<'a>>)> {
    let mut columns: BTreeMap<(&str, &str), Vec<&Group<'a>>> = BTreeMap::new();
    let (told, untold): (Vec<_>, Vec<_>) = groups.iter().partition(|group| group.record().is_some());
    for group in told {
        columns.entry((&group.key.task, group.metric().name())).or_default().push(group);
    }
    for group in untold {
        let task = group.key.task.as_str();
        let home = columns.keys().find(|(label, _)| *label == task).copied();
        columns.entry(home.unwrap_or((task, ""))).or_default().push(group);
    }
    columns.into_iter().map(|((task, _), members)| (task, members)).collect()
}

fn percent(metric: Metric) -> &'static str {
    if metric == Metric::Accuracy { " %" } else { "" }
}

/// `value` of `metric` in the unit of the tables: accuracy in percent.
pub(crate) fn as_shown(value: f64, metric: Metric) -> f64 {
    if metric == Metric::Accuracy { 100.0 * value } else { value }
}

/// How the samples of a task are given to a model; the task is the same whatever these are.
const PRESENTATION: [&str; 10] =
    ["augment", "centre", "end_token", "form", "normalisation", "padding", "pixels", "scale", "tokens", "vocabulary"];

/// What two rows of a column must share to be compared: the scale, the samples, and every setting of the task but how they
/// are given to the model.
pub(crate) fn protocol(record: &CellRecord) -> Settings {
    let presented = |path: &str| {
        path.strip_prefix("task.config.").is_some_and(|name| PRESENTATION.contains(&name))
            // These follow from how samples are given; the number at the end of the version follows from the samples.
            || ["task.version", "task.data_hash", "task.shape"].contains(&path)
            || !(path.starts_with("task.") || path == "scale")
    };
    let mut settings = Settings::of(record).without(presented);
    settings.set("task.version", record.task.version.rsplit('-').next().map(str::to_owned));
    let other = record.task.notes.iter().filter(|note| published::is_another_set(note));
    settings.set("task.notes", other.cloned().reduce(|all, note| format!("{all}; {note}")));
    settings
}

/// Everything that a record says of its task but the hash of the samples: where it agrees, so do they.
fn presented(record: &CellRecord) -> Settings {
    Settings::of(record).without(|path| !path.starts_with("task.") || path == "task.data_hash")
}

/// [`protocol`], with the hash of the samples where `members` read different ones under the same settings.
fn compared_as(record: &CellRecord, members: &[&Group<'_>]) -> Settings {
    let mut settings = protocol(record);
    let (own, hash) = (presented(record), record.task.data_hash.as_deref());
    let others = members.iter().filter_map(|group| group.record()).filter(|other| presented(other) == own);
    if others.filter_map(|other| other.task.data_hash.as_deref()).any(|other| hash.is_some_and(|hash| hash != other)) {
        settings.set("task.data_hash", hash.map(str::to_owned));
    }
    settings
}

fn mark_best(
    table: &mut Table,
    column: usize,
    members: &[&Group<'_>],
    values: &BTreeMap<GroupKey, BySeed>,
    rows: &BTreeSet<(String, String)>,
    row_of: &dyn Fn(&GroupKey) -> (String, String),
) {
    // Best value, its rows, and how many were compared, per protocol.
    let mut best: BTreeMap<Settings, (f64, Vec<usize>, usize)> = BTreeMap::new();
    for group in members.iter().filter(|group| !has_no_value(group)) {
        let Some(value) = values.get(&group.key).and_then(|v| mean(&plain(v))) else { continue };
        let Some(row) = rows.iter().position(|r| *r == row_of(&group.key)) else { continue };
        let Some(record) = group.record() else { continue };
        let (best, at, compared) = best.entry(compared_as(record, members)).or_insert((value, Vec::new(), 0));
        *compared += 1;
        if if group.higher_is_better() { value > *best } else { value < *best } {
            *best = value;
            at.clear();
        }
        if value == *best {
            at.push(row);
        }
    }
    for (_, found, _) in best.into_values().filter(|(_, _, compared)| *compared > 1) {
        found.into_iter().for_each(|row| table.rows[row][column].best = true);
    }
}

/// Whether a cell has finished without a test value that is a number.
fn has_no_value(group: &Group<'_>) -> bool {
    group.cells.iter().any(|cell| cell.status.state == State::Done && cell.test_value().is_none())
}

pub(crate) fn plain(values: &[(u64, f64)]) -> Vec<f64> {
    values.iter().map(|(_, v)| *v).collect()
}

fn headline(group: &Group<'_>, values: Option<&BySeed>) -> Entry {
    let summary = values.and_then(|v| Summary::of(&plain(v)));
    let mut entry = match &summary {
        Some(s) => {
            Entry::number(format!("{} (n = {})", mean_std(s, group.metric()), s.n), as_shown(s.mean, group.metric()))
        }
        None => unfinished(group),
    };
    for flag in headline_flags(group, summary.as_ref()) {
        entry = entry.flag(flag);
    }
    entry
}

/// The table of Long Range Arena, where the runs have tasks of it.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn long_range_arena(runs: &Runs, frames: &Frames) -> Result<Option<Table>, ReportError> {
    let values = test_values(runs, frames)?;
    Ok(arena::table(&groups(runs), &values, &published::all()?, runs.experiments.len() > 1))
}

/// What to show where no cell has finished.
pub(crate) fn unfinished(group: &Group<'_>) -> Entry {
    let states = group.states();
    let has = |state| states.contains_key(&state);
    if not_applicable(group) {
        return Entry::text("n/a").class("quiet");
    }
    let reason = |state| group.cells.iter().find(|c| c.status.state == state).and_then(|c| c.status.reason);
    let with = |name: &str, state| match reason(state) {
        Some(reason) => format!("{name}: {reason}"),
        None => name.to_owned(),
    };
    if has(State::Running) || has(State::Interrupted) {
        let name = if has(State::Running) { "running" } else { "interrupted" };
        let epoch = group.cells.iter().map(|c| c.status.epoch).max().unwrap_or(0);
        Entry::text(format!("{name}, epoch {epoch}")).class("running")
    } else if has(State::Failed) {
        Entry::text(with("failed", State::Failed)).class("failed")
    } else if group.cells.iter().any(|c| c.status.reason == Some(StopReason::MissingData)) {
        Entry::text("missing").class("failed")
    } else if has(State::Skipped) {
        Entry::text(with("skipped", State::Skipped)).class("quiet")
    } else if has(State::Done) {
        Entry::text("done, no value").class("failed")
    } else {
        Entry::text("pending").class("quiet")
    }
}

fn not_applicable(group: &Group<'_>) -> bool {
    group.cells.iter().all(|c| c.status.reason == Some(StopReason::NotApplicable))
}

/// Remarks on a group and the summary of its values.
pub(crate) fn headline_flags(group: &Group<'_>, summary: Option<&Summary>) -> Vec<Flag> {
    let states = group.states();
    let any_reason = |reason| group.cells.iter().any(|c| c.status.reason == Some(reason));
    if not_applicable(group) {
        return vec![Flag::NotApplicable];
    }
    let measured: Vec<&Cell> = group.cells.iter().copied().filter(|c| c.test_value().is_some()).collect();
    let mut flags = flags_of(&group.cells);
    // Cells that have not finished may have begun with another build.
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
    let skipped = |c: &&Cell| c.status.state == State::Skipped && c.status.reason != Some(StopReason::MissingData);
    when(group.cells.iter().any(skipped), Flag::Skipped);
    when(summary.is_some_and(|s| s.n < 3), Flag::FewSeeds);
    when(has_no_value(group), Flag::NoValue);
    when(flags_of(&measured).contains(&Flag::MixedVersions), Flag::MixedVersions);
    // Older records do not say where.
    let kinds: BTreeSet<_> = measured.iter().map(|c| devices(c)).filter(|devices| !devices.is_empty()).collect();
    when(kinds.len() > 1, Flag::MixedDevices);
    flags.into_iter().collect()
}

/// What there is to say about the training of `cells`.
pub(crate) fn flags_of(cells: &[&Cell]) -> BTreeSet<Flag> {
    let mut flags = BTreeSet::new();
    for cell in cells {
        let record = cell.record.as_ref();
        let remarks = [
            (cell.status.reason == Some(StopReason::MaxTime), Flag::StoppedByTime),
            (cell.status.reason == Some(StopReason::MaxSteps), Flag::StoppedBySteps),
            (cell.status.reason == Some(StopReason::EarlyStopping), Flag::StoppedEarly),
            (record.is_some_and(|record| record.initial_weights.is_some()), Flag::InitialWeights),
            (record.is_some_and(|record| !record.extended_from.is_empty()), Flag::Extended),
            (builds(cell).len() > 1, Flag::SeveralBuilds),
            (devices(cell).len() > 1, Flag::SeveralDevices),
            (cell.cut_lines > 0, Flag::CutLine),
        ];
        flags.extend(remarks.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag));
    }
    let builds: BTreeSet<_> = cells.iter().map(|cell| builds(cell)).collect();
    if builds.len() > 1 {
        flags.insert(Flag::MixedVersions);
    }
    flags
}

/// The builds of the program that trained a cell: commit and versions.
fn builds(cell: &Cell) -> BTreeSet<(String, BTreeMap<String, String>)> {
    cell.status.attempts_on_record().into_iter().map(|attempt| (attempt.source(), attempt.versions)).collect()
}

/// What the devices are that trained a cell: by name where that is known, so that two of the same kind count as one.
fn devices(cell: &Cell) -> BTreeSet<String> {
    cell.status.attempts_on_record().into_iter().filter_map(|attempt| device_by_name(&attempt)).collect()
}

fn device_by_name(attempt: &Attempt) -> Option<String> {
    attempt.device_name.clone().or_else(|| attempt.device.as_deref().map(|device| device_kind(device).to_owned()))
}

/// In what a record is not the one of a published result.
pub(crate) fn deviations(record: &CellRecord, counterpart: Option<published::Counterpart>) -> Vec<Flag> {
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

/// One row per task × baseline × grid values, with everything known about it.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn results(runs: &Runs, frames: &Frames, recipes: &Recipes) -> Result<Table, ReportError> {
    let test = test_values(runs, frames)?;
    let validation = of_metric(runs, frames, "best_validation_")?;
    let published = published::all()?;
    let mut table = Table::new(
        "results",
        "Results",
        "Mean ± standard deviation (dividing by n − 1) over finished seeds; then every seed. Seconds are those of \
         training, validation and test included, averaged over finished seeds. The difference to a published value is \
         given only for the published data, difficulty, protocol, network and size, and a training of at least as many \
         epochs as in its recipe that no limit stopped. Frequencies, dropout, learning rates and decay are not held \
         against the recipe: the column of the recipe, where there is one, says where they come from.",
        &[
            "Experiment",
            "Task",
            "Baseline",
            "Grid",
            "Metric",
            "Test#",
            "n#",
            "Published (paper)#",
            "Difference#",
            "Parameters#",
            "Seconds#",
            "Epochs#",
            "States",
            "Best validation#",
            "Every seed",
            "Recipe",
            "Source of the published value",
        ],
    );
    for group in &groups(runs) {
        let recipe = recipes.entry(group);
        table.rows.push(result_row(group, test.get(&group.key), validation.get(&group.key), &published, recipe));
    }
    let mut droppable = vec!["Grid", "Recipe"];
    if runs.experiments.len() < 2 {
        droppable.push("Experiment");
        for row in &mut table.rows {
            row[0].text.clear();
        }
    }
    droppable.push("Source of the published value");
    table.drop_empty(&droppable);
    Ok(table)
}

fn result_row(
    group: &Group<'_>,
    test: Option<&BySeed>,
    validation: Option<&BySeed>,
    table: &[Published],
    recipe: Entry,
) -> Vec<Entry> {
    let name = group.metric();
    let raw = |v: f64| as_shown(v, name);
    let summary = test.and_then(|v| Summary::of(&plain(v)));
    let mut value = match &summary {
        Some(s) => Entry::number(mean_std(s, name), raw(s.mean)),
        None => unfinished(group),
    };
    for flag in headline_flags(group, summary.as_ref()) {
        value = value.flag(flag);
    }
    let seeds = test.map_or_else(Entry::none, |values| {
        let all: Vec<String> = values.iter().map(|(seed, v)| format!("s{seed} {}", metric(*v, name))).collect();
        let raw: Vec<String> = values.iter().map(|(seed, v)| format!("{seed}:{}", raw(*v))).collect();
        Entry { text: all.join(", "), raw: Some(raw.join(" ")), ..Entry::default() }
    });
    let validation = match validation.and_then(|v| Summary::of(&plain(v))) {
        Some(s) => Entry::number(mean_std(&s, name), raw(s.mean)),
        None => {
            let so_far: Vec<f64> = group.cells.iter().filter_map(|c| c.best_validation()).collect();
            Summary::of(&so_far)
                .map_or_else(Entry::none, |s| Entry::number(format!("{} so far", mean_std(&s, name)), raw(s.mean)))
        }
    };
    let done: Vec<&&Cell> = group.cells.iter().filter(|c| c.status.state == State::Done).collect();
    let over_done = |f: &dyn Fn(&Cell) -> f64| mean(&done.iter().map(|c| f(c)).collect::<Vec<_>>());
    let parameters = group.record().and_then(|r| r.baseline.parameters);
    let shorter = |a: &&&&Cell, b: &&&&Cell| a.status.epochs().total_cmp(&b.status.epochs());
    let shortest = done.iter().min_by(shorter).map(|c| c.status.epochs_text());
    let epochs = match (shortest, done.iter().max_by(shorter).map(|c| c.status.epochs_text())) {
        (Some(a), Some(b)) if a == b => Entry::text(a),
        (Some(a), Some(b)) => Entry::text(format!("{a}–{b}")),
        _ => Entry::none(),
    };
    let states: Vec<String> = group.states().iter().map(|(state, n)| format!("{n} {}", state.name())).collect();
    let (published, difference, source) = beside(group, summary.as_ref(), table);
    vec![
        Entry::text(&group.key.experiment),
        Entry::text(&group.key.task),
        Entry::text(&group.key.baseline),
        Entry::text(&group.key.grid),
        // A cell without a record does not say its metric.
        group.record().map_or_else(Entry::none, |_| Entry::text(metric_name(name))),
        value,
        Entry::text(summary.map_or(0, |s| s.n).to_string()),
        published,
        difference,
        parameters.map_or_else(Entry::none, |p| Entry { raw: Some(p.to_string()), ..Entry::text(grouped(p)) }),
        over_done(&|c| c.seconds()).map_or_else(Entry::none, |s| Entry::number(format!("{s:.1}"), s)),
        epochs,
        Entry::text(states.join(", ")),
        validation,
        seeds,
        recipe,
        source,
    ]
}

/// The published value and the difference to it, where the two compare.
fn beside(group: &Group<'_>, summary: Option<&Summary>, table: &[Published]) -> (Entry, Entry, Entry) {
    let nothing = (Entry::none(), Entry::none(), Entry::none());
    let Some(record) = group.record() else { return nothing };
    let Some(beside) = published::beside(record, table) else { return nothing };
    let found = beside.published;
    let mut entry = Entry::number(format!("{:.2} {}", found.accuracy, found.model), found.accuracy);
    entry.flags = deviations(record, Some(beside.counterpart));
    if !beside.same_size {
        entry = entry.flag(Flag::OtherSize);
    }
    if !beside.same_network {
        entry = entry.flag(Flag::OtherNetwork);
    }
    let stopped = by_limit(group);
    let mut finished = group.cells.iter().filter(|cell| cell.status.state == State::Done);
    if !stopped && finished.any(|cell| !published::full_training(cell, beside.counterpart.task, &found.model)) {
        entry = entry.flag(Flag::OtherTraining);
    }
    let comparable = entry.flags.is_empty() && !stopped && record.task.metric == Metric::Accuracy;
    let difference = match summary {
        Some(s) if comparable => {
            let difference = 100.0 * s.mean - found.accuracy;
            Entry::number(format::signed(&format!("{difference:.2}")), difference)
        }
        _ => Entry::none(),
    };
    (entry, difference, Entry::text(found.source))
}

/// Whether a limit ended the training of one of the cells.
pub(crate) fn by_limit(group: &Group<'_>) -> bool {
    group.cells.iter().any(|cell| cell.status.reason.is_some_and(StopReason::is_limit))
}

/// The protocol of every task.
pub(crate) fn tasks(runs: &Runs) -> Table {
    let mut table = Table::new(
        "tasks",
        "Tasks",
        "What was trained and tested on. The data hash covers every processed sample and label.",
        &[
            "Task",
            "Version",
            "Data set",
            "Data hash",
            "Shape",
            "Train#",
            "Validation#",
            "Test#",
            "Metric",
            "Chance#",
            "Settings",
            "Notes",
        ],
    );
    let all: Vec<&TaskRecord> = runs.cells.iter().filter_map(|c| Some(&c.record.as_ref()?.task)).collect();
    let mut distinct: Vec<&TaskRecord> = Vec::new();
    for task in &all {
        // The hash of the samples and the notes are known once a cell has begun; the others say nothing more.
        let same = |other: &&TaskRecord| {
            let read = |t: &TaskRecord| (t.data_hash.clone(), t.notes.clone());
            let begun = task.data_hash.is_some();
            let unread = |t: &TaskRecord| TaskRecord { data_hash: None, notes: vec![], ..t.clone() };
            unread(other) == unread(task) && (!begun || read(other) == read(task))
        };
        if !distinct.iter().any(&same)
            && (task.data_hash.is_some() || !all.iter().any(|other| other.data_hash.is_some() && same(other)))
        {
            distinct.push(task);
        }
    }
    for task in distinct {
        let shape: Vec<String> = task.shape.iter().map(ToString::to_string).collect();
        let count = |n: usize| Entry { raw: Some(n.to_string()), ..Entry::text(grouped(n as u64)) };
        let raw_chance = if task.metric == Metric::Accuracy { 100.0 * task.chance } else { task.chance };
        table.rows.push(vec![
            Entry::text(&task.label),
            Entry::text(&task.version),
            Entry::text(&task.data),
            Entry {
                raw: task.data_hash.clone(),
                ..Entry::text(task.data_hash.as_deref().map_or(NONE.to_owned(), short_hash))
            },
            Entry::text(shape.join(" × ")),
            count(task.splits[0]),
            count(task.splits[1]),
            count(task.splits[2]),
            Entry::text(metric_name(task.metric)),
            Entry::number(metric(task.chance, task.metric), raw_chance),
            Entry::text(settings(&task.config)),
            if task.notes.is_empty() { Entry::none() } else { Entry::text(task.notes.join("; ")) },
        ]);
    }
    table.drop_empty(&["Settings", "Notes"]);
    table.rows.sort_by(|a, b| a.iter().map(|e| &e.text).cmp(b.iter().map(|e| &e.text)));
    table
}

/// `length=200, form=2d`; null stands for nothing.
fn settings(config: &Value) -> String {
    let given = config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| format!("{name}={}", load::plain(value))).collect::<Vec<_>>().join(", ")
}

/// What every attempt of every cell that took several ran on; `None` where no cell took several.
pub(crate) fn attempts(runs: &Runs) -> Option<Table> {
    let mut table = Table::new(
        "attempts",
        "Attempts",
        "What the attempts of the cells ran on that were trained in more than one. Attempts of programs that kept no list \
         are missing.",
        &[
            "Experiment",
            "Cell",
            "Attempt#",
            "Started",
            "From epoch#",
            "Host",
            "Device",
            "Threads#",
            "Build",
            "Versions",
        ],
    );
    for cell in runs.cells.iter().filter(|c| c.status.attempts > 1) {
        for attempt in cell.status.attempts_on_record() {
            table.rows.push(attempt_row(cell, &attempt));
        }
    }
    if runs.experiments.len() < 2 {
        table.rows.iter_mut().for_each(|row| row[0].text.clear());
        table.drop_empty(&["Experiment"]);
    }
    (!table.rows.is_empty()).then_some(table)
}

fn attempt_row(cell: &Cell, attempt: &Attempt) -> Vec<Entry> {
    let optional = |text: Option<String>| text.map_or_else(Entry::none, Entry::text);
    let device = match (&attempt.device, &attempt.device_name) {
        (Some(device), Some(name)) => Some(format!("{device}, {name}")),
        (device, name) => device.clone().or_else(|| name.clone()),
    };
    let versions: Vec<String> = attempt.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    vec![
        Entry::text(&cell.experiment),
        Entry::text(&cell.id),
        Entry::text(attempt.attempt.to_string()),
        optional(attempt.started.clone()),
        optional(attempt.from_epoch.map(|epoch| epoch.to_string())),
        optional(attempt.host.clone()),
        optional(device),
        optional(attempt.threads.map(|threads| threads.to_string())),
        Entry { raw: Some(attempt.source()), ..Entry::text(short_commit(&attempt.source())) },
        Entry::text(versions.join(", ")),
    ]
}

/// What is left out of the report, and why; `None` where nothing is.
pub(crate) fn left_out(runs: &Runs) -> Option<Table> {
    let mut table = Table::new(
        "left-out",
        "Left out",
        "Folders that could not be read, or that count already. They enter no number of this report.",
        &["Experiment", "Folder", "Why"],
    );
    for entry in &runs.left_out {
        let folder =
            entry.path.file_name().map_or_else(|| entry.path.display().to_string(), |n| n.to_string_lossy().into());
        table.rows.push(vec![
            Entry::text(&entry.experiment),
            Entry::text(folder).class("failed"),
            Entry::text(&entry.reason),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Every cell with its state.
pub(crate) fn cells(runs: &Runs) -> Table {
    let mut table = Table::new(
        "cells",
        "Every cell",
        "One training run per row: where it stands, why, and where it ran.",
        &[
            "Experiment",
            "Cell",
            "State",
            "Reason",
            "Message",
            "Test#",
            "Best validation#",
            "Epochs#",
            "Time#",
            "Attempts#",
            "Device",
            "Host",
            "Threads#",
            "Git",
            "Configuration",
            "Plan",
        ],
    );
    for cell in &runs.cells {
        table.rows.push(cell_row(cell));
    }
    let mut droppable = vec!["Reason", "Message", "Host", "Threads", "Git", "Device", "Plan"];
    if runs.experiments.len() < 2 {
        droppable.push("Experiment");
        for row in &mut table.rows {
            row[0].text.clear();
        }
    }
    table.drop_empty(&droppable);
    table
}

fn state_class(state: State) -> Option<&'static str> {
    match state {
        State::Failed => Some("failed"),
        State::Running | State::Interrupted => Some("running"),
        State::Pending | State::Skipped => Some("quiet"),
        State::Done => None,
    }
}

fn cell_row(cell: &Cell) -> Vec<Entry> {
    let optional = |text: Option<String>| text.map_or_else(Entry::none, Entry::text);
    let number = |value: Option<f64>| {
        value.map_or_else(Entry::none, |v| Entry::number(metric(v, cell.metric()), as_shown(v, cell.metric())))
    };
    let mut state = Entry { class: state_class(cell.status.state), ..Entry::text(cell.status.state.name()) };
    if cell.cut_lines > 0 {
        state = state.flag(Flag::CutLine);
    }
    let mut why = optional(cell.status.reason.map(|reason| reason.name().to_owned()));
    match cell.status.reason {
        Some(StopReason::MaxTime) => why = why.flag(Flag::StoppedByTime),
        Some(StopReason::MaxSteps) => why = why.flag(Flag::StoppedBySteps),
        Some(StopReason::EarlyStopping) => why = why.flag(Flag::StoppedEarly),
        Some(StopReason::NotApplicable) => why = why.flag(Flag::NotApplicable),
        _ => {}
    }
    let hash = cell.record.as_ref().map(|r| r.hash.clone());
    vec![
        Entry::text(&cell.experiment),
        Entry::text(&cell.id),
        state,
        why,
        optional(cell.status.message.clone()),
        number(cell.test_value()),
        number(cell.best_validation()),
        epochs(cell),
        Entry::number(duration(cell.seconds()), cell.seconds()),
        Entry::text(cell.status.attempts.to_string()),
        optional(device_of(cell)).flags(if devices(cell).len() > 1 { &[Flag::SeveralDevices] } else { &[] }),
        optional(cell.status.host.clone()),
        optional(cell.status.threads.map(|t| t.to_string())),
        builds_of(cell),
        Entry { raw: hash.clone(), ..optional(hash.as_deref().map(format::short_hash)) },
        optional(cell.record.as_ref().and_then(|r| r.plan.clone())),
    ]
}

/// Finished epochs, and for how many the training was planned at first.
fn epochs(cell: &Cell) -> Entry {
    let epoch = cell.status.epochs_text();
    let Some(extension) = cell.record.as_ref().and_then(CellRecord::extension) else { return Entry::text(epoch) };
    let text = match extension.strip_prefix(&format!("{epoch} epochs, ")) {
        Some(rest) => format!("{epoch}, {rest}"),
        None => format!("{epoch} of {extension}"),
    };
    Entry { raw: Some(epoch), ..Entry::text(text) }.flag(Flag::Extended)
}

/// The kind of device, and what it is where that is known.
fn device_of(cell: &Cell) -> Option<String> {
    let names: BTreeSet<String> =
        cell.status.attempts_on_record().into_iter().filter_map(|attempt| attempt.device_name).collect();
    let kind = cell.record.as_ref().map(|r| r.device.clone());
    let kind = kind.or_else(|| cell.status.attempts_on_record().into_iter().find_map(|attempt| attempt.device))?;
    if names.is_empty() {
        Some(kind)
    } else {
        Some(format!("{kind}: {}", names.into_iter().collect::<Vec<_>>().join(", ")))
    }
}

/// Every build that trained a cell, in order of the attempts.
fn builds_of(cell: &Cell) -> Entry {
    let mut sources: Vec<String> = Vec::new();
    for attempt in cell.status.attempts_on_record() {
        let source = short_commit(&attempt.source());
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    if sources.is_empty() {
        return Entry::none();
    }
    Entry::text(sources.join(", ")).flags(if builds(cell).len() > 1 { &[Flag::SeveralBuilds] } else { &[] })
}

/// The first eight characters of a commit, and whether the working directory had changes.
pub(crate) fn short_commit(git: &str) -> String {
    let dirty = if git.ends_with("-dirty") { "-dirty" } else { "" };
    format!("{}{dirty}", short_hash(git.trim_end_matches("-dirty")))
}

/// The table of `bench status`: states of all cells.
pub(crate) fn status(runs: &Runs) -> Table {
    let mut table = Table::new(
        "status",
        "Cells",
        "Where every cell stands.",
        &["Experiment", "Cell", "State", "Epoch#", "Best validation#", "Seconds#", "Reason", "Message"],
    );
    for cell in &runs.cells {
        let best = cell.best_validation();
        table.rows.push(vec![
            Entry::text(&cell.experiment),
            Entry::text(&cell.id),
            Entry { class: state_class(cell.status.state), ..Entry::text(cell.status.state.name()) },
            Entry { flags: vec![], ..epochs(cell) },
            best.map_or_else(Entry::none, |v| {
                let text = format!("{}{}", metric(v, cell.metric()), percent(cell.metric()));
                Entry::number(text, as_shown(v, cell.metric()))
            }),
            Entry::number(format!("{:.1}", cell.seconds()), cell.seconds()),
            Entry::text(cell.status.reason.map_or("", StopReason::name)),
            Entry::text(cell.status.message.clone().unwrap_or_default()),
        ]);
    }
    for entry in &runs.left_out {
        let name =
            entry.path.file_name().map_or_else(|| entry.path.display().to_string(), |n| n.to_string_lossy().into());
        table.rows.push(vec![
            Entry::text(&entry.experiment),
            Entry::text(name),
            Entry::text("left out").class("failed"),
            Entry::none(),
            Entry::none(),
            Entry::none(),
            Entry::text(""),
            Entry::text(&entry.reason),
        ]);
    }
    if runs.experiments.len() < 2 {
        table.rows.iter_mut().for_each(|row| row[0].text.clear());
        table.drop_empty(&["Experiment"]);
    }
    table
}
