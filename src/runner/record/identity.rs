//! The record of a run, the hash that decides whether a folder may be continued, and in what two records differ.

use std::collections::BTreeSet;

use baselines::registry::Entry;
use serde_json::Value;
use sha2::{Digest, Sha256};
use vocabulary::record::fields::{DESCRIPTIVE, FILES, flatten};
use vocabulary::record::{BaselineRecord, RunRecord, SCHEMA, TaskRecord, device_kind};

use crate::experiment::{Run, Training, scale};
use crate::files::weights;
use crate::training::learning_rate;

/// Settings that only make a run longer or shorter.
const EXTENDING: [&str; 3] = ["training.epochs", "training.max_time", "training.early_stopping"];

/// Fields that may change between two starts of a run without making it another run: names, and settings that only
/// extend a run or describe it.
fn not_hashed() -> Vec<&'static str> {
    DESCRIPTIVE.iter().chain(&EXTENDING).copied().collect()
}

/// The record of `run` in `experiment` on `device`. The hash of its samples and the sizes of the splits are known once the
/// samples were read (without `samples`, the sizes are those of the complete data set), the hash of its initial weights once
/// they are there.
pub(crate) fn record(
    run: &Run,
    experiment: &str,
    device: &str,
    samples: Option<(&str, [usize; 3])>,
) -> Result<RunRecord, serde_json::Error> {
    let spec = run.spec();
    let mut record = RunRecord {
        schema: SCHEMA,
        id: run.id.clone(),
        hash: String::new(),
        experiment: experiment.to_owned(),
        task: TaskRecord {
            name: run.task.name.clone(),
            label: run.task.label.clone(),
            version: spec.version.clone(),
            data: spec.data.clone(),
            data_hash: samples.map(|(hash, _)| hash.to_owned()),
            config: run.task.config.clone(),
            shape: spec.input.dims(),
            metric: spec.metric,
            higher_is_better: spec.metric.higher_is_better(),
            chance: spec.chance,
            splits: samples.map_or_else(|| spec.splits.into(), |(_, sizes)| sizes),
            notes: vec![],
        },
        baseline: BaselineRecord {
            name: run.baseline.name.clone(),
            label: run.baseline.label.clone(),
            config: run.baseline.config.clone(),
            parameters: run.parameters,
        },
        training: serde_json::to_value(&run.training)?,
        initial_weights: run.training.initial_weights.as_deref().and_then(weights::digest),
        scale: run.scale,
        sources: run.sources.clone(),
        tuning: run.tuning.clone(),
        seed: run.seed,
        // Which of several devices of one kind decides nothing.
        device: device_kind(device).to_owned(),
        grid: run.grid.clone(),
        trial: run.trial.as_ref().map(|trial| trial.record.clone()),
        extended_from: Vec::new(),
        plan: None,
    };
    record.hash = hash(&record, &run.baseline.entry)?;
    Ok(record)
}

/// Let `record`, made without the samples of its task, have what only they tell as `before` has it, for which they were read:
/// the score of chance, and where a scale cut the training, the settings that follow from the number of its samples.
pub(crate) fn keep_what_samples_tell(record: &mut RunRecord, before: &RunRecord, run: &Run) {
    if before.task.data_hash.is_none() {
        return;
    }
    record.task.chance = before.task.chance;
    let sizes_are_unknown = run.spec().splits.train == 0;
    if sizes_are_unknown && let Some(training) = record.training.as_object_mut() {
        for setting in scale::settings_from_sizes(run.scale) {
            match before.training.get(setting) {
                Some(value) => _ = training.insert((*setting).to_owned(), value.clone()),
                None => _ = training.remove(*setting),
            }
        }
    }
}

