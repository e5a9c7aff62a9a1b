//! The resolved experiment as a file of its own.

use serde_json::{Map, Value, json};

use super::registered::Registered;
use crate::experiment::raw::{PairPattern, PairSettings, RawEntry, RawExperiment, RawSearch, Target, VERSION};
use crate::experiment::search::Range;
use crate::experiment::{Content, Node, Training};

/// The experiment with `--set` applied and every default written out: itself an experiment file of the same runs.
///
/// The settings of an entry that a grid or a rule changes stay as they are written: a default may follow from another
/// setting (the contour length of Pathfinder from its difficulty), and written out it would no longer follow.
pub(super) fn experiment(raw: &RawExperiment, name: &str, registered: &Registered) -> Value {
    let tasks = raw.tasks.iter().zip(&registered.tasks);
    let tasks = tasks.map(|(task, kind)| entry(raw, task, Target::Task, &|settings| (kind.resolve)(settings).ok()));
    let baselines = raw
        .baselines
        .iter()
        .zip(&registered.baselines)
        .map(|(baseline, kind)| entry(raw, baseline, Target::Baseline, &|settings| (kind.resolve)(settings).ok()));
    let mut map = Map::new();
    map.insert("version".into(), VERSION.into());
    map.insert("name".into(), name.into());
    map.insert("description".into(), raw.description.clone().into());
    map.extend(optional_text("source", raw.source.as_ref()));
    map.extend(optional_text("tuning", raw.tuning.as_ref()));
    map.insert("scale".into(), json!(raw.scale));
    map.insert("missing".into(), json!(raw.missing));
    map.insert("seeds".into(), json!(raw.seeds));
    map.extend(raw.diagnosis.as_ref().map(|diagnosis| ("diagnose".to_owned(), json!(diagnosis))));
    map.extend(evaluate(&raw.evaluate));
    map.insert("tasks".into(), tasks.collect());
    map.insert("baselines".into(), baselines.collect());
    if !raw.exclude.is_empty() {
        map.insert("exclude".into(), raw.exclude.iter().map(pattern).collect());
    }
    map.insert("training".into(), training(&raw.training));
    if !raw.grid.is_empty() {
        let axes = raw.grid.iter();
        let axes = axes.map(|axis| (axis.field.text(), axis.values.iter().map(Node::to_json).collect()));
        map.insert("grid".into(), Value::Object(axes.collect()));
    }
    map.extend(raw.search.as_ref().map(|found| ("search".to_owned(), search(found))));
    if !raw.pair_settings.is_empty() {
        map.insert("cells".into(), raw.pair_settings.iter().map(pair_settings).collect());
    }
    Value::Object(map)
}

/// Whether a grid, a search or a rule changes settings of `target`.
fn is_varied(raw: &RawExperiment, target: Target) -> bool {
    let settings = raw.pair_settings.iter().flat_map(|particular| &particular.settings);
    let mut ranges = raw.search.iter().flat_map(|search| &search.ranges);
    raw.grid.iter().any(|axis| axis.field.target == target)
        || ranges.any(|range| range.field.target == target)
        || settings.into_iter().any(|(of, tree)| *of == target && !tree.pairs().is_empty())
}

fn entry(raw: &RawExperiment, entry: &RawEntry, target: Target, resolve: &dyn Fn(&Value) -> Option<Value>) -> Value {
    let settings = entry.settings.to_settings();
    let config = if is_varied(raw, target) { None } else { resolve(&settings) };
    let mut map = Map::new();
    map.insert("name".into(), entry.name.clone().into());
    map.extend(entry.label.iter().map(|(label, _)| ("label".to_owned(), label.clone().into())));
    map.extend(optional_text("source", entry.source.as_ref()));
    map.extend(optional_text("tuning", entry.tuning.as_ref()));
    if let Value::Object(config) = config.unwrap_or(settings) {
        map.extend(config);
    }
    if !entry.training.pairs().is_empty() {
        map.insert("training".into(), entry.training.to_json());
    }
    Value::Object(map)
}

fn search(raw: &RawSearch) -> Value {
    let range = |range: &Range| match range {
        Range::Choice(values) => values.iter().map(Node::to_json).collect(),
        Range::Interval { low, high, log, integer } => {
            json!({ "low": low, "high": high, "scale": if *log { "log" } else { "linear" }, "integer": integer })
        }
    };
    let ranges: Map<String, Value> = raw.ranges.iter().map(|found| (found.field.text(), range(&found.range))).collect();
    let mut map = Map::new();
    map.insert("method".into(), json!(raw.search.method));
    map.insert("seed".into(), raw.search.seed.into());
    map.insert("trials".into(), raw.search.trials.into());
    map.insert("ranges".into(), Value::Object(ranges));
    map.extend(raw.search.halving.map(|halving| ("halving".to_owned(), json!(halving))));
    Value::Object(map)
}

/// `source` or `tuning`, where there is one.
fn optional_text(key: &str, text: Option<&String>) -> Option<(String, Value)> {
    text.map(|text| (key.to_owned(), text.clone().into()))
}

/// The training settings of the file with every default; as written where they do not hold without others.
fn training(tree: &Node) -> Value {
    let full: Option<Training> = serde_json::from_value(tree.to_settings()).ok();
    full.and_then(|training| serde_json::to_value(training).ok()).unwrap_or_else(|| tree.to_json())
}

/// `evaluate`, where it asks for something or takes something back.
fn evaluate(tree: &Node) -> Option<(String, Value)> {
    (!tree.pairs().is_empty()).then(|| ("evaluate".to_owned(), tree.to_json()))
}

fn pattern(pattern: &PairPattern) -> Value {
    let mut pairs = Map::new();
    for (key, patterns) in [("task", &pattern.task), ("baseline", &pattern.baseline)] {
        match patterns.as_slice() {
            [] => {}
            [one] => _ = pairs.insert(key.to_owned(), one.clone().into()),
            several => _ = pairs.insert(key.to_owned(), several.into()),
        }
    }
    Value::Object(pairs)
}

fn pair_settings(particular: &PairSettings) -> Value {
    let mut map = Map::from_iter([("when".to_owned(), pattern(&particular.when))]);
    map.extend(optional_text("source", particular.source.as_ref()));
    map.extend(optional_text("tuning", particular.tuning.as_ref()));
    for (target, tree) in &particular.settings {
        if matches!(&tree.content, Content::Map(pairs) if !pairs.is_empty()) {
            map.insert(target.name().into(), tree.to_json());
        }
    }
    map.extend(evaluate(&particular.evaluate));
    Value::Object(map)
}
