//! Runs that begin with the weights of other runs.

use super::{error, planned};

const STAGES: &str = "\
tasks: [{name: line, label: short}, {name: line, label: long, length: 32}, {name: line, label: longest, length: 64}]
baselines: [net, {name: wide, label: w}]
seeds: [3, 4]
grid: {training.learning_rate: [0.1, 0.01]}
cells:
  - when: {task: longest}
    training: {initial_task: long}
  - when: {task: long, baseline: net}
    training: {initial_task: short}
";

#[test]
fn a_stage_begins_with_the_run_of_its_baseline_grid_and_seed() {
    let plan = planned(STAGES);
    let after = |id: &str| plan.runs.iter().find(|run| run.id == id).unwrap().after.clone();
    assert_eq!(after("short.net-2-8.learning_rate-0.1.s3"), None);
    let first = |id: &str| after(id).unwrap();
    assert_eq!(first("long.net-2-8.learning_rate-0.1.s3"), "short.net-2-8.learning_rate-0.1.s3");
    assert_eq!(first("longest.net-2-8.learning_rate-0.01.s4"), "long.net-2-8.learning_rate-0.01.s4");
    assert_eq!(after("long.w.learning_rate-0.1.s3"), None);
    assert_eq!(first("longest.w.learning_rate-0.1.s3"), "long.w.learning_rate-0.1.s3");
    // A scale is part of the names.
    let small = super::try_plan(STAGES, &super::overrides(&["scale=smoke"])).unwrap();
    assert_eq!(small.runs.last().unwrap().after.as_deref(), Some("long.w.learning_rate-0.01.smoke.s3"));
}

#[test]
fn a_stage_without_a_first_one_is_refused_where_it_is_written() {
    insta::assert_snapshot!(error(&STAGES.replace("initial_task: long}", "initial_task: lang}")), @r"
    x.yaml:7:30: `initial_task` names no task of the experiment: `lang`; did you mean `long`?
      |
    7 |     training: {initial_task: lang}
      |                              ^^^^
      = accepted tasks: short, long, longest
    ");
    insta::assert_snapshot!(error(&STAGES.replace("seeds: [3, 4]", "exclude: [{task: long, baseline: w}]")), @r"
    x.yaml:7:30: `w` on `longest` would begin with its weights on `long`, which it has none on
      |
    7 |     training: {initial_task: long}
      |                              ^^^^
      = `exclude` leaves that run out, or the grid varies it otherwise
    ");
    let set = super::try_plan(STAGES, &super::overrides(&["training.initial_task=short"]));
    insta::assert_snapshot!(set.map(|plan| plan.runs.len()).unwrap_err(), @r"
    --set training.initial_task=short: `short.net-2-8.learning_rate-0.1.s3` would begin with its own weights
     |
     | training.initial_task=short
     |                       ^^^^^
      = short.net-2-8.learning_rate-0.1.s3 begins with short.net-2-8.learning_rate-0.1.s3
    ");
    let both = STAGES.replace("initial_task: short", "initial_task: short, initial_weights: a.safetensors");
    insta::assert_snapshot!(error(&both), @r"
    x.yaml:9:30: `initial_task` of training: names a task, and `initial_weights` a file; keep one of them
      |
    9 |     training: {initial_task: short, initial_weights: a.safetensors}
      |                              ^^^^^
    ");
    insta::assert_snapshot!(error(&STAGES.replace("task: longest}", "task: short}")), @r"
    x.yaml:7:30: `short.net-2-8.learning_rate-0.1.s3` would begin with its own weights
      |
    7 |     training: {initial_task: long}
      |                              ^^^^
      = short.net-2-8.learning_rate-0.1.s3 begins with long.net-2-8.learning_rate-0.1.s3 begins with
        short.net-2-8.learning_rate-0.1.s3
    ");
}
