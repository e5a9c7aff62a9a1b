//! The tables of a report.

use std::collections::{BTreeMap, BTreeSet};

use crate::arena;
use crate::error::ReportError;
use crate::format::{self, NONE, duration, grouped, mean_std, metric, metric_name, short_hash};
use crate::frame::{BySeed, Frames};
use crate::group::{Group, GroupKey, groups};
use crate::load::{Cell, Runs};
use crate::published::{self, Published};
use crate::recipes::Recipes;
use crate::record::{PAPER, State};
use crate::statistics::{Summary, mean};
use crate::table::{Column, Entry, Flag, Table};

/// Test values of all groups, `(seed, value)`.
pub(crate) fn test_values(runs: &Runs, frames: &Frames) -> Result<BTreeMap<GroupKey, BySeed>, ReportError> {
    of_metric(runs, frames, "test_")
}

fn of_metric(runs: &Runs, frames: &Frames, prefix: &str) -> Result<BTreeMap<GroupKey, BySeed>, ReportError> {
    let metrics: BTreeSet<&str> = runs.cells.iter().map(Cell::metric).collect();
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
    let tasks: BTreeSet<&str> = groups.iter().map(|g| g.key.task.as_str()).collect();

    let mut table = Table::new(
        "summary",
        "At a glance",
        "Test metric of the epoch that was best on validation: mean ± standard deviation over n seeds. Arrows say \
         whether more or less is better; bold is the best mean of a column.",
        &["Experiment", "Baseline"],
    );
    for task in &tasks {
        let group = groups.iter().find(|g| g.key.task == **task && g.record().is_some());
        let title = group.map_or_else(
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
        for task in &tasks {
            let group = groups.iter().find(|g| g.key.task == **task && &row_of(&g.key) == row);
            entries.push(match group {
                Some(group) => headline(group, values.get(&group.key)),
                None => Entry::text("not run").flag(Flag::Missing).class("quiet"),
            });
        }
        table.rows.push(entries);
    }
    mark_best(&mut table, &tasks, &groups, &values, &rows, &row_of);
    if !several {
        table.drop_first_column();
    }
    Ok(table)
}

fn percent(metric: &str) -> &'static str {
    if metric == "accuracy" { " %" } else { "" }
}

