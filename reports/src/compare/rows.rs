//! Rows of pairs, and of runs without a partner.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::record::State;
use vocabulary::{Metric, Scale};

use super::candidate::Candidate;
use super::field::Field;
use super::pairing::{Pair, Pairing};
use crate::format::{metric, metric_name, signed};
use crate::runs::{Run, Settings, plain, varied};
use crate::statistics::seeds::FEWEST_SEEDS;
use crate::tables::{Flag, PairedDifferences, Table, TableEntry, TestedRows, flags_of};

/// What two partners share, in words.
pub(super) fn within(a: &Candidate<'_>, b: &Candidate<'_>, by: &Field) -> String {
    let both = |of: &dyn Fn(&Candidate<'_>) -> String| {
        let (a, b) = (of(a), of(b));
        if a == b { a } else { format!("{a} → {b}") }
    };
    let mut parts = Vec::new();
    if *by != Field::Experiment {
        parts.push(both(&|candidate| candidate.run.experiment.clone()));
    }
    // A label may contain the compared setting, so within a setting of it the registry name stands for it.
    if *by != Field::Task {
        let name = by.is_setting_of("task");
        parts.push(both(&|candidate| {
            if name { candidate.record.task.name.clone() } else { candidate.record.task.label.clone() }
        }));
    }
    if *by != Field::Baseline {
        let name = by.is_setting_of("baseline");
        parts.push(both(&|candidate| {
            if name { candidate.record.baseline.name.clone() } else { candidate.record.baseline.label.clone() }
        }));
    }
    for field in a.record.grid.keys().filter(|field| field.as_str() != by.name()) {
        parts.push(both(&|candidate| {
            candidate.record.grid.get(field).map_or_else(String::new, |v| format!("{field}={}", plain(v)))
        }));
    }
    if *by != Field::Scale && a.record.scale != Scale::Paper {
        parts.push(both(&|candidate| format!("scale={}", candidate.record.scale)));
    }
    parts.extend(a.record.extension());
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}

/// Column of the p values that are corrected once all rows are there.
pub(super) const CORRECTED: usize = 9;

