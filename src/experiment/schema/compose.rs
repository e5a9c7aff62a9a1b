//! One JSON schema of experiment files, composed from the schemas of all tasks and baselines.

use schemars::{Schema, schema_for};
use serde_json::{Map, Value, json};

use super::SchemaPart;
use super::evaluate::evaluate;
use crate::experiment::raw::{BUDGET, MOST_TRIALS, VERSION};
use crate::experiment::search::{DIMENSIONS, Halving};
use crate::experiment::{Diagnosis, MAX_SOURCE, Scale, Training};
use crate::registry::Registry;

/// The schema (JSON Schema 2020-12) of experiment files over `registry`.
pub fn compose(registry: &Registry) -> Value {
    let mut definitions = Map::new();
    let training = adopt(&schema_for!(Training), "training", &mut definitions);
    definitions.insert("training".into(), training);
    let tasks = registry.tasks.iter().map(|entry| (entry.info.name, entry.info.summary, (entry.schema)()));
    let tasks = entries("task", tasks.collect(), &mut definitions);
    let baselines = registry.baselines.iter().map(|entry| (entry.info.name, entry.info.summary, (entry.schema)()));
    let baselines = entries("baseline", baselines.collect(), &mut definitions);
    let scale = adopt(&schema_for!(Scale), "scale", &mut definitions);
    definitions.insert("scale".into(), scale);
    let halving = adopt(&schema_for!(Halving), "halving", &mut definitions);
    definitions.insert("halving".into(), halving);
    let diagnosis = adopt(&schema_for!(Diagnosis), "diagnose", &mut definitions);
    definitions.insert("diagnose".into(), diagnosis);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Experiment of bench",
        "description": "Tasks × baselines × grid × seeds; run with `bench run FILE`.",
        "type": "object",
        "additionalProperties": false,
        // Included files may bring what is missing here, and have no tasks or baselines where others bring these.
        "anyOf": [{ "required": ["tasks", "baselines"] }, { "required": ["include"] }],
        "properties": {
            "version": { "description": "Version of the file format.", "const": VERSION },
            "name": { "description": "Name of the run folder; default: the file's name.", "type": ["string", "number"], "minimum": 0, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$" },
            "description": { "description": "What the experiment shows.", "type": ["string", "number"] },
            "include": {
                "description": "Files whose tasks, baselines, cells and training are taken over, relative to this one; what this one says comes after and wins.",
                "type": "array", "minItems": 1, "items": { "type": "string", "minLength": 1 }
            },
            "source": described_source(),
            "tuning": described_tuning(),
            "scale": { "$ref": "#/$defs/scale", "default": "paper" },
            "missing": { "description": "Without the data of a run: start nothing, or skip the run.", "enum": ["error", "skip"], "default": "error" },
            "seeds": { "description": "Every pair of task and baseline runs once per seed.", "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": u64::MAX }, "minItems": 1, "uniqueItems": true, "default": [0] },
            "diagnose": { "anyOf": [{ "$ref": "#/$defs/diagnose" }, { "type": "null" }] },
            "evaluate": evaluate(&settings("task", &tasks)),
            "tasks": { "type": "array", "minItems": 1, "items": { "oneOf": tasks } },
            "baselines": { "type": "array", "minItems": 1, "items": { "oneOf": baselines } },
            "exclude": {
                "description": "Pairs that are not run.",
                "type": "array",
                "minItems": 1,
                "items": when()
            },
            "training": training_or_nothing(),
            "grid": grid(&definitions, &tasks, &baselines),
            "search": search(&definitions, &baselines),
            "cells": cells(&tasks, &baselines)
        },
        "$defs": definitions,
    })
}

/// The schemas of the entries of `kind`: one per task or baseline of the registry, with its name, summary and settings, and
/// one for a name alone.
fn entries(
    kind: &str,
    registered: Vec<(&'static str, &'static str, Schema)>,
    definitions: &mut Map<String, Value>,
) -> Vec<Value> {
    let names: Vec<&str> = registered.iter().map(|(name, ..)| *name).collect();
    let settings = registered.iter().map(|(name, summary, schema)| named(name, summary, kind, schema, definitions));
    let mut all: Vec<Value> = settings.collect();
    all.push(json!({ "type": "string", "enum": names }));
    all
}

/// Where settings come from.
fn described_source() -> Value {
    json!({
        "description": "Where the settings come from; stands in the record of every run that has them, and in reports.",
        "type": ["string", "number"], "pattern": "\\S", "maxLength": MAX_SOURCE
    })
}

