//! Which fields of a record decide the result of a run.

use serde_json::Value;

/// Fields of a record that name or describe a run and decide nothing in it.
pub const DESCRIPTIVE: [&str; 17] = [
    "schema",
    "id",
    "hash",
    "experiment",
    "grid",
    "trial",
    "sources",
    "tuning",
    "plan",
    "task.label",
    "task.notes",
    "baseline.label",
    "baseline.parameters",
    // The hash of the file decides, not its place.
    "training.initial_weights",
    "training.initial_task",
    "training.log_every",
    "training.workers",
];

/// Settings of tasks that are paths of files: where the samples were read, their hash decides, and not where a file lay.
pub const FILES: [&str; 2] = ["file", "permutation"];

/// Every value below `value` as its path and its text, keys sorted, without the paths in `left_out` and what is below
/// them. Numbers are written by value: 1.0 and 1 alike.
pub fn flatten(value: &Value, left_out: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect("", value, left_out, &mut found);
    found
}

fn collect(path: &str, value: &Value, left_out: &[&str], found: &mut Vec<(String, String)>) {
    if left_out.contains(&path) {
        return;
    }
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(&path, &map[key.as_str()], left_out, found);
            }
        }
        Value::Number(number) => {
            let text = number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string());
            found.push((path.to_owned(), text));
        }
        other => found.push((path.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_count_by_value_and_keys_in_order() {
        let value = json!({"b": {"y": 1.0, "x": [1, 2]}, "a": null, "c": {"left": 1}});
        let flat = flatten(&value, &["c"]);
        let texts: Vec<String> = flat.iter().map(|(path, text)| format!("{path}={text}")).collect();
        assert_eq!(texts, ["a=null", "b.x=[1,2]", "b.y=1"]);
        assert_eq!(flatten(&json!({"y": 1}), &[]), flatten(&json!({"y": 1.0}), &[]));
    }
}
