//! `evaluate`: what trained networks are judged on.

use serde_json::{Value, json};
use vocabulary::record::Variant;

use super::{SMALL, error, overrides, planned, try_plan};
use crate::experiment::{Asked, Overrides, Run};

fn resample(factor: f64) -> Asked {
    Asked { variant: Variant::Resample(factor), not_applicable: None }
}

fn settings(value: &Value) -> Asked {
    Asked { variant: Variant::Task(value.as_object().unwrap().clone()), not_applicable: None }
}

#[test]
fn every_run_is_judged_on_what_the_file_asks_for() {
    let plan = planned(&format!(
        "{SMALL}evaluate:\n  resample: [0.5, 1, 1/3]\n  tasks: [{{length: 32}}, {{length: 1e2, mode: hard}}]\n"
    ));
    let expected = [
        resample(0.5),
        resample(1.0),
        resample(1.0 / 3.0),
        settings(&json!({"length": 32})),
        settings(&json!({"length": 100, "mode": "hard"})),
    ];
    assert_eq!(plan.runs[0].evaluate, expected);
    assert_eq!(planned(SMALL).runs[0].evaluate, []);
    assert_eq!(planned(&format!("{SMALL}evaluate:\n")).runs[0].evaluate, []);
}

#[test]
fn rules_replace_the_lists_that_they_name() {
    let text = "tasks: [line, {name: line, label: long, length: 32}]\nbaselines: [net]\n\
                evaluate: {resample: [0.5], tasks: [{length: 8}]}\n\
                cells:\n- {when: {task: long}, evaluate: {tasks: [{length: 64}]}}\n- {when: {task: long, baseline: net}, evaluate: {resample: []}}\n";
    let asked = |run: &Run| run.evaluate.clone();
    let plan = planned(text);
    assert_eq!(asked(&plan.runs[0]), [resample(0.5), settings(&json!({"length": 8}))]);
    assert_eq!(asked(&plan.runs[1]), [settings(&json!({"length": 64}))]);
    // What is stored is the same experiment, and one without `evaluate` does not speak of it.
    let stored = planned(&serde_yaml::to_string(&plan.resolved).unwrap());
    assert_eq!(stored.runs.iter().map(asked).collect::<Vec<_>>(), plan.runs.iter().map(asked).collect::<Vec<_>>());
    assert!(planned(SMALL).resolved.get("evaluate").is_none());
    // The command line has the last word.
    let none = try_plan(text, &overrides(&["evaluate={}"])).unwrap();
    assert!(none.runs.iter().all(|run| run.evaluate.is_empty()));
    let given = try_plan(text, &overrides(&["evaluate={resample: [2]}"])).unwrap();
    assert!(given.runs.iter().all(|run| run.evaluate == [resample(2.0)]));
}

/// One experiment may ask for settings that some of its tasks have.
#[test]
fn a_task_without_the_setting_is_not_applicable() {
    let mut registry = super::registry();
    registry.tasks.push(datasets::registry::find("copy").unwrap());
    let text = "tasks: [line, copy]\nbaselines: [net]\nevaluate: {tasks: [{length: 8}, {delay: 9}]}\n";
    let file = crate::experiment::load::Text { name: "x.yaml", text: text.to_owned(), path: None };
    let plan = crate::experiment::load::plan(&file, "x", &Overrides::default(), &registry).unwrap();
    let reasons = |run: &Run| run.evaluate.iter().map(|asked| asked.not_applicable.clone()).collect::<Vec<_>>();
    assert_eq!(reasons(&plan.runs[0]), [None, Some("task `line` has no setting `delay`".to_owned())]);
    assert_eq!(reasons(&plan.runs[1]), [Some("task `copy` has no setting `length`".to_owned()), None]);
}

#[test]
fn what_cannot_be_evaluated_is_named_with_its_place() {
    insta::assert_snapshot!(error(&format!("{SMALL}evaluate: {{resampel: [1]}}\n")), @r"
    x.yaml:3:12: unknown key `resampel` in `evaluate`; did you mean `resample`?
      |
    3 | evaluate: {resampel: [1]}
      |            ^^^^^^^^
      = accepted keys: resample, tasks
    ");
    insta::assert_snapshot!(error(&format!("{SMALL}evaluate: {{resample: [1, 100]}}\n")), @r"
    x.yaml:3:26: the resolution `100`: must be from 1/64 to 64
      |
    3 | evaluate: {resample: [1, 100]}
      |                          ^^^
    ");
    insta::assert_snapshot!(error(&format!("{SMALL}evaluate: {{resample: [0.5, 1/2]}}\n")), @r"
    x.yaml:3:28: it stands twice under `resample`
      |
    3 | evaluate: {resample: [0.5, 1/2]}
      |                            ^^^
    ");
    insta::assert_snapshot!(error(&format!("{SMALL}evaluate: {{resample: 2}}\n")), @r"
    x.yaml:3:22: `resample` of `evaluate` must be a list; found number 2
      |
    3 | evaluate: {resample: 2}
      |                      ^
      = e.g. resample: [0.5, 1, 2]
    ");
    insta::assert_snapshot!(error(&format!("{SMALL}evaluate: {{tasks: [{{lenght: 32}}]}}\n")), @r"
    x.yaml:3:21: no task of the experiment has a field `lenght`; did you mean `length`?
      |
    3 | evaluate: {tasks: [{lenght: 32}]}
      |                     ^^^^^^
      = accepted fields: length, mode
    ");
    insta::assert_snapshot!(error(&format!("{SMALL}evaluate:\n  tasks:\n  - length: 32\n  - length: 0\n")), @r"
    x.yaml:6:13: `length` of task `line`: must be at least 1
      |
    6 |   - length: 0
      |             ^
      = with the settings under `evaluate`
    ");
    insta::assert_snapshot!(error(&format!("{SMALL}evaluate: {{tasks: [{{mode: hardest}}]}}\n")), @r"
    x.yaml:3:27: `mode` of task `line` cannot be `hardest`
      |
    3 | evaluate: {tasks: [{mode: hardest}]}
      |                           ^^^^^^^
      = accepted values: easy, hard
      = with the settings under `evaluate`
    ");
    insta::assert_snapshot!(error(&format!("{SMALL}evaluate: {{tasks: [{{name: image}}]}}\n")), @r"
    x.yaml:3:21: `name` is no setting of a task
      |
    3 | evaluate: {tasks: [{name: image}]}
      |                     ^^^^
      = these are settings laid over those of the task that a network was trained on; a rule under `cells`
        can give its own to a task
    ");
    insta::assert_snapshot!(error(&format!("{SMALL}cells:\n- when: {{task: line}}\n  evaluate: {{tasks: [{{}}]}}\n")), @r"
    x.yaml:5:22: no setting is changed
      |
    5 |   evaluate: {tasks: [{}]}
      |                      ^
      = e.g. {length: 512}
    ");
}
