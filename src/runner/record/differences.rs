//! In what two records of a run differ.

use serde::Serialize;
use serde_json::Value;

/// Fields in which two records differ, as `path: before → now`, skipping those in `ignored`.
pub(crate) fn differences(before: &impl Serialize, now: &impl Serialize, ignored: &[&str]) -> Vec<String> {
    let value = |record: Result<Value, serde_json::Error>| record.unwrap_or(Value::Null);
    let mut found = Vec::new();
    compare("", &value(serde_json::to_value(before)), &value(serde_json::to_value(now)), ignored, &mut found);
    found
}

fn compare(path: &str, before: &Value, now: &Value, ignored: &[&str], found: &mut Vec<String>) {
    if ignored.contains(&path) {
        return;
    }
    match (before, now) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
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
    use serde_json::json;

    use super::*;

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
