//! Names of runs and of their folders.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::experiment::Scale;
use crate::experiment::raw::{MAX_LABEL, make_safe};

/// `<task>.<baseline>[.<field>-<value>…][.<scale>].s<seed>`, at most 120 characters.
pub(super) fn id(task: &str, baseline: &str, grid: &BTreeMap<String, Value>, scale: Scale, seed: u64) -> String {
    const MAX: usize = 120;
    let part = |label: &str| make_safe(label).chars().take(MAX_LABEL).collect::<String>();
    let (task, baseline) = (part(task), part(baseline));
    let short = |key: &str| {
        let last = key.rsplit('.').next().unwrap_or(key);
        let alone = grid.keys().filter(|other| other.rsplit('.').next() == Some(last)).count() == 1;
        make_safe(if alone { last } else { key })
    };
    let varied: String = grid.iter().map(|(key, value)| format!(".{}-{}", short(key), value_text(value))).collect();
    let scale = if scale == Scale::Paper { String::new() } else { format!(".{}", scale.name()) };
    let whole = format!("{task}.{baseline}{varied}{scale}.s{seed}");
    if whole.len() <= MAX {
        return whole;
    }
    let hash = hex(&serde_json::to_string(grid).unwrap_or_default());
    format!("{task}.{baseline}.grid-{hash}{scale}.s{seed}")
}

/// A grid value as part of a folder name.
fn value_text(value: &Value) -> String {
    match value {
        Value::Number(number) => make_number_safe(&number.to_string()),
        Value::String(text) if !text.is_empty() && make_safe(text) == *text => text.clone(),
        Value::Bool(_) | Value::Null => value.to_string(),
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| item.is_number() || item.is_string()) => {
            items.iter().map(value_text).collect::<Vec<_>>().join("+")
        }
        other => hex(&other.to_string()),
    }
}

/// A number keeps its sign and its decimal point.
fn make_number_safe(number: &str) -> String {
    number.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).collect()
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
