//! The record of a cell, and the hash that decides whether a folder may be continued.

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

/// The record of `cell` in `experiment` on `device`; `data_hash` is known once the samples were read, the hash of its
/// initial weights once they are there.
pub(crate) fn record(
    cell: &Cell,
    experiment: &str,
    device: &str,
    data_hash: Option<&str>,
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
            data_hash: data_hash.map(Into::into),
            config: cell.task.config.clone(),
            shape,
            metric: spec.metric.name().to_owned(),
            higher_is_better: spec.metric.higher_is_better(),
            chance: spec.chance,
            splits: [spec.splits.train, spec.splits.validation, spec.splits.test],
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
    canonical("", &serde_json::to_value(record)?, &mut text);
    Ok(Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
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
