//! `bench compare`: differences between runs that agree in everything but one field.

mod field;
mod pairing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub use self::field::Field;
use self::pairing::{Found, Pair, Run};
use crate::error::ReportError;
use crate::format::{self, metric, metric_name};
use crate::load::{Cell, load};
use crate::record::State;
use crate::settings::{Settings, varied};
use crate::statistics::Summary;
use crate::table::{Entry, Flag, Table};
use crate::tables;
use vocabulary::{Metric, Scale};

const CAPTION: &str = "B − A over pairs of finished cells that agree in everything else, seeds included: mean ± standard \
     deviation of the differences (percentage points for accuracy). A win is a pair in which B is better. Where the compared \
     field brings other settings with it, they stand under `Also differ`, and what else decides a value under `Remarks`. Tasks are compared where they read the same data \
     set. Every run that is in no pair stands under `Not paired`, with the reason.";

/// Compare the finished cells of `dirs`, paired over everything but `by`.
///
/// # Errors
/// A folder cannot be read; no cell has the field, or it makes no pairs; one run is there twice.
pub fn compare(dirs: &[PathBuf], by: &Field) -> Result<Table, ReportError> {
    by.check()?;
    let runs = load(dirs)?;
    let (mut of_value, mut without) = (BTreeMap::<String, Vec<Run<'_>>>::new(), Vec::new());
    let mut written = BTreeMap::new();
    for cell in &runs.cells {
        match Run::new(cell, by) {
            Ok(mut run) => {
                // 1 and 1.0 are one value of a setting, shown as it was first found.
                let number = run.value.parse::<f64>().ok().filter(|_| matches!(by, Field::Setting(_)));
                if let Some(number) = number {
                    run.value = written.entry(number.to_string()).or_insert(run.value).clone();
                }
                of_value.entry(run.value.clone()).or_default().push(run);
            }
            Err(reason) => without.push((cell, reason)),
        }
    }
    if of_value.is_empty() {
        return Err(ReportError::UnknownField { field: by.name().to_owned(), known: field::known(&runs.cells) });
    }
    let groups = values(of_value, by);
    for (_, group) in &groups {
        pairing::refuse_repeats(group, by)?;
    }
    let mut table = Table::new(
        "comparison",
        &format!("Comparison by {}", by.name()),
        CAPTION,
        &[
            "A",
            "B",
            "Within",
            "Metric",
            "B − A#",
            "n#",
            "B wins#",
            "Ties#",
            "A wins#",
            "Every seed",
            "Without partner#",
            "Also differ",
            "Not paired",
            "Remarks",
        ],
    );
    let mut listed: BTreeSet<usize> = BTreeSet::new();
    for (index, (a, of_a)) in groups.iter().enumerate() {
        for (b, of_b) in &groups[index + 1..] {
            if by.relates(of_a, of_b) {
                let found = pairing::pair(of_a, of_b, by);
                add_rows(&mut table, by, (a, of_a), (b, of_b), &found);
                listed.extend(of_a.iter().chain(of_b).map(Run::identity));
            }
        }
    }
    let alone = groups.iter().flat_map(|(value, group)| group.iter().map(move |run| (value, run)));
    let alone = alone.filter(|(_, run)| !listed.contains(&run.identity())).map(|(value, run)| {
        let reason = match by {
            _ if groups.len() == 1 => format!("every run has {} {value}", by.name()),
            Field::Task => format!("no other task reads the data set {}", run.record.task.data),
            _ => "nothing to compare it with".to_owned(),
        };
        (value.as_str(), within(run, by), run.cell, reason)
    });
    let unknown = without.into_iter().map(|(cell, reason)| ("–", String::new(), cell, reason));
    add_unpaired(&mut table, alone.chain(unknown));
    table.drop_empty(&["Also differ", "Not paired", "Remarks"]);
    table.notes.extend(runs.left_out.iter().map(ToString::to_string));
    Ok(table)
}

/// The runs of every value, in order of the values: as numbers where all are such. A name that stands for several sets of
/// settings is told apart by these.
fn values<'a>(of_value: BTreeMap<String, Vec<Run<'a>>>, by: &Field) -> Vec<(String, Vec<Run<'a>>)> {
    let mut groups = Vec::new();
    for (value, members) in of_value {
        let distinct: BTreeSet<Settings> = members.iter().map(|run| by.named(&run.settings)).collect();
        let paths = varied(&distinct);
        let mut parts: BTreeMap<String, Vec<Run<'a>>> = BTreeMap::new();
        for run in members {
            let told: Vec<String> = paths.iter().map(|path| by.named(&run.settings).named(path)).collect();
            let name = if told.is_empty() { value.clone() } else { format!("{value} ({})", told.join(" ")) };
            parts.entry(name).or_default().push(run);
        }
        groups.extend(parts);
    }
    let numbers: Vec<Option<f64>> = groups.iter().map(|(value, _)| value.parse().ok()).collect();
    if numbers.iter().all(Option::is_some) {
        groups.sort_by(|(a, _), (b, _)| {
            let number = |text: &str| text.parse::<f64>().unwrap_or_default();
            number(a).total_cmp(&number(b))
        });
    }
    groups
}