/// How settings were found.
fn described_tuning() -> Value {
    json!({
        "description": "How the settings were tuned; stands in the record of every run that has them, and in reports. The most particular one counts.",
        "type": ["string", "number"], "pattern": "\\S", "maxLength": MAX_SOURCE
    })
}

fn training_or_nothing() -> Value {
    json!({ "anyOf": [{ "$ref": "#/$defs/training" }, { "type": "null" }] })
}

/// Which pairs of task and baseline.
fn when() -> Value {
    let pattern = |what: &str| {
        let description =
            format!("Pattern (`*` any text, `?` one character) of the {what}'s label or name, or a list of them.");
        let one = json!({ "type": ["string", "number"] });
        let list = json!({ "type": "array", "minItems": 1, "items": one });
        json!({ "description": description, "anyOf": [one, list] })
    };
    json!({
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "properties": { "task": pattern("task"), "baseline": pattern("baseline") }
    })
}

/// The schema of `cells`.
fn cells(tasks: &[Value], baselines: &[Value]) -> Value {
    json!({
        "description": "Settings of particular pairs; later rules win.",
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["when"],
            "properties": {
                "when": when(),
                "source": described_source(),
                "tuning": described_tuning(),
                "training": training_or_nothing(),
                "task": settings_of("task", tasks),
                "baseline": settings_of("baseline", baselines),
                "evaluate": evaluate(&settings("task", tasks))
            }
        }
    })
}

/// Keys of an entry that are no settings of its task or baseline.
const OUTER: [&str; 3] = ["name", "label", "training"];

/// What each setting of any of `entries` (tasks or baselines) may be. Which of them an experiment has is not known here.
fn settings(kind: &str, entries: &[Value]) -> Map<String, Value> {
    let mut all: Map<String, Value> = Map::new();
    for (name, schema) in entries.iter().filter_map(|entry| entry.get("properties")?.as_object()).flatten() {
        // Of baselines, `source` and `tuning` are no settings.
        if OUTER.contains(&name.as_str()) || (kind == "baseline" && ["source", "tuning"].contains(&name.as_str())) {
            continue;
        }
        match all.get_mut(name).and_then(|found| found.get_mut("anyOf")).and_then(Value::as_array_mut) {
            Some(options) if options.contains(schema) => {}
            Some(options) => options.push(schema.clone()),
            None => _ = all.insert(name.clone(), json!({ "anyOf": [schema] })),
        }
    }
    all
}

/// The schema of `task` or `baseline` in a rule.
fn settings_of(kind: &str, entries: &[Value]) -> Value {
    json!({
        "description": format!("Settings of the {kind}."),
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": settings(kind, entries),
    })
}

/// The schema of `grid`.
fn grid(definitions: &Map<String, Value>, tasks: &[Value], baselines: &[Value]) -> Value {
    let training = definitions.get("training").and_then(|training| training.get("properties")?.as_object().cloned());
    let root = json!({ "$defs": definitions });
    let mut properties = Map::new();
    let mut patterns = Map::new();
    for (kind, settings) in [
        ("training", training.unwrap_or_default()),
        ("task", settings("task", tasks)),
        ("baseline", settings("baseline", baselines)),
    ] {
        for (name, schema) in settings {
            let is_mapping = SchemaPart::new(&root, [&schema]).may_be_mapping();
            let values = json!({ "type": "array", "minItems": 1, "uniqueItems": true, "items": schema });
            properties.insert(format!("{kind}.{name}"), values);
            if is_mapping {
                // A setting within a setting.
                let within = json!({ "type": "array", "minItems": 1, "uniqueItems": true });
                patterns.insert(format!("^{kind}\\.{name}\\..+$"), within);
            }
        }
    }
    json!({
        "description": "Values per field; every combination becomes a run. A field of no baseline or task in a pair is left out there.",
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": properties,
        "patternProperties": patterns,
    })
}

