//! Rows of pairs, and of runs without a partner.

use std::collections::BTreeMap;

use vocabulary::record::State;
use vocabulary::{Metric, Scale};

use super::field::Field;
use super::pairing::{Pair, Pairing};
use super::run::Run;
use crate::format::{as_shown, metric, metric_name, signed};
use crate::runs::{Cell, Settings, plain, varied};
use crate::statistics::Summary;
use crate::tables::{Flag, Table, TableEntry, flags_of};

/// What two partners share, in words.
pub(super) fn within(a: &Run<'_>, b: &Run<'_>, by: &Field) -> String {
    let both = |of: &dyn Fn(&Run<'_>) -> String| {
        let (a, b) = (of(a), of(b));
        if a == b { a } else { format!("{a} → {b}") }
    };
    let mut parts = Vec::new();
    if *by != Field::Experiment {
        parts.push(both(&|run| run.cell.experiment.clone()));
    }
    // A label may contain the compared setting, so within a setting of it the registry name stands for it.
    if *by != Field::Task {
        let name = by.is_setting_of("task");
        parts.push(both(&|run| if name { run.record.task.name.clone() } else { run.record.task.label.clone() }));
    }
    if *by != Field::Baseline {
        let name = by.is_setting_of("baseline");
        parts
            .push(both(&|run| if name { run.record.baseline.name.clone() } else { run.record.baseline.label.clone() }));
    }
    for field in a.record.grid.keys().filter(|field| field.as_str() != by.name()) {
        parts.push(both(&|run| {
            run.record.grid.get(field).map_or_else(String::new, |v| format!("{field}={}", plain(v)))
        }));
    }
    if *by != Field::Scale && a.record.scale != Scale::Paper {
        parts.push(both(&|run| format!("scale={}", run.record.scale)));
    }
    parts.extend(a.record.extension());
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}

