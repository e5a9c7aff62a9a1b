//! The table of `bench compare`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::candidate::{Candidate, relate};
use super::field::{Field, known};
use super::pairing::{pair, refuse_repeats};
use super::rows::{CORRECTED, add_rows, add_unpaired, within};
use crate::error::ReportError;
use crate::runs::{AddedSettings, Run, Runs, Searches, Settings, load, varied};
use crate::tables::{PAIRED, Table, TestedRows};

const CAPTION: &str = "B − A over pairs of finished runs that agree in everything else, seeds included. A win is a pair in which B is better. Where the compared \
     field brings other settings with it, they stand under `Also differ`, and what else decides a value under `Remarks`. Tasks are compared where they read the same data \
     set. Every run that is in no pair stands under `Not paired`, with the reason.";

/// Compare the finished runs of `dirs`, paired over everything but `by`.
///
/// # Errors
/// A folder cannot be read; no run has the field, or it makes no pairs; one run is there twice.
pub fn compare(dirs: &[PathBuf], by: &Field, added: &AddedSettings) -> Result<Table, ReportError> {
    by.check()?;
    let mut runs = load(dirs, added)?;
    let searches = Searches::take(&mut runs);
    let (of_value, without) = by_value(&runs, by);
    if of_value.is_empty() {
        return Err(ReportError::UnknownField { field: by.name().to_owned(), known: known(&runs) });
    }
    let groups = told_apart(of_value, by);
    for (_, group) in &groups {
        refuse_repeats(group, by)?;
    }
    let mut table = Table::new(
        "comparison",
        &format!("Comparison by {}", by.name()),
        &format!("{CAPTION} {PAIRED}"),
        "A | B | Within | Metric | B − A# | n# | 95 % interval# | p# | Smallest p# | p, Holm# | B wins# | Ties# | A wins# | \
         Every seed | Without partner# | Also differ | Not paired | Remarks",
    );
    let mut tested = TestedRows::default();
    let mut listed: BTreeSet<usize> = BTreeSet::new();
    for (index, (a, of_a)) in groups.iter().enumerate() {
        for (b, of_b) in &groups[index + 1..] {
            if relate(of_a, of_b, by) {
                add_rows(&mut table, &mut tested, by, [a, b], &pair(of_a, of_b, by));
                listed.extend(of_a.iter().chain(of_b).map(Candidate::identity));
            }
        }
    }
    let alone = groups.iter().flat_map(|(value, group)| group.iter().map(move |candidate| (value, candidate)));
    let alone = alone.filter(|(_, candidate)| !listed.contains(&candidate.identity())).map(|(value, candidate)| {
        let reason = match by {
            _ if groups.len() == 1 => format!("every run has {} {value}", by.name()),
            Field::Task => format!("no other task reads the data set {}", candidate.record.task.data),
            _ => "nothing to compare it with".to_owned(),
        };
        (value.as_str(), within(candidate, candidate, by), candidate.run, reason)
    });
    let unknown = without.into_iter().map(|(run, reason)| ("–", String::new(), run, reason));
    add_unpaired(&mut table, alone.chain(unknown));
    tested.correct(&mut table, CORRECTED);
    table.drop_empty(&["95 % interval", "p", "Smallest p", "p, Holm", "Also differ", "Not paired", "Remarks"]);
    table.notes.extend(searches.note());
    table.notes.extend(runs.left_out.iter().map(ToString::to_string));
    Ok(table)
}

type ByValue<'a> = BTreeMap<String, Vec<Candidate<'a>>>;

/// The runs of every value of the field, and the runs that cannot be compared, with the reason.
fn by_value<'a>(runs: &'a Runs, by: &Field) -> (ByValue<'a>, Vec<(&'a Run, String)>) {
    let (mut of_value, mut without) = (ByValue::new(), Vec::new());
    let mut written = BTreeMap::new();
    for run in &runs.all {
        match Candidate::new(run, by) {
            Ok(mut candidate) => {
                // 1 and 1.0 are one value of a setting, shown as it was first found.
                let number = candidate.value.parse::<f64>().ok().filter(|_| matches!(by, Field::Setting(_)));
                if let Some(number) = number {
                    candidate.value = written.entry(number.to_string()).or_insert(candidate.value).clone();
                }
                of_value.entry(candidate.value.clone()).or_default().push(candidate);
            }
            Err(reason) => without.push((run, reason)),
        }
    }
    (of_value, without)
}

/// The runs of every value, in order of the values: as numbers where all are such. A name that stands for several sets of
/// settings is told apart by these.
fn told_apart<'a>(of_value: ByValue<'a>, by: &Field) -> Vec<(String, Vec<Candidate<'a>>)> {
    let mut groups = Vec::new();
    for (value, members) in of_value {
        let distinct: BTreeSet<Settings> = members.iter().map(|candidate| by.named(&candidate.settings)).collect();
        let paths = varied(&distinct);
        let mut parts: BTreeMap<String, Vec<Candidate<'a>>> = BTreeMap::new();
        for candidate in members {
            let names: Vec<String> = paths.iter().map(|path| by.named(&candidate.settings).named(path)).collect();
            let name = if names.is_empty() { value.clone() } else { format!("{value} ({})", names.join(" ")) };
            parts.entry(name).or_default().push(candidate);
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
