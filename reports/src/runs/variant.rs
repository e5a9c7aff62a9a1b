//! In what runs of the same labels differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};
use vocabulary::record::RunRecord;
use vocabulary::record::fields::FILES;

use super::run::Run;
use super::settings::{Settings, varied};

/// Settings that are written out to tell runs of the same labels apart; beyond these, a hash does.
const MOST_TOLD: usize = 4;

/// What the seeds of a row have in common. The hashes of samples and of initial weights are known only once a run has begun;
/// runs that have not begun take part with `None`.
fn shared(record: &RunRecord) -> Settings {
    Settings::of(record).without(|path| path == "seed" || LATE.contains(&path))
}

/// Settings that a run knows once it has begun.
const LATE: [&str; 2] = ["task.data_hash", "initial_weights"];

/// Whether training begins with random weights, rather than with given ones that may not be known yet. Where every seed begins
/// with its own run on another task, the weights are as random as those of that run.
fn begins_randomly(record: &RunRecord) -> bool {
    let has = |setting| record.training.get(setting).is_some_and(|value: &Value| !value.is_null());
    has("initial_task") || (record.initial_weights.is_none() && !has("initial_weights"))
}

/// Write into every run in what it differs from others of the same experiment, labels and grid values, so that runs are of
/// one group where they agree in everything but their seed.
pub(super) fn tell_apart(runs: &mut [Run]) {
    let mut alike: BTreeMap<(String, String, String, String), Vec<usize>> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        let key = (run.experiment.clone(), run.task().to_owned(), run.baseline().to_owned(), run.plain_grid());
        alike.entry(key).or_default().push(index);
    }
    for members in alike.into_values() {
        for (index, variant) in variants(runs, &members) {
            runs[index].variant = variant;
        }
    }
}

/// In what each of `members`, places in `runs`, differs from the others.
fn variants(runs: &[Run], members: &[usize]) -> Vec<(usize, String)> {
    let records: BTreeMap<usize, &RunRecord> =
        members.iter().filter_map(|index| Some((*index, runs[*index].record.as_ref()?))).collect();
    let mut settings: BTreeMap<usize, Settings> =
        records.iter().map(|(index, record)| (*index, shared(record))).collect();
    FILES.iter().for_each(|name| unify_paths(&format!("task.config.{name}"), &mut settings, &records));
    LATE.iter().for_each(|late| fill_in_late(late, &mut settings, &records));
    let distinct: BTreeSet<&Settings> = settings.values().collect();
    let mut paths = varied(distinct);
    // Already written beside the labels.
    paths.remove("extended_from");
    let variant = |index: &usize| match settings.get(index) {
        Some(settings) => describe(settings, &paths),
        None if settings.is_empty() => String::new(),
        None => "settings unknown".to_owned(),
    };
    members.iter().map(|index| (*index, variant(index))).collect()
}

/// Give runs that read the same samples one value at `path`: where a file lay does not tell runs apart that read the same
/// from it; whether there was one does.
fn unify_paths(path: &str, settings: &mut BTreeMap<usize, Settings>, records: &BTreeMap<usize, &RunRecord>) {
    let mut first: BTreeMap<&str, String> = BTreeMap::new();
    for (index, own) in settings {
        let hash = records[index].task.data_hash.as_deref();
        if let (Some(hash), Some(place)) = (hash, own.get(path).map(str::to_owned)) {
            own.set(path, Some(first.entry(hash).or_insert(place).clone()));
        }
    }
}

/// Set `late`, one of [`LATE`]. A run that has not begun goes with the others of its settings where those agree.
fn fill_in_late(late: &str, settings: &mut BTreeMap<usize, Settings>, records: &BTreeMap<usize, &RunRecord>) {
    let with_value = records.iter().filter(|(_, record)| late != "initial_weights" || !begins_randomly(record));
    let values: BTreeMap<usize, Option<String>> =
        with_value.map(|(index, record)| (*index, Settings::of(record).get(late).map(str::to_owned))).collect();
    let mut known: BTreeMap<Settings, BTreeSet<String>> = BTreeMap::new();
    for (index, value) in &values {
        known.entry(settings[index].clone()).or_default().extend(value.clone());
    }
    for (index, value) in values {
        let Some(own) = settings.get_mut(&index) else { continue };
        let agreed = &known[&*own];
        let value = if agreed.len() == 1 { agreed.first().cloned() } else { value };
        own.set(late, value);
    }
}

/// The values at `paths`, or a hash of them where there are many.
fn describe(settings: &Settings, paths: &BTreeSet<String>) -> String {
    let named: Vec<String> = paths.iter().map(|path| settings.named(path)).collect();
    if named.len() <= MOST_TOLD {
        return named.join(" ");
    }
    let hash = Sha256::digest(named.join("\n").as_bytes());
    let more = named.len() - MOST_TOLD;
    format!("{} and {more} more ({:02x}{:02x}{:02x})", named[..MOST_TOLD].join(" "), hash[0], hash[1], hash[2])
}