fn mark_best(
    table: &mut Table,
    tasks: &BTreeSet<&str>,
    groups: &[Group<'_>],
    values: &BTreeMap<GroupKey, BySeed>,
    rows: &BTreeSet<(String, String)>,
    row_of: &dyn Fn(&GroupKey) -> (String, String),
) {
    for (column, task) in tasks.iter().enumerate() {
        let mut best: Option<(f64, usize)> = None;
        let mut compared = 0;
        for group in groups.iter().filter(|g| g.key.task == **task) {
            let Some(value) = values.get(&group.key).and_then(|v| mean(&plain(v))) else { continue };
            let Some(row) = rows.iter().position(|r| *r == row_of(&group.key)) else { continue };
            compared += 1;
            let better = best.is_none_or(|(b, _)| if group.higher_is_better() { value > b } else { value < b });
            if better {
                best = Some((value, row));
            }
        }
        if let Some((_, row)) = best
            && compared > 1
        {
            table.rows[row][column + 2].best = true;
        }
    }
}

pub(crate) fn plain(values: &[(u64, f64)]) -> Vec<f64> {
    values.iter().map(|(_, v)| *v).collect()
}

fn headline(group: &Group<'_>, values: Option<&BySeed>) -> Entry {
    let summary = values.and_then(|v| Summary::of(&plain(v)));
    let mut entry = match &summary {
        Some(s) => Entry {
            text: format!("{} (n = {})", mean_std(s, group.metric()), s.n),
            raw: Some(s.mean.to_string()),
            ..Entry::default()
        },
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
    let reason = |state| group.cells.iter().find(|c| c.status.state == state).and_then(|c| c.status.reason.clone());
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
    } else if group.cells.iter().any(|c| c.status.reason.as_deref() == Some("missing_data")) {
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
    group.cells.iter().all(|c| c.status.reason.as_deref() == Some("not_applicable"))
}

/// Remarks on a group and the summary of its values.
pub(crate) fn headline_flags(group: &Group<'_>, summary: Option<&Summary>) -> Vec<Flag> {
    let states = group.states();
    let any_reason = |reason: &str| group.cells.iter().any(|c| c.status.reason.as_deref() == Some(reason));
    let mut flags = Vec::new();
    if not_applicable(group) {
        return vec![Flag::NotApplicable];
    }
    let mut when = |condition: bool, flag| {
        if condition {
            flags.push(flag);
        }
    };
    when(any_reason("max_time"), Flag::StoppedByTime);
    when(any_reason("early_stopping"), Flag::StoppedEarly);
    let given = |c: &&Cell| c.record.as_ref().is_some_and(|record| record.initial_weights.is_some());
    when(group.cells.iter().any(given), Flag::InitialWeights);
    let open = [State::Pending, State::Running, State::Interrupted];
    when(open.iter().any(|s| states.contains_key(s)), Flag::Unfinished);
    when(states.contains_key(&State::Failed), Flag::Failed);
    when(any_reason("missing_data"), Flag::MissingData);
    let skipped = |c: &&Cell| c.status.state == State::Skipped && c.status.reason.as_deref() != Some("missing_data");
    when(group.cells.iter().any(skipped), Flag::Skipped);
    when(summary.is_some_and(|s| s.n < 3), Flag::FewSeeds);
    let hashes: BTreeSet<&str> =
        group.cells.iter().filter_map(|c| c.record.as_ref()?.task.data_hash.as_deref()).collect();
    when(hashes.len() > 1, Flag::MixedData);
    let done = || group.cells.iter().filter(|c| c.status.state == State::Done);
    let versions: BTreeSet<_> = done().map(|c| (&c.status.git, &c.status.versions)).collect();
    when(versions.len() > 1, Flag::MixedVersions);
    when(group.cells.iter().any(|c| c.cut_lines > 0), Flag::CutLine);
    flags
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
         training, averaged over finished seeds. The difference to a published value is given only for the published \
         data, difficulty and network size, and a training that time did not stop.",
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
        let recipe = recipes.entry(group.record());
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
    let raw = |v: f64| if name == "accuracy" { 100.0 * v } else { v };
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
        over_done(&|c| c.status.seconds).map_or_else(Entry::none, |s| Entry::number(format!("{s:.1}"), s)),
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
    let Some((found, same_size)) = published::beside(record, table) else { return nothing };
    let Some(counterpart) = published::counterpart(record) else { return nothing };
    let mut entry = Entry::number(format!("{:.2} {}", found.accuracy, found.model), found.accuracy);
    let conditions = [
        (counterpart.full_data, Flag::ReducedData),
        (counterpart.same_difficulty, Flag::OtherDifficulty),
        (record.scale == PAPER, Flag::OtherScale),
        (record.initial_weights.is_none(), Flag::InitialWeights),
        (same_size, Flag::OtherSize),
    ];
    for (holds, flag) in conditions {
        if !holds {
            entry = entry.flag(flag);
        }
    }
    let by_time = group.cells.iter().any(|c| c.status.reason.as_deref() == Some("max_time"));
    let comparable = entry.flags.is_empty() && !by_time && record.task.metric == "accuracy";
    let difference = match summary {
        Some(s) if comparable => {
            let difference = 100.0 * s.mean - found.accuracy;
            Entry::number(format::signed(&format!("{difference:.2}")), difference)
        }
        _ => Entry::none(),
    };
    (entry, difference, Entry::text(found.source))
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
            "Notes",
        ],
    );
    let mut seen = BTreeSet::new();
    for record in runs.cells.iter().filter_map(|c| c.record.as_ref()) {
        let task = &record.task;
        if !seen.insert((&task.label, &task.version, &task.data, &task.data_hash, task.splits)) {
            continue;
        }
        let shape: Vec<String> = task.shape.iter().map(ToString::to_string).collect();
        let count = |n: usize| Entry { raw: Some(n.to_string()), ..Entry::text(grouped(n as u64)) };
        let raw_chance = if task.metric == "accuracy" { 100.0 * task.chance } else { task.chance };
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
            Entry::text(metric_name(&task.metric)),
            Entry::number(metric(task.chance, &task.metric), raw_chance),
            if task.notes.is_empty() { Entry::none() } else { Entry::text(task.notes.join("; ")) },
        ]);
    }
    table.drop_empty(&["Notes"]);
    table.rows.sort_by(|a, b| a.iter().map(|e| &e.text).cmp(b.iter().map(|e| &e.text)));
    table
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
        ],
    );
    for cell in &runs.cells {
        table.rows.push(cell_row(cell));
    }
    let mut droppable = vec!["Reason", "Message", "Host", "Threads", "Git", "Device"];
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
        value.map_or_else(Entry::none, |v| {
            Entry::number(metric(v, cell.metric()), if cell.metric() == "accuracy" { 100.0 * v } else { v })
        })
    };
    let mut state = Entry { class: state_class(cell.status.state), ..Entry::text(cell.status.state.name()) };
    if cell.cut_lines > 0 {
        state = state.flag(Flag::CutLine);
    }
    let reason = cell.status.reason.as_deref();
    let mut why = optional(cell.status.reason.clone());
    match reason {
        Some("max_time") => why = why.flag(Flag::StoppedByTime),
        Some("early_stopping") => why = why.flag(Flag::StoppedEarly),
        Some("not_applicable") => why = why.flag(Flag::NotApplicable),
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
        Entry::text(cell.status.epochs_text()),
        Entry::number(duration(cell.status.seconds), cell.status.seconds),
        Entry::text(cell.status.attempts.to_string()),
        optional(cell.record.as_ref().map(|r| r.device.clone())),
        optional(cell.status.host.clone()),
        optional(cell.status.threads.map(|t| t.to_string())),
        optional(cell.status.git.as_deref().map(short_commit)),
        Entry { raw: hash.clone(), ..optional(hash.as_deref().map(format::short_hash)) },
    ]
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
            Entry::text(cell.status.epochs_text()),
            best.map_or_else(Entry::none, |v| {
                let raw = if cell.metric() == "accuracy" { 100.0 * v } else { v };
                Entry::number(format!("{}{}", metric(v, cell.metric()), percent(cell.metric())), raw)
            }),
            Entry::number(format!("{:.1}", cell.status.seconds), cell.status.seconds),
            Entry::text(cell.status.reason.clone().unwrap_or_default()),
            Entry::text(cell.status.message.clone().unwrap_or_default()),
        ]);
    }
    if runs.experiments.len() < 2 {
        table.rows.iter_mut().for_each(|row| row[0].text.clear());
        table.drop_empty(&["Experiment"]);
    }
    table
}
