//! An experiment file of some of the runs of a plan.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::experiment::plan::MAX_SOURCE;
use crate::experiment::raw::{MAX_NAME, matches};
use crate::experiment::search::Trial;
use crate::experiment::{Plan, Run};

/// A trial that was chosen, and what is to be said of how its settings were tuned.
pub struct Choice<'a> {
    /// A run of it.
    pub run: &'a Run,
    /// How many trials it was chosen among.
    pub trials: usize,
}

/// The name of the experiment that [`chosen`] makes of one that is called `name`.
fn chosen_name(name: &str) -> String {
    const ENDING: &str = "-selected";
    let kept: String = name.chars().take(MAX_NAME - ENDING.len()).collect();
    format!("{kept}{ENDING}")
}

/// `plan` with the one trial per pair of task and baseline that stands in `choices`, without a search: itself an experiment file.
/// The values of a trial are a rule for its pair, after all others.
pub fn chosen(plan: &Plan, choices: &[Choice<'_>]) -> Value {
    let trials: Vec<(&Choice<'_>, &Trial)> = choices.iter().filter_map(|c| Some((c, c.run.trial.as_ref()?))).collect();
    // Of entries, by their index.
    let labels: [BTreeMap<usize, &str>; 2] =
        [0, 1].map(|kind| trials.iter().map(|(_, trial)| (trial.entries[kind], trial.labels[kind].as_str())).collect());
    let Value::Object(resolved) = &plan.resolved else { return Value::Null };
    let mut map = Map::new();
    for (key, value) in resolved {
        match key.as_str() {
            "search" | "exclude" | "cells" => {}
            "name" => _ = map.insert(key.clone(), chosen_name(&plan.name).into()),
            "description" => {
                let told = format!("The best trial of every pair of `{}`, chosen on validation.", plan.name);
                let described = format!("{told} {}", plan.description);
                map.insert(key.clone(), described.trim_end().into());
            }
            "tasks" => _ = map.insert(key.clone(), entries(value, &labels[0])),
            "baselines" => _ = map.insert(key.clone(), entries(value, &labels[1])),
            _ => _ = map.insert(key.clone(), value.clone()),
        }
    }
    let excluded = excluded(&trials, &labels);
    if !excluded.is_empty() {
        map.insert("exclude".into(), excluded.into());
    }
    let names = |key: &str| names(resolved, key);
    let (tasks, baselines) = (names("tasks"), names("baselines"));
    let met = |rule: &&Value| {
        let word = |names: &[String], trial: &Trial, kind: usize| {
            [trial.labels[kind].clone(), names.get(trial.entries[kind]).cloned().unwrap_or_default()]
        };
        trials.iter().any(|(_, trial)| is_met(&rule["when"], &word(&tasks, trial, 0), &word(&baselines, trial, 1)))
    };
    let before = resolved.get("cells").and_then(Value::as_array).into_iter().flatten().filter(met).cloned();
    let mut own: Vec<(bool, Value)> =
        trials.iter().map(|(choice, trial)| rule(choice, trial, &tasks, &baselines)).collect();
    // A label that is the name of other entries matches those too: their rules come after and win.
    own.sort_by_key(|(wide, _)| !wide);
    map.insert("cells".into(), before.chain(own.into_iter().map(|(_, rule)| rule)).collect());
    Value::Object(map)
}

/// The entries that have a label, with it.
fn entries(value: &Value, labels: &BTreeMap<usize, &str>) -> Value {
    let all = value.as_array().map_or(&[][..], Vec::as_slice);
    let labelled = |(index, label): (&usize, &&str)| {
        let Some(Value::Object(entry)) = all.get(*index) else { return Value::Null };
        let name = entry.get("name").cloned().unwrap_or_default();
        let mut map = Map::from_iter([("name".to_owned(), name), ("label".to_owned(), (*label).into())]);
        map.extend(
            entry.iter().filter(|(key, _)| *key != "name" && *key != "label").map(|(k, v)| (k.clone(), v.clone())),
        );
        Value::Object(map)
    };
    labels.iter().map(labelled).collect()
}

/// Pairs of the remaining entries of which no trial was chosen.
fn excluded(trials: &[(&Choice<'_>, &Trial)], [tasks, baselines]: &[BTreeMap<usize, &str>; 2]) -> Vec<Value> {
    let all = tasks.iter().flat_map(|task| baselines.iter().map(move |baseline| (task, baseline)));
    let left =
        all.filter(|((task, _), (baseline, _))| !trials.iter().any(|(_, trial)| trial.entries == [**task, **baseline]));
    left.map(|((_, task), (_, baseline))| json!({ "task": task, "baseline": baseline })).collect()
}

fn names(resolved: &Map<String, Value>, key: &str) -> Vec<String> {
    let entries = resolved.get(key).and_then(Value::as_array).into_iter().flatten();
    entries.map(|entry| entry["name"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Whether the pattern `when` of a rule means the pair with these labels and names.
fn is_met(when: &Value, task: &[String], baseline: &[String]) -> bool {
    let fits = |patterns: &Value, words: &[String]| match patterns {
        Value::Array(several) => several.iter().filter_map(Value::as_str).any(|pattern| matches(pattern, words)),
        Value::String(pattern) => matches(pattern, words),
        _ => true,
    };
    fits(&when["task"], task) && fits(&when["baseline"], baseline)
}

/// The rule with the values of a trial, and whether it may match other pairs, too.
fn rule(choice: &Choice<'_>, trial: &Trial, tasks: &[String], baselines: &[String]) -> (bool, Value) {
    let [task, baseline] = &trial.labels;
    let other = |names: &[String], own: usize, label: &str| {
        names.iter().enumerate().any(|(index, name)| index != own && name == label)
    };
    let wide = other(tasks, trial.entries[0], task) || other(baselines, trial.entries[1], baseline);
    let mut map = Map::new();
    map.insert("when".into(), json!({ "task": task, "baseline": baseline }));
    map.insert("tuning".into(), tuning(choice).into());
    for (field, value) in &choice.run.grid {
        let mut path = field.split('.').peekable();
        let mut place = &mut map;
        while let Some(key) = path.next() {
            if path.peek().is_none() {
                place.insert(key.to_owned(), value.clone());
                break;
            }
            let inner = place.entry(key).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = inner else { break };
            place = inner;
        }
    }
    (wide, Value::Object(map))
}

/// How the settings of a trial were tuned, in as many characters as a file may have.
fn tuning(choice: &Choice<'_>) -> String {
    let chosen = match choice.trials {
        1 => String::new(),
        trials => format!("; best of {trials} trials on validation"),
    };
    let said = choice.run.tuning.as_deref().unwrap_or_default();
    let whole = format!("{said}{chosen}");
    if whole.chars().count() <= MAX_SOURCE {
        return whole;
    }
    // What the search did stands last.
    let tried = said.rsplit("; ").next().unwrap_or(said);
    format!("{tried}{chosen}")
}