/// The schema of `search`.
fn search(definitions: &Map<String, Value>, baselines: &[Value]) -> Value {
    let training = definitions.get("training").and_then(|training| training.get("properties")?.as_object().cloned());
    let interval = json!({
        "description": "Numbers from `low` to `high`, both included.",
        "type": "object",
        "additionalProperties": false,
        "required": ["low", "high"],
        "properties": {
            "low": { "type": "number" },
            "high": { "type": "number" },
            "scale": { "description": "Whether numbers or their logarithms are spread evenly.", "enum": ["linear", "log"], "default": "linear" },
            "integer": { "description": "Whole numbers alone.", "type": "boolean", "default": false }
        }
    });
    let (mut properties, mut patterns) = (Map::new(), Map::new());
    for (kind, settings) in [("training", training.unwrap_or_default()), ("baseline", settings("baseline", baselines))]
    {
        for (name, schema) in settings {
            if kind == "training" && BUDGET.contains(&name.as_str()) {
                continue;
            }
            let choice = json!({ "type": "array", "minItems": 1, "uniqueItems": true, "items": schema });
            properties.insert(format!("{kind}.{name}"), json!({ "anyOf": [interval, choice] }));
        }
        let choice = json!({ "type": "array", "minItems": 1, "uniqueItems": true });
        patterns.insert(format!("^{kind}\\.[^.]+\\..+$"), json!({ "anyOf": [interval, choice] }));
    }
    json!({
        "description": "Settings that are chosen on validation: every pair of task and baseline has so many trials, whose values are drawn from ranges. A field that a baseline has not is left out there. Not beside `grid`.",
        "type": "object",
        "additionalProperties": false,
        "required": ["trials", "ranges"],
        "properties": {
            "method": { "description": "Scrambled Sobol points, evenly spread; or independent uniform ones.", "enum": ["sobol", "random"], "default": "sobol" },
            "seed": { "description": "Seed of the points; the runs have their own.", "type": "integer", "minimum": 0, "maximum": u64::MAX, "default": 0 },
            "trials": { "description": "Trials of every pair of task and baseline.", "type": "integer", "minimum": 2, "maximum": MOST_TRIALS },
            "ranges": {
                "description": "Both ends, or a list of values, per field.",
                "type": "object", "minProperties": 1, "maxProperties": DIMENSIONS,
                "additionalProperties": false,
                "properties": properties,
                "patternProperties": patterns,
            },
            "halving": { "anyOf": [{ "$ref": "#/$defs/halving" }, { "type": "null" }] }
        }
    })
}

/// Say the largest value of unsigned integers, which their `format` alone does not.
fn bound(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let most = match map.get("format").and_then(Value::as_str) {
                Some("uint32") => Some(u64::from(u32::MAX)),
                Some("uint" | "uint64") => Some(u64::MAX),
                _ => None,
            };
            if let Some(most) = most {
                map.entry("maximum").or_insert_with(|| most.into());
            }
            map.values_mut().for_each(bound);
        }
        Value::Array(items) => items.iter_mut().for_each(bound),
        _ => {}
    }
}

/// The schema of one task or baseline entry.
fn named(name: &str, summary: &str, kind: &str, schema: &Schema, definitions: &mut Map<String, Value>) -> Value {
    let Value::Object(mut map) = adopt(schema, &format!("{kind}.{name}"), definitions) else {
        return Value::Bool(true);
    };
    let mut properties = Map::new();
    properties.insert("name".into(), json!({ "const": name, "description": summary }));
    properties.insert(
        "label".into(),
        json!({
            "description": "Label in tables and folder names; default: made from the settings.",
            "type": ["string", "integer"],
            "minimum": 0,
            "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"
        }),
    );
    if let Some(Value::Object(own)) = map.remove("properties") {
        properties.extend(own);
    }
    properties.insert("training".into(), training_or_nothing());
    if kind == "baseline" {
        // Some tasks have a setting of this name.
        properties.insert(
            "source".into(),
            json!({ "type": ["string", "number"], "pattern": "\\S", "maxLength": MAX_SOURCE }),
        );
        properties.insert("tuning".into(), described_tuning());
    }
    map.insert("type".into(), "object".into());
    map.insert("title".into(), name.into());
    map.insert("description".into(), summary.into());
    map.insert("properties".into(), Value::Object(properties));
    // Other settings may come from a grid or a rule.
    map.insert("required".into(), json!(["name"]));
    Value::Object(map)
}

/// `schema` with its definitions moved to `definitions` under names that begin with `prefix`.
fn adopt(schema: &Schema, prefix: &str, definitions: &mut Map<String, Value>) -> Value {
    let mut value = schema.as_value().clone();
    redirect(&mut value, prefix);
    bound(&mut value);
    if let Value::Object(map) = &mut value {
        map.remove("$schema");
        if let Some(Value::Object(own)) = map.remove("$defs") {
            definitions.extend(own.into_iter().map(|(name, schema)| (format!("{prefix}.{name}"), schema)));
        }
    }
    value
}

fn redirect(value: &mut Value, prefix: &str) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(target) if key == "$ref" => {
                        if let Some(name) = target.strip_prefix("#/$defs/") {
                            *target = format!("#/$defs/{prefix}.{name}");
                        }
                    }
                    other => redirect(other, prefix),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(item, prefix)),
        _ => {}
    }
}
