//! What a file expands to.

use datasets::SplitSizes;
use serde_json::json;

use super::{SMALL, error, ids, overrides, planned, try_plan};
use crate::experiment::{Overrides, Plan, Scale};

#[test]
fn the_smallest_file_has_every_default() {
    let plan = planned(SMALL);
    assert_eq!(plan.name, "x");
    assert_eq!(ids(&plan), ["line16.net-2-8.s0"]);
    let run = &plan.runs[0];
    assert_eq!(run.task.config, json!({ "length": 16, "mode": "easy" }));
    assert_eq!(run.baseline.config["kernel"], json!({ "omega_0": 30.0, "layers": 3 }));
    assert_eq!(run.training, crate::experiment::Training::default());
    assert!(run.parameters.unwrap() > 100);
    assert_eq!(run.not_applicable, None);
}

#[test]
fn expansion_is_tasks_times_baselines_times_grid_times_seeds() {
    let plan = planned(
        "tasks: [line, {name: line, length: 32}]\nbaselines: [net, {name: wide, label: w}]\nseeds: [0, 1, 5]\n\
         grid: {training.learning_rate: [0.1, 0.01], baseline.kernel.omega_0: [1, 2.5], task.mode: [easy, hard]}\n",
    );
    assert_eq!(plan.runs.len(), 2 * 2 * 2 * 2 * 2 * 3);
    assert_eq!(plan.runs[0].id, "line16.net-2-8.omega_0-1.mode-easy.learning_rate-0.1.s0");
    let last = plan.runs.last().unwrap();
    assert_eq!(last.id, "line32-hard.w.omega_0-2.5.mode-hard.learning_rate-0.01.s5");
    assert_eq!(last.grid["baseline.kernel.omega_0"], json!(2.5));
    assert_eq!(last.baseline.config["kernel"]["omega_0"], json!(2.5));
    assert_eq!(last.training.learning_rate, 0.01);
    assert!(plan.runs.iter().all(|run| run.id.len() <= 120));
}

#[test]
fn a_grid_over_lists_and_mappings_has_short_ids() {
    let plan = planned(
        "tasks: [line]\nbaselines: [net]\ngrid: {baseline.sizes: [[1, 2], [3]], baseline.kernel: [{layers: 1}, {layers: 2}]}\n",
    );
    assert_eq!(plan.runs.len(), 4);
    assert!(plan.runs[0].id.contains(".sizes-1+2.") && plan.runs[3].id.contains(".sizes-3."), "{:?}", ids(&plan));
}

#[test]
fn later_settings_win_in_the_documented_order() {
    let text = |upto: usize| {
        let parts = [
            "training: {epochs: 2}\n",
            "tasks: [{name: line, training: {epochs: 3}}]\n",
            "baselines: [{name: net, training: {epochs: 4}}]\n",
            "cells: [{when: {task: 'line*'}, training: {epochs: 5}}, {when: {baseline: net}, training: {epochs: 6}}]\n",
            "grid: {training.epochs: [7]}\n",
        ];
        let mut text: String = parts[..upto].concat();
        if upto < 2 {
            text.push_str("tasks: [line]\n");
        }
        if upto < 3 {
            text.push_str("baselines: [net]\n");
        }
        text
    };
    let epochs: Vec<u32> = (0..=5).map(|upto| planned(&text(upto)).runs[0].training.epochs).collect();
    assert_eq!(epochs, [10, 2, 3, 4, 6, 7]);
    let set = try_plan(&text(5), &overrides(&["training.epochs=8"])).unwrap();
    assert_eq!(set.runs[0].training.epochs, 8);
    assert_eq!(ids(&set), ["line16.net-2-8.s0"]);
}

#[test]
fn set_reaches_every_entry_that_has_the_field() {
    let text = "tasks: [line, image]\nbaselines: [{name: net, hidden: 4}, {name: wide, label: w}]\n";
    let plan = try_plan(
        text,
        &overrides(&[
            "baseline.hidden=32",
            "baseline.sizes=[7, 8, 9]",
            "training.betas=[0.8, 0.95]",
            "seeds=[3, 4]",
            "name=other",
        ]),
    )
    .unwrap();
    assert_eq!(plan.name, "other");
    assert_eq!(plan.runs.len(), 8);
    for run in &plan.runs {
        assert_eq!(run.baseline.config["hidden"], 32);
        assert_eq!(run.baseline.config["sizes"], json!([7, 8, 9]));
        assert_eq!(run.training.betas, [0.8, 0.95]);
    }
    let null = try_plan(SMALL, &overrides(&["training.early_stopping=5", "training.early_stopping="])).unwrap();
    assert_eq!(null.runs[0].training.early_stopping, None);
}