/// What a run shares with its partner, in words.
fn within(run: &Run<'_>, by: &Field) -> String {
    within_pair(run, run, by)
}

fn within_pair(a: &Run<'_>, b: &Run<'_>, by: &Field) -> String {
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
            run.record.grid.get(field).map_or_else(String::new, |v| format!("{field}={}", crate::load::plain(v)))
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

fn add_rows(
    table: &mut Table,
    by: &Field,
    (a, of_a): (&str, &[Run<'_>]),
    (b, of_b): (&str, &[Run<'_>]),
    found: &Found<'_, '_>,
) {
    // Rows hold what differs in the seed alone.
    let mut rows: BTreeMap<(String, String, Settings), Row<'_, '_>> = BTreeMap::new();
    for pair in &found.pairs {
        let also = pair.also_differ(by).join(", ");
        let key = (within_pair(pair.a, pair.b, by), also, pair.a.strict.without(|path| path == "seed"));
        rows.entry(key).or_default().pairs.push(pair);
    }
    for (run, reason) in &found.alone {
        let (text, strict) = (within(run, by), run.strict.without(|path| path == "seed"));
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
        let told: Vec<String> = paths.iter().map(|path| strict.named(path)).collect();
        let text = [text.clone()].into_iter().chain(told).collect::<Vec<_>>().join(" · ");
        table.rows.push(table_row([a, b], &text, also, row));
    }
    debug_assert!(!of_a.is_empty() && !of_b.is_empty());
}

fn table_row([a, b]: [&str; 2], within: &str, also: &str, row: &Row<'_, '_>) -> Vec<Entry> {
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
    let all: Vec<f64> = differences.iter().map(|(_, d)| *d).collect();
    let signed = |d: f64| format::signed(&metric(d, name));
    let value = match Summary::of(&all) {
        Some(s) => {
            let spread = s.std.map(|std| format!(" ± {}", metric(std, name))).unwrap_or_default();
            let raw = if name == Metric::Accuracy { 100.0 * s.mean } else { s.mean };
            let mut flags = tables::flags_of(&measured);
            if s.n < 3 {
                flags.insert(Flag::FewSeeds);
            }
            Entry::number(format!("{}{spread}", signed(s.mean)), raw).flags(&flags.into_iter().collect::<Vec<_>>())
        }
        None => Entry::none(),
    };
    let words = |of: fn(Flag) -> &'static str| value.flags.iter().map(|flag| of(*flag)).collect::<Vec<_>>();
    let remarks = Entry { raw: Some(words(Flag::text).join(" ")), ..Entry::text(words(Flag::name).join(", ")) };
    let seeds: Vec<String> = differences.iter().map(|(seed, d)| format!("s{seed} {}", signed(*d))).collect();
    let reasons: Vec<String> = alone.iter().map(|(_, reason)| reason.clone()).collect();
    vec![
        Entry::text(a),
        Entry::text(b),
        Entry::text(within),
        Entry::text(metric_name(name)),
        value,
        Entry::text(all.len().to_string()),
        Entry::text(wins.to_string()),
        Entry::text(ties.to_string()),
        Entry::text(losses.to_string()),
        Entry::text(seeds.join(", ")),
        Entry::text(alone.len().to_string()),
        Entry::text(also),
        Entry::text(reasons.join("; ")),
        remarks,
    ]
}

/// Which of two partners has no value, and why.
fn unmeasured(pair: [&Cell; 2]) -> String {
    let missing = pair.into_iter().filter(|cell| cell.test_value().is_none());
    missing.map(|cell| format!("{} is {}", cell.id, standing(cell))).collect::<Vec<_>>().join(", ")
}

/// Where a cell without a value stands.
fn standing(cell: &Cell) -> String {
    match (&cell.status.reason, cell.status.state) {
        (Some(reason), state) => format!("{} ({reason})", state.name()),
        (None, State::Done) => "done, without a value".to_owned(),
        (None, state) => state.name().to_owned(),
    }
}

/// One row for all runs of a value that are in no row for the same reason.
fn add_unpaired<'a>(table: &mut Table, alone: impl Iterator<Item = (&'a str, String, &'a Cell, String)>) {
    let mut rows: BTreeMap<(&str, String, String), Vec<&Cell>> = BTreeMap::new();
    for (value, within, cell, reason) in alone {
        rows.entry((value, within, reason)).or_default().push(cell);
    }
    for ((value, within, reason), cells) in rows {
        let ids: Vec<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
        let mut row = vec![Entry::none(); table.columns.len()];
        row[0] = Entry::text(value);
        row[2] = Entry::text(within);
        row[5] = Entry::text("0");
        row[10] = Entry::text(cells.len().to_string());
        row[12] = Entry::text(format!("{}: {reason}", ids.join(", ")));
        table.rows.push(row);
    }
}
