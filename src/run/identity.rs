//! The record of a cell, and the hash that decides whether a folder may be continued.

use baselines::registry;
use datasets::InputSpec;
use reports::record::{BaselineRecord, CellRecord, SCHEMA, TaskRecord};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::experiment::Cell;
use crate::weights;

/// Fields that may change between two starts of a cell without making it another cell: names, and settings that only
/// extend a run or describe it.
pub(crate) const FREE: [&str; 16] = [
    "schema",
    "id",
    "hash",
    "experiment",
    "grid",
    "sources",
    "task.label",
    "task.notes",
    "baseline.label",
    "baseline.parameters",
    "training.epochs",
    "training.max_time",
    "training.early_stopping",
    // The hash of the file decides, not its place.
    "training.initial_weights",
    "training.log_every",
    "training.workers",
];

/// The record of `cell` in `experiment` on `device`. The hash of its samples and the sizes of the splits are known once the
/// samples were read (without `samples`, the sizes are those of the complete data set), the hash of its initial weights once
/// they are there.
pub(crate) fn record(
    cell: &Cell,
    experiment: &str,
    device: &str,
    samples: Option<(&str, [usize; 3])>,
) -> Result<CellRecord, serde_json::Error> {
    let spec = cell.task.task.spec();
    let shape = match &spec.input {
        InputSpec::Values { channels, shape } => std::iter::once(*channels).chain(shape.iter().copied()).collect(),
        InputSpec::Tokens { length, .. } => vec![1, *length],
    };
    let mut record = CellRecord {
        schema: SCHEMA,
        id: cell.id.clone(),
        hash: String::new(),
        experiment: experiment.to_owned(),
        task: TaskRecord {
            name: cell.task.name.clone(),
            label: cell.task.label.clone(),
            version: spec.version.clone(),
            data: spec.data.clone(),
            data_hash: samples.map(|(hash, _)| hash.to_owned()),
            config: cell.task.config.clone(),
            shape,
            metric: spec.metric.name().to_owned(),
            higher_is_better: spec.metric.higher_is_better(),
            chance: spec.chance,
            splits: samples.map_or([spec.splits.train, spec.splits.validation, spec.splits.test], |(_, sizes)| sizes),
            notes: vec![],
        },
        baseline: BaselineRecord {
            name: cell.baseline.name.clone(),
            label: cell.baseline.label.clone(),
            config: cell.baseline.config.clone(),
            parameters: cell.parameters,
        },
        training: serde_json::to_value(&cell.training)?,
        initial_weights: cell.training.initial_weights.as_deref().and_then(weights::digest),
        scale: cell.scale.name().to_owned(),
        sources: cell.sources.clone(),
        seed: cell.seed,
        device: device.to_owned(),
        grid: cell.grid.clone(),
    };
    record.hash = hash(&record)?;
    Ok(record)
}

/// Where the file of the initial weights is gone, let `record` have begun with those that `before`, the same cell begun
/// earlier, did: they are no longer needed.
pub(crate) fn keep_initial_weights(record: &mut CellRecord, before: &CellRecord) -> Result<(), serde_json::Error> {
    if record.training.get("initial_weights").is_some() && record.initial_weights.is_none() {
        record.initial_weights.clone_from(&before.initial_weights);
        record.hash = hash(record)?;
    }
    Ok(())
}

/// SHA-256 (hex) over every field of the record that is not [`FREE`], keys sorted.
fn hash(record: &CellRecord) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    canonical("", &comparable(record)?, &mut text);
    Ok(Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// `record` without the settings of its baseline that came later and say what was so before: records from before them are of
/// the same cell.
pub(crate) fn comparable(record: &CellRecord) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(record)?;
    let added = registry::find(&record.baseline.name).map(|entry| (entry.added)()).unwrap_or_default();
    if let Some(Value::Object(config)) = value.pointer_mut("/baseline/config") {
        for (setting, before) in added {
            if config.get(setting) == Some(&before) {
                config.remove(setting);
            }
        }
    }
    Ok(value)
}

fn canonical(path: &str, value: &Value, text: &mut String) {
    if FREE.contains(&path) {
        return;
    }
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                canonical(&path, &map[key.as_str()], text);
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string());
            text.push_str(&format!("{path}={number}\n"));
        }
        other => text.push_str(&format!("{path}={other}\n")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::run::folder::differences;
    use serde_json::json;

    fn of(baseline: &str, config: Value) -> CellRecord {
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

    /// What a record says of a setting that it is older than is what the setting says at first.
    #[test]
    fn settings_that_came_later_leave_the_identity_of_older_cells() {
        let mut seen = 0;
        for entry in registry::entries() {
            let resolved = (entry.resolve)(&json!({})).unwrap();
            for (setting, before) in (entry.added)() {
                assert_eq!(resolved[setting], before, "{}: the default of {setting} is another one", entry.info.name);
                let mut older = resolved.clone();
                older.as_object_mut().unwrap().remove(setting);
                let (older, now) = (of(entry.info.name, older), of(entry.info.name, resolved.clone()));
                assert_eq!(hash(&older).unwrap(), hash(&now).unwrap(), "{} {setting}", entry.info.name);
                let changes = differences(&comparable(&older).unwrap(), &comparable(&now).unwrap(), &FREE);
                assert!(changes.is_empty(), "{changes:?}");
                let mut other = resolved.clone();
                other[setting] = json!("another");
                assert_ne!(hash(&of(entry.info.name, other)).unwrap(), hash(&now).unwrap());
                seen += 1;
            }
        }
        assert!(seen >= 3);
    }
}