/// The pairs of one row.
#[derive(Default)]
struct Row<'p, 'a> {
    pairs: Vec<&'p Pair<'p, 'a>>,
    alone: Vec<(&'a Cell, String)>,
}

/// Add the rows of `found`, the pairs between the `values` A and B.
pub(super) fn add_rows(table: &mut Table, by: &Field, values: [&str; 2], found: &Pairing<'_, '_>) {
    // Rows hold what differs in the seed alone.
    let mut rows: BTreeMap<(String, String, Settings), Row<'_, '_>> = BTreeMap::new();
    for pair in &found.pairs {
        let also = pair.also_differ(by).join(", ");
        let key = (within(pair.a, pair.b, by), also, pair.a.strict.without(|path| path == "seed"));
        rows.entry(key).or_default().pairs.push(pair);
    }
    for (run, reason) in &found.alone {
        let (text, strict) = (within(run, run, by), run.strict.without(|path| path == "seed"));
        let home = rows.keys().find(|(_, _, other)| *other == strict).cloned();
        let key = home.unwrap_or((text, String::new(), strict));
        rows.entry(key).or_default().alone.push((run.cell, reason.clone()));
    }
    let mut texts: BTreeMap<String, Vec<Settings>> = BTreeMap::new();
    for (text, _, strict) in rows.keys() {
        texts.entry(text.clone()).or_default().push(strict.clone());
    }
    for ((text, also, strict), row) in &rows {
        let paths = texts.get(text).map(varied).unwrap_or_default();
        let differing: Vec<String> = paths.iter().map(|path| strict.named(path)).collect();
        let text = [text.clone()].into_iter().chain(differing).collect::<Vec<_>>().join(" · ");
        table.rows.push(table_row(values, &text, also, row));
    }
}

fn table_row([a, b]: [&str; 2], within: &str, also: &str, row: &Row<'_, '_>) -> Vec<TableEntry> {
    let (mut differences, mut alone, mut measured) = (Vec::new(), Vec::new(), Vec::new());
    let (mut wins, mut ties, mut losses) = (0, 0, 0);
    let (mut name, mut higher) = (Metric::Accuracy, true);
    let first = row.pairs.first().map(|pair| pair.a.cell).or_else(|| row.alone.first().map(|(cell, _)| *cell));
    if let Some(cell) = first {
        (name, higher) = (cell.metric(), cell.higher_is_better());
    }
    for pair in &row.pairs {
        let seed = pair.a.record.seed;
        let (Some(x), Some(y)) = (pair.a.cell.test_value(), pair.b.cell.test_value()) else {
            alone.push((seed, unmeasured([pair.a.cell, pair.b.cell])));
            continue;
        };
        differences.push((seed, y - x));
        measured.extend([pair.a.cell, pair.b.cell]);
        match (y - x).partial_cmp(&0.0) {
            Some(std::cmp::Ordering::Equal) | None => ties += 1,
            Some(order) if (order == std::cmp::Ordering::Greater) == higher => wins += 1,
            Some(_) => losses += 1,
        }
    }
    alone.extend(
        row.alone.iter().map(|(cell, reason)| (cell.seed().unwrap_or_default(), format!("{}: {reason}", cell.id))),
    );
    differences.sort_by_key(|(seed, _)| *seed);
    alone.sort();
    let value = mean_difference(differences.iter().map(|(_, difference)| *difference), &measured, name);
    let words = |of: fn(Flag) -> &'static str| value.flags.iter().map(|flag| of(*flag)).collect::<Vec<_>>();
    let remarks = TableEntry::text(words(Flag::name).join(", ")).raw(words(Flag::text).join(" "));
    let signed = |difference: f64| signed(&metric(difference, name));
    let seeds: Vec<String> = differences.iter().map(|(seed, d)| format!("s{seed} {}", signed(*d))).collect();
    let reasons: Vec<String> = alone.iter().map(|(_, reason)| reason.clone()).collect();
    vec![
        TableEntry::text(a),
        TableEntry::text(b),
        TableEntry::text(within),
        TableEntry::text(metric_name(name)),
        value,
        TableEntry::text(differences.len().to_string()),
        TableEntry::text(wins.to_string()),
        TableEntry::text(ties.to_string()),
        TableEntry::text(losses.to_string()),
        TableEntry::text(seeds.join(", ")),
        TableEntry::text(alone.len().to_string()),
        TableEntry::text(also),
        TableEntry::text(reasons.join("; ")),
        remarks,
    ]
}

/// Mean and deviation of `differences`, with what there is to say about the runs that were `measured`.
fn mean_difference(differences: impl Iterator<Item = f64>, measured: &[&Cell], name: Metric) -> TableEntry {
    let Some(s) = Summary::of(&differences.collect::<Vec<_>>()) else { return TableEntry::none() };
    let mut flags = flags_of(measured);
    flags.extend((s.n < 3).then_some(Flag::FewSeeds));
    let spread = s.std.map(|std| format!(" ± {}", metric(std, name))).unwrap_or_default();
    let text = format!("{}{spread}", signed(&metric(s.mean, name)));
    TableEntry::number(text, as_shown(s.mean, name)).flags(flags)
}

/// Which of two partners has no value, and why.
fn unmeasured(pair: [&Cell; 2]) -> String {
    let missing = pair.into_iter().filter(|cell| cell.test_value().is_none());
    missing.map(|cell| format!("{} is {}", cell.id, standing(cell))).collect::<Vec<_>>().join(", ")
}

/// Where a run without a value stands.
fn standing(cell: &Cell) -> String {
    match (&cell.status.reason, cell.status.state) {
        (Some(reason), state) => format!("{} ({reason})", state.name()),
        (None, State::Done) => "done, without a value".to_owned(),
        (None, state) => state.name().to_owned(),
    }
}

/// One row for all runs of a value that are in no row for the same reason.
pub(super) fn add_unpaired<'a>(table: &mut Table, alone: impl Iterator<Item = (&'a str, String, &'a Cell, String)>) {
    let mut rows: BTreeMap<(&str, String, String), Vec<&Cell>> = BTreeMap::new();
    for (value, within, cell, reason) in alone {
        rows.entry((value, within, reason)).or_default().push(cell);
    }
    for ((value, within, reason), cells) in rows {
        let ids: Vec<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
        let mut row = vec![TableEntry::none(); table.columns.len()];
        row[0] = TableEntry::text(value);
        row[2] = TableEntry::text(within);
        row[5] = TableEntry::text("0");
        row[10] = TableEntry::text(cells.len().to_string());
        row[12] = TableEntry::text(format!("{}: {reason}", ids.join(", ")));
        table.rows.push(row);
    }
}