/// The settings of the task of `run` that name a file at another place than `before` does.
pub(crate) fn has_moved(run: &Run, before: &RunRecord) -> bool {
    let places = |config: &Value| -> Vec<Option<String>> {
        FILES.map(|name| config.get(name).and_then(Value::as_str).map(str::to_owned)).into()
    };
    before.task.name == run.task.name
        && places(&before.task.config)
            .iter()
            .zip(places(&run.task.config))
            .any(|(then, now)| matches!((then, now), (Some(then), Some(now)) if *then != now))
}

/// Where `record` read the samples of `before`, the hash of the samples has decided: let it name their file, and what is
/// called after it, as `before` does, so that the two are one run wherever the file lies now.
fn keep_places(record: &mut RunRecord, before: &RunRecord) {
    let (task, then) = (&mut record.task, &before.task);
    let number = |version: &str| version.rsplit('-').next().map(str::to_owned);
    if then.data_hash.is_none() || task.data_hash != then.data_hash || number(&task.version) != number(&then.version) {
        return;
    }
    let mut moved = false;
    for name in FILES {
        let place = then.config.get(name).filter(|place| place.is_string());
        if let (Some(now), Some(place)) = (task.config.get_mut(name).filter(|now| now.is_string()), place) {
            moved |= now != place;
            now.clone_from(place);
        }
    }
    if moved {
        task.version.clone_from(&then.version);
        task.data.clone_from(&then.data);
    }
}

/// Let `record` go on as `before`, the same run begun earlier: with its initial weights where their file is gone, with the
/// place where the file of its samples lay, with what it was extended from, and under the name that an older program gave to a
/// device of the same kind.
pub(crate) fn go_on(record: &mut RunRecord, before: &RunRecord, baseline: &Entry) -> Result<(), serde_json::Error> {
    if record.training.get("initial_weights").is_some() && record.initial_weights.is_none() {
        record.initial_weights.clone_from(&before.initial_weights);
    }
    keep_places(record, before);
    record.extended_from.clone_from(&before.extended_from);
    if device_kind(&before.device) == record.device {
        record.device.clone_from(&before.device);
    }
    record.hash = hash(record, baseline)?;
    Ok(())
}

/// Note in `record` that its run has taken `steps` steps under the settings of `before`, where an uninterrupted training under
/// those of `record` would have taken one of them with another learning rate. Whatever the length of the training decides
/// (the cosine, its end by `max_steps`) is seen so; schedules that do not depend on it change nothing.
pub(crate) fn note_extension(
    record: &mut RunRecord,
    before: &RunRecord,
    steps: u64,
    steps_per_epoch: u64,
    baseline: &Entry,
) -> Result<(), serde_json::Error> {
    if steps == 0 {
        // Nothing is left of what was taken before.
        record.extended_from.clear();
    } else {
        let (was, is): (Training, Training) =
            (serde_json::from_value(before.training.clone())?, serde_json::from_value(record.training.clone())?);
        let rate = |settings: &Training, step| learning_rate(settings, step, steps_per_epoch, 1.0);
        if (0..steps).any(|step| rate(&was, step) != rate(&is, step)) {
            record.extended_from.push(u64::from(was.epochs));
        }
    }
    record.hash = hash(record, baseline)?;
    Ok(())
}

/// Whether a checkpoint under `found` belongs to `record`: to it as it is, or as it was before it was extended, in case the
/// first checkpoint after that was never written.
pub(crate) fn is_of(record: &RunRecord, found: &str, baseline: &Entry) -> Result<bool, serde_json::Error> {
    let mut earlier = record.clone();
    loop {
        if hash(&earlier, baseline)? == found {
            return Ok(true);
        }
        if earlier.extended_from.pop().is_none() {
            return Ok(false);
        }
    }
}