/// The pairs of one row.
#[derive(Default)]
struct Row<'p, 'a> {
    pairs: Vec<&'p Pair<'p, 'a>>,
    alone: Vec<(&'a Run, String)>,
}

/// Add the rows of `found`, the pairs between the `values` A and B.
pub(super) fn add_rows(
    table: &mut Table,
    tested: &mut TestedRows,
    by: &Field,
    values: [&str; 2],
    found: &Pairing<'_, '_>,
) {
    // Rows hold what differs in the seed alone.
    let mut rows: BTreeMap<(String, String, Settings), Row<'_, '_>> = BTreeMap::new();
    for pair in &found.pairs {
        let also = pair.also_differ(by).join(", ");
        let key = (within(pair.a, pair.b, by), also, pair.a.strict.without(|path| path == "seed"));
        rows.entry(key).or_default().pairs.push(pair);
    }
    for (candidate, reason) in &found.alone {
        let (text, strict) = (within(candidate, candidate, by), candidate.strict.without(|path| path == "seed"));
        let home = rows.keys().find(|(_, _, other)| *other == strict).cloned();
        let key = home.unwrap_or((text, String::new(), strict));
        rows.entry(key).or_default().alone.push((candidate.run, reason.clone()));
    }
    let mut texts: BTreeMap<String, Vec<Settings>> = BTreeMap::new();
    for (text, _, strict) in rows.keys() {
        texts.entry(text.clone()).or_default().push(strict.clone());
    }
    for ((text, also, strict), row) in &rows {
        let paths = texts.get(text).map(varied).unwrap_or_default();
        let differing: Vec<String> = paths.iter().map(|path| strict.named(path)).collect();
        let text = [text.clone()].into_iter().chain(differing).collect::<Vec<_>>().join(" · ");
        let (entries, paired, pairs) = table_row(values, &text, also, row);
        tested.next(table, &paired, pairs);
        table.rows.push(entries);
    }
}

/// A row, what it says of its pairs, and how many there are.
fn table_row(
    [a, b]: [&str; 2],
    within: &str,
    also: &str,
    row: &Row<'_, '_>,
) -> (Vec<TableEntry>, PairedDifferences, usize) {
    let (mut differences, mut alone, mut measured) = (Vec::new(), Vec::new(), Vec::new());
    let (mut wins, mut ties, mut losses) = (0, 0, 0);
    let (mut name, mut higher) = (Metric::Accuracy, true);
    let first = row.pairs.first().map(|pair| pair.a.run).or_else(|| row.alone.first().map(|(run, _)| *run));
    if let Some(run) = first {
        (name, higher) = (run.metric(), run.higher_is_better());
    }
    for pair in &row.pairs {
        let seed = pair.a.record.seed;
        let (Some(x), Some(y)) = (pair.a.run.test_value(), pair.b.run.test_value()) else {
            alone.push((seed, unmeasured([pair.a.run, pair.b.run])));
            continue;
        };
        differences.push((seed, y - x));
        measured.extend([pair.a.run, pair.b.run]);
        match (y - x).partial_cmp(&0.0) {
            Some(std::cmp::Ordering::Equal) | None => ties += 1,
            Some(order) if (order == std::cmp::Ordering::Greater) == higher => wins += 1,
            Some(_) => losses += 1,
        }
    }
    alone.extend(
        row.alone.iter().map(|(run, reason)| (run.seed().unwrap_or_default(), format!("{}: {reason}", run.id))),
    );
    differences.sort_by_key(|(seed, _)| *seed);
    alone.sort();
    let values: Vec<f64> = differences.iter().map(|(_, difference)| *difference).collect();
    let paired = PairedDifferences::of(&values, name);
    let value = paired.difference.clone().flags(remarks_on(&measured, values.len()));
    let words = |of: fn(Flag) -> &'static str| value.flags.iter().map(|flag| of(*flag)).collect::<Vec<_>>();
    let remarks = TableEntry::text(words(Flag::name).join(", ")).raw(words(Flag::text).join(" "));
    let signed = |difference: f64| signed(&metric(difference, name));
    let seeds: Vec<String> = differences.iter().map(|(seed, d)| format!("s{seed} {}", signed(*d))).collect();
    let reasons: Vec<String> = alone.iter().map(|(_, reason)| reason.clone()).collect();
    let mut entries = vec![
        TableEntry::text(a),
        TableEntry::text(b),
        TableEntry::text(within),
        TableEntry::text(metric_name(name)),
        value,
        TableEntry::text(differences.len().to_string()),
        paired.interval.clone(),
    ];
    entries.extend(paired.p_entries());
    entries.extend([
        TableEntry::text(wins.to_string()),
        TableEntry::text(ties.to_string()),
        TableEntry::text(losses.to_string()),
        TableEntry::text(seeds.join(", ")),
        TableEntry::text(alone.len().to_string()),
        TableEntry::text(also),
        TableEntry::text(reasons.join("; ")),
        remarks,
    ]);
    (entries, paired, values.len())
}

/// What there is to say about so many pairs of the runs that were `measured`.
fn remarks_on(measured: &[&Run], pairs: usize) -> BTreeSet<Flag> {
    if pairs == 0 {
        return BTreeSet::new();
    }
    let mut flags = flags_of(measured);
    flags.extend((pairs < FEWEST_SEEDS).then_some(Flag::FewSeeds));
    flags
}

/// Which of two partners has no value, and why.
fn unmeasured(pair: [&Run; 2]) -> String {
    let missing = pair.into_iter().filter(|run| run.test_value().is_none());
    missing.map(|run| format!("{} is {}", run.id, standing(run))).collect::<Vec<_>>().join(", ")
}

/// Where a run without a value stands.
fn standing(run: &Run) -> String {
    match (&run.status.reason, run.status.state) {
        (Some(reason), state) => format!("{} ({reason})", state.name()),
        (None, State::Done) => "done, without a value".to_owned(),
        (None, state) => state.name().to_owned(),
    }
}

/// One row for all runs of a value that are in no row for the same reason.
pub(super) fn add_unpaired<'a>(table: &mut Table, alone: impl Iterator<Item = (&'a str, String, &'a Run, String)>) {
    let mut rows: BTreeMap<(&str, String, String), Vec<&Run>> = BTreeMap::new();
    for (value, within, run, reason) in alone {
        rows.entry((value, within, reason)).or_default().push(run);
    }
    for ((value, within, reason), runs) in rows {
        let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
        let mut row = vec![TableEntry::none(); table.columns.len()];
        row[0] = TableEntry::text(value);
        row[2] = TableEntry::text(within);
        row[5] = TableEntry::text("0");
        row[14] = TableEntry::text(runs.len().to_string());
        row[16] = TableEntry::text(format!("{}: {reason}", ids.join(", ")));
        table.rows.push(row);
    }
}
