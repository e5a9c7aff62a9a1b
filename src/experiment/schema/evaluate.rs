//! The schema of `evaluate`.

use serde_json::{Map, Value, json};

/// The schema of `evaluate`, over the `settings` that some task has.
pub(super) fn evaluate(settings: &Map<String, Value>) -> Value {
    json!({
        "description": "What trained networks are judged on beside the test split of their task, with the weights of the best epoch.",
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": {
            "resample": {
                "description": "Samples per axis relative to the task's, from 1/64 to 64: 0.5 takes every second sample, 2 interpolates linearly. What has no other resolution is n/a.",
                "type": "array", "uniqueItems": true,
                "items": { "anyOf": [
                    { "type": "number", "minimum": 1.0 / 64.0, "maximum": 64 },
                    { "type": "string", "pattern": "^ *[0-9.]+ */ *[0-9.]+ *$" }
                ] }
            },
            "tasks": {
                "description": "Settings laid over those of the task that a network was trained on, e.g. another length; a task that has no such setting is n/a.",
                "type": "array", "uniqueItems": true,
                "items": { "type": "object", "minProperties": 1, "additionalProperties": false, "properties": settings }
            }
        }
    })
}