/// SHA-256 (hex) over every field of the record that is not [`not_hashed`], keys sorted.
fn hash(record: &RunRecord, baseline: &Entry) -> Result<String, serde_json::Error> {
    let lines = flatten(&comparable(record, baseline)?, &not_hashed());
    let text: String = lines.into_iter().map(|(path, value)| format!("{path}={value}\n")).collect();
    Ok(Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// `record` without the settings of `baseline`, its own, that came later and say what was so before: records from before
/// them are of the same run.
fn comparable(record: &RunRecord, baseline: &Entry) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(record)?;
    if let Some(Value::Object(config)) = value.pointer_mut("/baseline/config") {
        let added = (baseline.added)();
        config.retain(|setting, value| !added.iter().any(|(later, before)| later == setting && before == value));
    }
    Ok(value)
}

/// In what `now`, a record of a run of `baseline`, differs from that of `before`, as `path: before → now`.
pub(crate) fn changes(before: &RunRecord, now: &RunRecord, baseline: &Entry) -> Result<Vec<String>, serde_json::Error> {
    Ok(differences(&comparable(before, baseline)?, &comparable(now, baseline)?, &not_hashed()))
}

/// Fields in which two records differ, as `path: before → now`, skipping those in `ignored`.
fn differences(before: &Value, now: &Value, ignored: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    compare("", before, now, ignored, &mut found);
    found
}

fn compare(path: &str, before: &Value, now: &Value, ignored: &[&str], found: &mut Vec<String>) {
    if ignored.contains(&path) {
        return;
    }
    match (before, now) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let get = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                compare(&path, &get(a), &get(b), ignored, found);
            }
        }
        // Numbers compare by value: YAML writes 1.0 and 1 alike.
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        (a, b) if a == b => {}
        (a, b) => found.push(format!("{path}: {a} → {b}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use baselines::registry;
    use baselines::registry::Entry;

    use super::*;
    use serde_json::json;

    /// The baseline of [`record`].
    fn gru() -> Entry {
        registry::find("gru").unwrap()
    }

    fn record(device: &str, training: &Training) -> RunRecord {
        let mut record: RunRecord = serde_json::from_value(json!({
            "schema": 1, "id": "a.b.s0", "hash": "", "experiment": "made-up", "seed": 0, "device": device,
            "training": training,
            "task": {
                "name": "adding", "label": "a", "version": "1", "data": "adding", "data_hash": "d", "config": {},
                "shape": [2, 9], "metric": "accuracy", "higher_is_better": true, "chance": 0.5, "splits": [9, 9, 9]
            },
            "baseline": {"name": "gru", "label": "b", "config": {}, "parameters": 9},
        }))
        .unwrap();
        record.hash = hash(&record, &gru()).unwrap();
        record
    }

    fn settings(epochs: u32, change: fn(&mut Training)) -> Training {
        let mut training = Training { epochs, ..Training::default() };
        change(&mut training);
        training
    }

    /// What a run of `before` is extended from once it has taken `steps` steps, 10 in an epoch, and goes on as `now`.
    fn extended(before: &Training, now: &Training, steps: u64) -> Vec<u64> {
        let (before, mut now) = (record("cpu", before), record("cpu", now));
        go_on(&mut now, &before, &gru()).unwrap();
        assert_eq!(now.hash, before.hash, "the number of epochs is free");
        note_extension(&mut now, &before, steps, 10, &gru()).unwrap();
        assert_eq!(now.hash == before.hash, now.extended_from.is_empty());
        assert!(is_of(&now, &before.hash, &gru()).unwrap());
        now.extended_from
    }

    #[test]
    fn more_epochs_are_noted_where_the_schedule_depends_on_them() {
        use crate::experiment::Schedule;
        type Kind<'a> = (fn(&mut Training), &'a [u64]);
        let kinds: [Kind<'_>; 7] = [
            (|_| {}, &[10]),
            (|t| t.warmup_epochs = 2.0, &[10]),
            (|t| t.schedule = Schedule::Constant, &[]),
            (|t| t.schedule = Schedule::Exponential, &[]),
            (|t| t.schedule = Schedule::Plateau, &[]),
            (|t| t.schedule_steps = Some(150), &[]),
            // The steps end the training before either number of epochs does.
            (|t| t.max_steps = Some(40), &[]),
        ];
        for (index, (change, expected)) in kinds.into_iter().enumerate() {
            assert_eq!(extended(&settings(10, change), &settings(20, change), 100), expected, "kind {index}");
        }
        // Fewer epochs than planned are another course, too; the warm-up alone is the same in both.
        assert_eq!(extended(&settings(20, |_| {}), &settings(10, |_| {}), 50), [20]);
        assert!(
            extended(&settings(10, |t| t.warmup_epochs = 3.0), &settings(20, |t| t.warmup_epochs = 3.0), 30).is_empty()
        );
        assert!(extended(&settings(10, |_| {}), &settings(20, |_| {}), 0).is_empty());
        // Limits that do not enter the schedule.
        assert!(extended(&settings(10, |_| {}), &settings(10, |t| t.early_stopping = Some(9)), 50).is_empty());
        let time = |t: &mut Training| t.max_time = Some(std::time::Duration::from_secs(9));
        assert!(extended(&settings(10, time), &settings(10, |_| {}), 50).is_empty());
    }

    #[test]
    fn what_a_run_was_extended_from_stays_with_it() {
        let [ten, twenty, forty] = [10, 20, 40].map(|epochs| record("cpu", &settings(epochs, |_| {})));
        let mut second = twenty.clone();
        go_on(&mut second, &ten, &gru()).unwrap();
        note_extension(&mut second, &ten, 100, 10, &gru()).unwrap();
        // A resume of the extension, and a further one.
        let mut resumed = twenty;
        go_on(&mut resumed, &second, &gru()).unwrap();
        note_extension(&mut resumed, &second, 130, 10, &gru()).unwrap();
        assert_eq!((resumed.extended_from.as_slice(), &resumed.hash), ([10].as_slice(), &second.hash));
        let mut third = forty;
        go_on(&mut third, &second, &gru()).unwrap();
        note_extension(&mut third, &second, 200, 10, &gru()).unwrap();
        assert_eq!(third.extended_from, [10, 20]);
        assert_eq!(third.extension().unwrap(), "40 epochs, extended from 10, then 20");
        for earlier in [&ten.hash, &second.hash, &third.hash] {
            assert!(is_of(&third, earlier, &gru()).unwrap());
        }
        assert!(!is_of(&ten, &second.hash, &gru()).unwrap());
    }

    #[test]
    fn the_index_of_a_device_decides_nothing_and_its_kind_does() {
        let training = Training::default();
        let old = record("cuda:0", &training);
        let mut now = record("cuda", &training);
        assert_ne!(old.hash, now.hash);
        go_on(&mut now, &old, &gru()).unwrap();
        assert_eq!((now.hash.as_str(), now.device.as_str()), (old.hash.as_str(), "cuda:0"));
        for other in ["cpu", "wgpu", "tch:cuda"] {
            let mut now = record(other, &training);
            go_on(&mut now, &old, &gru()).unwrap();
            assert_ne!(now.hash, old.hash, "{other}");
        }
        let kinds = ["cpu", "cuda:1", "wgpu:0", "tch", "tch:cuda:2"].map(device_kind);
        assert_eq!(kinds, ["cpu", "cuda", "wgpu", "tch", "tch:cuda"]);
    }

    fn of(baseline: &str, config: Value) -> RunRecord {
        serde_json::from_value(json!({
            "schema": SCHEMA, "id": "a", "hash": "", "experiment": "e", "scale": "paper", "seed": 0, "device": "cpu",
            "task": {
                "name": "smnist", "label": "smnist", "version": "smnist@1", "data": "mnist", "config": {},
                "shape": [1, 784], "metric": "accuracy", "higher_is_better": true, "chance": 0.1, "splits": [1, 1, 1]
            },
            "baseline": {"name": baseline, "label": baseline, "config": config, "parameters": 1},
            "training": {}, "sources": [], "grid": {}
        }))
        .unwrap()
    }

    #[test]
    fn a_file_may_lie_elsewhere_where_the_same_samples_were_read_from_it() {
        let of = |place: Option<&str>, stem: &str, hash: &str| {
            let mut record = record("cpu", &Training::default());
            record.task.config = place.map_or(json!({}), |place| json!({"length": 16, "file": place}));
            (record.task.version, record.task.data) = (format!("char-lm@{stem}-16-v256-2"), stem.to_owned());
            record.task.data_hash = Some(hash.to_owned());
            record.hash = hash_of(&record);
            record
        };
        let hash_after = |mut now: RunRecord, before: &RunRecord| {
            go_on(&mut now, before, &gru()).unwrap();
            now.hash
        };
        let before = of(Some("a/own.txt"), "own", "d");
        assert_eq!(hash_after(of(Some("b/own.txt"), "own", "d"), &before), before.hash);
        assert_eq!(hash_after(of(Some("b/renamed.txt"), "renamed", "d"), &before), before.hash);
        for other in [of(Some("b/own.txt"), "own", "e"), of(None, "own", "d")] {
            assert_ne!(hash_after(other, &before), before.hash);
        }
        // Samples that were prepared in another way are others, whatever their hash.
        let mut newer = of(Some("b/own.txt"), "own", "d");
        newer.task.version = "char-lm@own-16-v256-3".to_owned();
        assert_ne!(hash_after(newer, &before), before.hash);
    }

    fn hash_of(record: &RunRecord) -> String {
        hash(record, &gru()).unwrap()
    }

    /// What a record says of a setting that it is older than is what the setting says at first.
    #[test]
    fn settings_that_came_later_leave_the_identity_of_older_runs() {
        let mut seen = 0;
        for entry in registry::entries() {
            let resolved = (entry.resolve)(&json!({})).unwrap();
            for (setting, before) in (entry.added)() {
                assert_eq!(resolved[setting], before, "{}: the default of {setting} is another one", entry.info.name);
                check_added(&entry, &resolved, setting);
                seen += 1;
            }
        }
        assert!(seen >= 3);
    }

    /// A record of `baseline` without `setting` is that of one with its value in `resolved`, and of no other.
    fn check_added(baseline: &Entry, resolved: &Value, setting: &str) {
        let of = |config: &Value| of(baseline.info.name, config.clone());
        let mut older = resolved.clone();
        older.as_object_mut().unwrap().remove(setting);
        let mut other = resolved.clone();
        other[setting] = json!("another");
        let [older, now, other] = [&older, resolved, &other].map(of);
        let hashes = [&older, &now, &other].map(|record| hash(record, baseline).unwrap());
        assert_eq!(hashes[0], hashes[1], "{} {setting}", baseline.info.name);
        assert_ne!(hashes[1], hashes[2], "{} {setting}", baseline.info.name);
        let [older, now] = [&older, &now].map(|record| comparable(record, baseline).unwrap());
        assert_eq!(differences(&older, &now, &not_hashed()), Vec::<String>::new());
    }

    /// A baseline of another program, which the standard registry does not know.
    #[test]
    fn settings_that_came_later_to_a_baseline_of_ones_own_leave_it_too() {
        let mut mine = gru();
        mine.info.name = "mine";
        mine.added = || vec![("gate", json!("hard"))];
        check_added(&mine, &json!({ "hidden": 9, "gate": "hard" }), "gate");
    }

    #[test]
    fn differences_name_the_field_and_both_values() {
        let before = json!({"training": {"learning_rate": 0.01, "epochs": 2}, "seed": 1});
        let now = json!({"training": {"learning_rate": 0.02, "epochs": 9}, "seed": 1.0, "device": "cpu"});
        assert_eq!(
            differences(&before, &now, &["training.epochs"]),
            ["device: null → \"cpu\"", "training.learning_rate: 0.01 → 0.02"]
        );
    }
}