#[test]
fn rules_refer_to_labels_before_set() {
    let text = "tasks: [line]\nbaselines: [net]\ncells: [{when: {baseline: net-2-8}, training: {epochs: 3}}]\n";
    let plan = try_plan(text, &overrides(&["baseline.hidden=16"])).unwrap();
    assert_eq!(plan.runs[0].baseline.label, "net-2-16");
    assert_eq!(plan.runs[0].training.epochs, 3);
}

#[test]
fn rules_change_tasks_and_baselines_too() {
    let text = "tasks: [line, {name: line, length: 64}]\nbaselines: [net]\n\
                cells: [{when: {task: line64}, baseline: {kernel: {layers: 9}}, task: {mode: hard}}]\n";
    let plan = planned(text);
    assert_eq!(plan.runs[0].baseline.config["kernel"], json!({ "omega_0": 30.0, "layers": 3 }));
    assert_eq!(plan.runs[1].baseline.config["kernel"], json!({ "omega_0": 30.0, "layers": 9 }));
    assert_eq!(plan.runs[1].task.label, "line64-hard");
}

#[test]
fn only_and_seeds_choose_runs() {
    let text = "tasks: [line, {name: line, length: 64}]\nbaselines: [net, {name: wide, label: w}]\n";
    let only =
        |only: &str| try_plan(text, &Overrides { only: Some(only.into()), seeds: Some("4,2".into()), set: vec![] });
    let ids = |plan: Plan| plan.runs.into_iter().map(|run| run.id).collect::<Vec<_>>();
    assert_eq!(ids(only("task=line6*,baseline=w").unwrap()), ["line64.w.s4", "line64.w.s2"]);
    assert_eq!(ids(only("baseline=wide").unwrap()).len(), 4);
    insta::assert_snapshot!(only("task=lin64").unwrap_err(), @r"
    --only task=lin64: no task matches `lin64`; did you mean `line64`?
     |
     | task=lin64
     | ^^^^^^^^^^
      = accepted tasks: line16, line64
      = patterns may hold `*` and `?`
    ");
    insta::assert_snapshot!(only("model=w").unwrap_err(), @r"
    --only model=w: unknown key `model`
     |
     | model=w
     | ^^^^^^^
      = accepted keys: task, baseline
      = e.g. --only 'task=pathfinder*,baseline=ccnn*'
    ");
}

#[test]
fn a_pair_of_different_ranks_is_not_applicable() {
    let plan = planned("tasks: [line, image]\nbaselines: [net]\n");
    assert_eq!(plan.runs[0].not_applicable, None);
    assert_eq!(plan.runs[1].not_applicable.as_deref(), Some("takes sequences (1D), not images (2D)"));
    assert_eq!(plan.runs[1].parameters, None);
}

#[test]
fn the_resolved_experiment_is_an_experiment_of_the_same_runs() {
    let text = "name: again\ndescription: About.\nmissing: skip\nseeds: [0, 3]\n\
        tasks: [{name: line, length: 32, training: {epochs: 3}}]\nbaselines: [{name: net, hidden: 4}, {name: wide, label: w}]\n\
        training: {batch_size: 7, max_time: 15m}\ngrid: {baseline.kernel.layers: [1, 2]}\n\
        cells: [{when: {baseline: w}, training: {optimiser: adam}}]\n";
    let first = try_plan(text, &overrides(&["training.epochs=4", "baseline.dropout=0.5"])).unwrap();
    let second = planned(&serde_yaml::to_string(&first.resolved).unwrap());
    assert_eq!(first.resolved, second.resolved);
    assert_eq!(ids(&first), ids(&second));
    for (a, b) in first.runs.iter().zip(&second.runs) {
        assert_eq!(
            (&a.training, &a.baseline.config, &a.task.config),
            (&b.training, &b.baseline.config, &b.task.config)
        );
        assert_eq!(a.training.epochs, 4);
    }
}

#[test]
fn a_huge_expansion_is_refused_at_once() {
    let many: Vec<String> = (1..=400).map(|n| n.to_string()).collect();
    let many = many.join(", ");
    let text = format!(
        "tasks: [line]\nbaselines: [net]\ngrid:\n  training.epochs: [{many}]\n  training.batch_size: [{many}]\n"
    );
    let message = error(&text);
    assert!(message.contains("160000") && message.contains("100000"), "{message}");
}

#[test]
fn long_grids_keep_ids_short_and_distinct() {
    let long = "x".repeat(40);
    let text = format!(
        "tasks: [{{name: line, label: {long}}}]\nbaselines: [{{name: net, label: {long}}}]\n\
         grid: {{training.min_learning_rate: [0.0001, 0.0002], training.plateau_factor: [0.123456789, 0.2], baseline.kernel.omega_0: [1, 2]}}\n"
    );
    let plan = planned(&text);
    assert_eq!(plan.runs.len(), 8);
    assert!(plan.runs.iter().all(|run| run.id.len() <= 120 && run.id.contains(".grid-")));
}

#[test]
fn a_scale_cuts_samples_and_training_and_names_the_folder() {
    let text =
        "tasks: [line]\nbaselines: [net]\nseeds: [4, 5]\ntraining: {epochs: 50, batch_size: 16, warmup_epochs: 5}\n";
    let paper = planned(text);
    assert_eq!((paper.scale, ids(&paper)), (Scale::Paper, vec!["line16.net-2-8.s4", "line16.net-2-8.s5"]));
    assert_eq!(paper.resolved["scale"], "paper");
    let smoke = try_plan(text, &overrides(&["scale=smoke"])).unwrap();
    assert_eq!(ids(&smoke), ["line16.net-2-8.smoke.s4"]);
    let run = &smoke.runs[0];
    assert_eq!(run.scale, Scale::Smoke);
    assert_eq!(run.task.task.spec().splits, SplitSizes { train: 20, validation: 10, test: 10 });
    assert_eq!((run.training.batch_size, run.training.max_steps), (4, Some(5)));
    // The model and the input are those of the recipe.
    assert_eq!(run.parameters, paper.runs[0].parameters);
    assert_eq!(run.task.task.spec().input, paper.runs[0].task.task.spec().input);
    assert_eq!(run.baseline.config, paper.runs[0].baseline.config);

    let seeds = Overrides { seeds: Some("7,8".into()), ..overrides(&["scale=laptop"]) };
    assert_eq!(ids(&try_plan(text, &seeds).unwrap()), ["line16.net-2-8.laptop.s7", "line16.net-2-8.laptop.s8"]);
    let set = try_plan(text, &overrides(&["scale=smoke", "seeds=[1, 2]"])).unwrap();
    assert_eq!(set.runs.len(), 2);

    // Written out and read again, it is the same plan.
    let again = planned(&serde_yaml::to_string(&smoke.resolved).unwrap());
    assert_eq!((ids(&again), again.runs[0].training.clone()), (ids(&smoke), run.training.clone()));
    assert_eq!(again.resolved, smoke.resolved);
}

#[test]
fn sources_are_collected_in_the_order_of_application() {
    let text = "source: the whole\ntasks: [line, {name: line, length: 32}]\nbaselines: [{name: net, source: the net}, wide]\n\
                cells:\n- {when: {task: line32}, source: the length, training: {epochs: 3}}\n\
                - {when: {task: line*}, source: the whole, training: {batch_size: 3}}\n";
    let text = text.replace(
        "baselines: [{name: net, source: the net}, wide]",
        "baselines: [{name: net, source: the net}, {name: wide, label: w}]",
    );
    let sources = |plan: &Plan| plan.runs.iter().map(|run| run.sources.join("; ")).collect::<Vec<_>>();
    let plan = planned(&text);
    assert_eq!(
        sources(&plan),
        ["the whole; the net", "the whole", "the whole; the net; the length", "the whole; the length"]
    );
    let again = planned(&serde_yaml::to_string(&plan.resolved).unwrap());
    assert_eq!(sources(&again), sources(&plan));
    // What the command line has changed is no longer what the source says.
    let set = try_plan(&text, &overrides(&["training.epochs=4", "seeds=[1]"])).unwrap();
    assert_eq!(set.runs[1].sources, ["the whole; changed on the command line: training.epochs", "the whole"]);
    let unsourced = try_plan(SMALL, &overrides(&["training.epochs=4"])).unwrap();
    assert_eq!(unsourced.runs[0].sources, Vec::<String>::new());
}

#[test]
fn excluded_pairs_are_no_runs() {
    let text = "tasks: [line, {name: line, length: 32}, {name: line, length: 64}]\nbaselines: [net, {name: wide, label: w}]\n\
                exclude: [{task: [line16, line64], baseline: w}, {task: line32, baseline: net*}]\n";
    let plan = planned(text);
    assert_eq!(ids(&plan), ["line16.net-2-8.s0", "line32.w.s0", "line64.net-2-8.s0"]);
    assert_eq!(ids(&planned(&serde_yaml::to_string(&plan.resolved).unwrap())), ids(&plan));
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\nexclude: [{task: image}]\n"), @r"
    x.yaml:3:12: this rule matches no pair of task and baseline
      |
    3 | exclude: [{task: image}]
      |            ^^^^
      = accepted tasks: line16
      = accepted baselines: net-2-8
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\nexclude: [{task: line}]\n"), @r"
    x.yaml:3:12: `exclude` leaves no pair of task and baseline
      |
    3 | exclude: [{task: line}]
      |            ^^^^
    ");
}
