//! What decides the result of a run, as a flat list of settings: what pools seeds, pairs runs, and tells rows apart.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vocabulary::record::fields::{DESCRIPTIVE, flatten};
use vocabulary::record::{RunRecord, device_kind};

/// Settings that say how the samples of a task are given to a model; the task is the same whatever these are.
const PRESENTATION: [&str; 10] =
    ["augment", "centre", "end_token", "form", "normalisation", "padding", "pixels", "scale", "tokens", "vocabulary"];

/// Whether the setting at `path` says how samples are given to a model, or follows from that.
pub(crate) fn is_presentation(path: &str) -> bool {
    path.strip_prefix("task.config.").is_some_and(|name| PRESENTATION.contains(&name))
        || ["task.version", "task.data_hash", "task.shape"].contains(&path)
}

/// The settings of a run by path, as in `cell.yaml`; those that are null stand for nothing and are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Everything in `record` but [`DESCRIPTIVE`]. Devices count by their kind.
    pub(crate) fn of(record: &RunRecord) -> Self {
        let value = serde_json::to_value(record).unwrap_or_default();
        let mut all: BTreeMap<String, String> = flatten(&value, &DESCRIPTIVE).into_iter().collect();
        // A grid value is that of its setting; a scale may have cut the setting.
        for (field, value) in &record.grid {
            let path = within_record(field);
            let below = format!("{path}.");
            all.retain(|key, _| *key != path && !key.starts_with(&below));
            for (rest, text) in flatten(value, &[]) {
                all.insert(if rest.is_empty() { path.clone() } else { format!("{path}.{rest}") }, text);
            }
        }
        all.insert("device".to_owned(), Value::from(device_kind(&record.device)).to_string());
        all.retain(|_, text| text != "null");
        Self(all)
    }

    /// Without the settings whose path `left_out` names.
    #[must_use]
    pub(crate) fn without(&self, left_out: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(path, _)| !left_out(path)).map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    /// The text of one setting.
    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Set, or with `None` remove, one setting.
    pub(crate) fn set(&mut self, path: &str, text: Option<String>) {
        match text {
            Some(text) => self.0.insert(path.to_owned(), text),
            None => self.0.remove(path),
        };
    }

    /// Paths at which two runs differ.
    pub(crate) fn differences(&self, other: &Self) -> BTreeSet<String> {
        let paths: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        paths.into_iter().filter(|path| self.0.get(*path) != other.0.get(*path)).cloned().collect()
    }

    /// `training.epochs=20`, with `none` for a setting that is absent.
    pub(crate) fn named(&self, path: &str) -> String {
        format!("{}={}", typed(path), self.value(path))
    }

    /// The value at `path` as one would type it.
    pub(crate) fn value(&self, path: &str) -> String {
        let Some(text) = self.get(path) else { return "none".to_owned() };
        let short = path == "task.data_hash" || path == "initial_weights";
        let plain = text.trim_matches('"');
        if short { plain.chars().take(8).collect() } else { plain.to_owned() }
    }

    /// `learning_rate: 0.01 → 0.02` for every path in `paths`.
    pub(crate) fn changes(&self, other: &Self, paths: &BTreeSet<String>) -> Vec<String> {
        paths.iter().map(|path| format!("{}: {} → {}", typed(path), self.value(path), other.value(path))).collect()
    }
}

/// The paths at which any two of `all` differ.
pub(crate) fn varied<'a>(all: impl IntoIterator<Item = &'a Settings>) -> BTreeSet<String> {
    let mut all = all.into_iter();
    let Some(first) = all.next() else { return BTreeSet::new() };
    all.flat_map(|other| first.differences(other)).collect()
}

/// A JSON value as it would be typed.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

/// The path in a record of a field as one types it: `task.config.length` for `task.length`.
pub(crate) fn within_record(field: &str) -> String {
    match field.split_once('.') {
        Some((part @ ("task" | "baseline"), rest)) => format!("{part}.config.{rest}"),
        _ => field.to_owned(),
    }
}

/// The inverse of [`within_record`].
pub(crate) fn typed(path: &str) -> String {
    for part in ["task", "baseline"] {
        if let Some(rest) = path.strip_prefix(part).and_then(|rest| rest.strip_prefix(".config.")) {
            return format!("{part}.{rest}");
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_a_record_as_they_are_typed() {
        for (field, path) in [
            ("task.length", "task.config.length"),
            ("baseline.learning_rates.a", "baseline.config.learning_rates.a"),
            ("training.epochs", "training.epochs"),
            ("scale", "scale"),
        ] {
            assert_eq!(within_record(field), path);
            assert_eq!(typed(path), field);
        }
    }
}
