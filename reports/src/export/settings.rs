//! The settings of a run, flat, and when it began.

use std::time::SystemTime;

use serde_json::Value;

use crate::runs::Run;

/// Settings by their paths, e.g. `baseline.omega_0`, in order; numbers, texts and truth values as such, all others as JSON.
pub(super) fn settings(run: &Run) -> Vec<(String, Value)> {
    let Some(record) = &run.record else { return Vec::new() };
    let mut all = vec![
        ("task".to_owned(), Value::from(record.task.label.as_str())),
        ("baseline".to_owned(), Value::from(record.baseline.label.as_str())),
        ("seed".to_owned(), Value::from(record.seed)),
        ("scale".to_owned(), Value::from(record.scale.name())),
        ("hash".to_owned(), Value::from(record.hash.as_str())),
    ];
    let parts = [("task", &record.task.config), ("baseline", &record.baseline.config), ("training", &record.training)];
    for (part, config) in parts {
        let fields = config.as_object().into_iter().flatten();
        all.extend(fields.map(|(field, value)| (format!("{part}.{field}"), value.clone())));
    }
    all.extend(record.baseline.parameters.map(|n| ("parameters".to_owned(), Value::from(n))));
    all
}

/// When the run began, in seconds since 1970; 0 where that is not on record.
pub(super) fn start(run: &Run) -> f64 {
    let first = run.status.attempts_on_record().into_iter().find_map(|attempt| attempt.started);
    let time = first.and_then(|text| humantime::parse_rfc3339(&text).ok());
    time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok()).map_or(0.0, |since| since.as_secs_f64())
}
