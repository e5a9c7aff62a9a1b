//! Experiment files against a registry of small made-up tasks and baselines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use baselines::{BuildError, InputSpec, Model, OutputSpec};
use datasets::{ConfigError, DataError, Dataset, Library, Metric, Progress, SplitSizes, Task, TaskSpec};
use proptest::prelude::*;
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::load::plan;
use super::schema::compose;
use super::{Overrides, Plan, Scale};
use crate::registry::Registry;

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct LineConfig {
    length: usize,
    mode: Mode,
}

#[derive(Serialize, Deserialize, JsonSchema, PartialEq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Easy,
    Hard,
}

impl Default for LineConfig {
    fn default() -> Self {
        Self { length: 16, mode: Mode::Easy }
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct NetConfig {
    hidden: usize,
    blocks: usize,
    kernel: KernelConfig,
    dropout: f64,
    sizes: Vec<usize>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct KernelConfig {
    omega_0: f64,
    layers: usize,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self { hidden: 8, blocks: 2, kernel: KernelConfig::default(), dropout: 0.0, sizes: vec![1, 2] }
    }
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self { omega_0: 30.0, layers: 3 }
    }
}

struct Line(TaskSpec);

impl Task for Line {
    fn spec(&self) -> &TaskSpec {
        &self.0
    }

    fn prepare(&self, _library: &Library, _progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        unreachable!("planning reads no data")
    }

    fn check(&self, _library: &Library) -> Result<(), DataError> {
        Ok(())
    }
}

fn line_task(value: &Value, images: bool) -> Result<Box<dyn Task>, ConfigError> {
    let config: LineConfig = task_config(value)?;
    if config.length == 0 {
        return Err(ConfigError::new("length", "must be at least 1"));
    }
    let (name, shape) = if images { ("image", vec![config.length; 2]) } else { ("line", vec![config.length]) };
    let hard = if config.mode == Mode::Hard { "-hard" } else { "" };
    Ok(Box::new(Line(TaskSpec {
        name: format!("{name}{}{hard}", config.length),
        version: "test-1".into(),
        data: name.into(),
        input: datasets::InputSpec::Values { channels: 1, shape },
        target: OutputSpec::Classes(3),
        metric: Metric::Accuracy,
        chance: 1.0 / 3.0,
        splits: SplitSizes { train: 101, validation: 10, test: 10 },
    })))
}

fn task_config<C: serde::de::DeserializeOwned>(value: &Value) -> Result<C, ConfigError> {
    serde_path_to_error::deserialize(value.clone())
        .map_err(|error| ConfigError::new(error.path().to_string(), error.inner().to_string()))
}

fn net_config(value: &Value) -> Result<NetConfig, BuildError> {
    serde_path_to_error::deserialize(value.clone())
        .map_err(|error| BuildError::new(error.path().to_string(), error.inner().to_string()))
}

fn net_build(
    value: &Value,
    input: &InputSpec,
    output: &OutputSpec,
    seed: u64,
    device: &burn::tensor::Device,
) -> Result<Box<dyn Model>, BuildError> {
    let config = net_config(value)?;
    if config.hidden == 0 {
        return Err(BuildError::new("hidden", "must be at least 1"));
    }
    if config.kernel.layers == 0 {
        return Err(BuildError::new("kernel.layers", "must be at least 1"));
    }
    let lstm = baselines::registry::find("lstm").expect("the LSTM is registered");
    (lstm.build)(&json!({ "hidden": config.hidden }), input, output, seed, device)
}

fn registry() -> Registry {
    let task =
        |name: &'static str, build: fn(&Value) -> Result<Box<dyn Task>, ConfigError>| datasets::registry::Entry {
            info: datasets::Info { name, summary: "Made up.", source: "these tests" },
            schema: || schema_for!(LineConfig),
            resolve: |value| {
                let config: LineConfig = task_config(value)?;
                serde_json::to_value(config).map_err(|error| ConfigError::new("", error.to_string()))
            },
            build,
        };
    let baseline = |name: &'static str, ranks| baselines::registry::Entry {
        info: baselines::Info { name, summary: "Made up.", source: "these tests", ranks },
        schema: || schema_for!(NetConfig),
        resolve: |value| {
            serde_json::to_value(net_config(value)?).map_err(|error| BuildError::new("", error.to_string()))
        },
        added: Vec::new,
        reference_name: |_, _, _| None,
        resolution: baselines::Resolution::AsIs,
        label: |value| net_config(value).map(|config| format!("net-{}-{}", config.blocks, config.hidden)),
        build: net_build,
    };
    Registry {
        tasks: vec![task("line", |value| line_task(value, false)), task("image", |value| line_task(value, true))],
        baselines: vec![baseline("net", 1..=1), baseline("wide", 1..=1)],
    }
}

fn overrides(set: &[&str]) -> Overrides {
    Overrides { set: set.iter().map(|s| (*s).to_owned()).collect(), ..Overrides::default() }
}

fn try_plan(text: &str, overrides: &Overrides) -> Result<Plan, String> {
    plan("x.yaml", text.to_owned(), "x", overrides, &registry()).map_err(|error| error.to_string())
}

fn planned(text: &str) -> Plan {
    try_plan(text, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn error(text: &str) -> String {
    try_plan(text, &Overrides::default()).map(|plan| plan.cells.len()).expect_err("this file is wrong")
}

fn set_error(set: &str) -> String {
    try_plan(SMALL, &overrides(&[set])).map(|plan| plan.cells.len()).expect_err("this argument is wrong")
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.cells.iter().map(|cell| cell.id.as_str()).collect()
}

const SMALL: &str = "tasks: [line]\nbaselines: [net]\n";

#[test]
fn the_smallest_file_has_every_default() {
    let plan = planned(SMALL);
    assert_eq!(plan.name, "x");
    assert_eq!(ids(&plan), ["line16.net-2-8.s0"]);
    let cell = &plan.cells[0];
    assert_eq!(cell.task.config, json!({ "length": 16, "mode": "easy" }));
    assert_eq!(cell.baseline.config["kernel"], json!({ "omega_0": 30.0, "layers": 3 }));
    assert_eq!(cell.training, super::Training::default());
    assert!(cell.parameters.unwrap() > 100);
    assert_eq!(cell.not_applicable, None);
}

#[test]
fn expansion_is_tasks_times_baselines_times_grid_times_seeds() {
    let plan = planned(
        "tasks: [line, {name: line, length: 32}]\nbaselines: [net, {name: wide, label: w}]\nseeds: [0, 1, 5]\n\
         grid: {training.learning_rate: [0.1, 0.01], baseline.kernel.omega_0: [1, 2.5], task.mode: [easy, hard]}\n",
    );
    assert_eq!(plan.cells.len(), 2 * 2 * 2 * 2 * 2 * 3);
    assert_eq!(plan.cells[0].id, "line16.net-2-8.omega_0-1.mode-easy.learning_rate-0.1.s0");
    let last = plan.cells.last().unwrap();
    assert_eq!(last.id, "line32-hard.w.omega_0-2.5.mode-hard.learning_rate-0.01.s5");
    assert_eq!(last.grid["baseline.kernel.omega_0"], json!(2.5));
    assert_eq!(last.baseline.config["kernel"]["omega_0"], json!(2.5));
    assert_eq!(last.training.learning_rate, 0.01);
    assert!(plan.cells.iter().all(|cell| cell.id.len() <= 120));
}

#[test]
fn a_grid_over_lists_and_mappings_has_short_ids() {
    let plan = planned(
        "tasks: [line]\nbaselines: [net]\ngrid: {baseline.sizes: [[1, 2], [3]], baseline.kernel: [{layers: 1}, {layers: 2}]}\n",
    );
    assert_eq!(plan.cells.len(), 4);
    assert!(plan.cells[0].id.contains(".sizes-1+2.") && plan.cells[3].id.contains(".sizes-3."), "{:?}", ids(&plan));
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
    let epochs: Vec<u32> = (0..=5).map(|upto| planned(&text(upto)).cells[0].training.epochs).collect();
    assert_eq!(epochs, [10, 2, 3, 4, 6, 7]);
    let set = try_plan(&text(5), &overrides(&["training.epochs=8"])).unwrap();
    assert_eq!(set.cells[0].training.epochs, 8);
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
    assert_eq!(plan.cells.len(), 8);
    for cell in &plan.cells {
        assert_eq!(cell.baseline.config["hidden"], 32);
        assert_eq!(cell.baseline.config["sizes"], json!([7, 8, 9]));
        assert_eq!(cell.training.betas, [0.8, 0.95]);
    }
    let null = try_plan(SMALL, &overrides(&["training.early_stopping=5", "training.early_stopping="])).unwrap();
    assert_eq!(null.cells[0].training.early_stopping, None);
}

#[test]
fn rules_refer_to_labels_before_set() {
    let text = "tasks: [line]\nbaselines: [net]\ncells: [{when: {baseline: net-2-8}, training: {epochs: 3}}]\n";
    let plan = try_plan(text, &overrides(&["baseline.hidden=16"])).unwrap();
    assert_eq!(plan.cells[0].baseline.label, "net-2-16");
    assert_eq!(plan.cells[0].training.epochs, 3);
}

#[test]
fn rules_change_tasks_and_baselines_too() {
    let text = "tasks: [line, {name: line, length: 64}]\nbaselines: [net]\n\
                cells: [{when: {task: line64}, baseline: {kernel: {layers: 9}}, task: {mode: hard}}]\n";
    let plan = planned(text);
    assert_eq!(plan.cells[0].baseline.config["kernel"], json!({ "omega_0": 30.0, "layers": 3 }));
    assert_eq!(plan.cells[1].baseline.config["kernel"], json!({ "omega_0": 30.0, "layers": 9 }));
    assert_eq!(plan.cells[1].task.label, "line64-hard");
}

#[test]
fn only_and_seeds_choose_cells() {
    let text = "tasks: [line, {name: line, length: 64}]\nbaselines: [net, {name: wide, label: w}]\n";
    let only =
        |only: &str| try_plan(text, &Overrides { only: Some(only.into()), seeds: Some("4,2".into()), set: vec![] });
    let ids = |plan: Plan| plan.cells.into_iter().map(|cell| cell.id).collect::<Vec<_>>();
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
    assert_eq!(plan.cells[0].not_applicable, None);
    assert_eq!(plan.cells[1].not_applicable.as_deref(), Some("takes sequences (1D), not images (2D)"));
    assert_eq!(plan.cells[1].parameters, None);
}

#[test]
fn the_resolved_experiment_is_an_experiment_of_the_same_cells() {
    let text = "name: again\ndescription: About.\nmissing: skip\nseeds: [0, 3]\n\
        tasks: [{name: line, length: 32, training: {epochs: 3}}]\nbaselines: [{name: net, hidden: 4}, {name: wide, label: w}]\n\
        training: {batch_size: 7, max_time: 15m}\ngrid: {baseline.kernel.layers: [1, 2]}\n\
        cells: [{when: {baseline: w}, training: {optimiser: adam}}]\n";
    let first = try_plan(text, &overrides(&["training.epochs=4", "baseline.dropout=0.5"])).unwrap();
    let second = planned(&serde_yaml::to_string(&first.resolved).unwrap());
    assert_eq!(first.resolved, second.resolved);
    assert_eq!(ids(&first), ids(&second));
    for (a, b) in first.cells.iter().zip(&second.cells) {
        assert_eq!(
            (&a.training, &a.baseline.config, &a.task.config),
            (&b.training, &b.baseline.config, &b.task.config)
        );
        assert_eq!(a.training.epochs, 4);
    }
}

#[test]
fn unknown_keys_name_what_was_meant() {
    insta::assert_snapshot!(error("tasks: [line]\nbaselines:\n  - name: net\n    hiden: 64\n"), @r"
    x.yaml:4:5: unknown key `hiden` in baseline `net`; did you mean `hidden`?
      |
    4 |     hiden: 64
      |     ^^^^^
      = accepted keys: hidden, blocks, kernel, dropout, sizes
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines:\n  - name: net\n    kernel: {omega: 64}\n"), @r"
    x.yaml:4:14: unknown key `omega` in `kernel` of baseline `net`; did you mean `omega_0`?
      |
    4 |     kernel: {omega: 64}
      |              ^^^^^
      = accepted keys: omega_0, layers
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaseline: [net]\n"), @r"
    x.yaml:2:1: unknown key `baseline` in the experiment; did you mean `baselines`?
      |
    2 | baseline: [net]
      | ^^^^^^^^
      = accepted keys: version, name, description, source, scale, missing, seeds, tasks, baselines, exclude,
        training, grid, cells
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining:\n  epoch: 3\n"), @r"
    x.yaml:4:3: unknown key `epoch` in training; did you mean `epochs`?
      |
    4 |   epoch: 3
      |   ^^^^^
      = accepted keys: epochs, batch_size, accumulate_grad_steps, precision, optimiser, learning_rate,
        initial_weights, betas, epsilon, weight_decay, schedule, warmup_epochs, warmup_steps,
        schedule_steps, min_learning_rate, decay_factor, plateau_factor, plateau_patience, grad_clip,
        early_stopping, max_time, max_steps, steps_per_epoch, eval_batch_size, workers, log_every
    ");
    insta::assert_snapshot!(error("tasks:\n  - name: line\n    lenght: 3\nbaselines: [net]\n"), @r"
    x.yaml:3:5: unknown key `lenght` in task `line`; did you mean `length`?
      |
    3 |     lenght: 3
      |     ^^^^^^
      = accepted keys: length, mode
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ncells: [{when: {model: x}}]\n"), @r"
    x.yaml:3:17: unknown key `model` in `when`
      |
    3 | cells: [{when: {model: x}}]
      |                 ^^^^^
      = accepted keys: task, baseline
    ");
}

#[test]
fn unknown_names_and_values_name_what_was_meant() {
    insta::assert_snapshot!(error("tasks: [lime]\nbaselines: [net]\n"), @r"
    x.yaml:1:9: unknown task `lime`; did you mean `line`?
      |
    1 | tasks: [lime]
      |         ^^^^
      = accepted tasks: line, image
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [lstm]\n"), @r"
    x.yaml:2:13: unknown baseline `lstm`
      |
    2 | baselines: [lstm]
      |             ^^^^
      = accepted baselines: net, wide
    ");
    insta::assert_snapshot!(error("tasks: [{name: line, mode: hart}]\nbaselines: [net]\n"), @r"
    x.yaml:1:28: `mode` of task `line` cannot be `hart`; did you mean `hard`?
      |
    1 | tasks: [{name: line, mode: hart}]
      |                            ^^^^
      = accepted values: easy, hard
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: {optimiser: adan}\n"), @r"
    x.yaml:3:23: `optimiser` of training cannot be `adan`; did you mean `adam`?
      |
    3 | training: {optimiser: adan}
      |                       ^^^^
      = accepted values: adam, adamw
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\nmissing: skipp\n"), @r"
    x.yaml:3:10: `missing` cannot be `skipp`; did you mean `skip`?
      |
    3 | missing: skipp
      |          ^^^^^
      = accepted values: error, skip
    ");
}

#[test]
fn wrong_types_say_what_is_expected() {
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: {epochs: ten}\n"), @r"
    x.yaml:3:20: `epochs` of training must be a whole number, 0 or more; found text `ten`
      |
    3 | training: {epochs: ten}
      |                    ^^^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [{name: net, hidden: -3}]\n"), @r"
    x.yaml:2:33: `hidden` of baseline `net` must be a whole number, 0 or more; found number -3
      |
    2 | baselines: [{name: net, hidden: -3}]
      |                                 ^^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [{name: net, hidden: 1.5}]\n"), @r"
    x.yaml:2:33: `hidden` of baseline `net` must be a whole number, 0 or more; found number 1.5
      |
    2 | baselines: [{name: net, hidden: 1.5}]
      |                                 ^^^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [{name: net, kernel: 5}]\n"), @r"
    x.yaml:2:33: `kernel` of baseline `net` must be a mapping of keys to values; found number 5
      |
    2 | baselines: [{name: net, kernel: 5}]
      |                                 ^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [{name: net, sizes: [1, x]}]\n"), @r"
    x.yaml:2:36: `sizes.1` of baseline `net` must be a whole number, 0 or more; found text `x`
      |
    2 | baselines: [{name: net, sizes: [1, x]}]
      |                                    ^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: {betas: [0.9]}\n"), @r"
    x.yaml:3:19: `betas` of training must be a list of 2; found a list of 1
      |
    3 | training: {betas: [0.9]}
      |                   ^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: {max_time: 90}\n"), @r"
    x.yaml:3:22: `max_time` of training must be a duration with its unit, such as `15m` or `1h 30m`; found number 90
      |
    3 | training: {max_time: 90}
      |                      ^^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: {max_time: fast}\n"), @r"
    x.yaml:3:22: `max_time` of training must be a duration with its unit, such as `15m` or `1h 30m`; found text `fast`
      |
    3 | training: {max_time: fast}
      |                      ^^^^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: 5\n"), @r"
    x.yaml:3:11: `training` must be a mapping of keys to values; found number 5
      |
    3 | training: 5
      |           ^
    ");
    insta::assert_snapshot!(error("tasks: line\nbaselines: [net]\n"), @r"
    x.yaml:1:8: `tasks` must be a list of at least one; found text `line`
      |
    1 | tasks: line
      |        ^^^^
      = e.g. tasks: [{name: …}]; `bench list tasks` names them
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\nseeds: [-1]\n"), @r"
    x.yaml:3:9: a seed is a whole number, 0 or more; found number -1
      |
    3 | seeds: [-1]
      |         ^^
    ");
}

#[test]
fn sizes_out_of_range_point_at_the_value() {
    insta::assert_snapshot!(error("tasks: [{name: line, length: 0}]\nbaselines: [net]\n"), @r"
    x.yaml:1:30: `length` of task `line`: must be at least 1
      |
    1 | tasks: [{name: line, length: 0}]
      |                              ^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [{name: net, hidden: 0}]\n"), @r"
    x.yaml:2:33: `hidden` of baseline `net`: must be at least 1
      |
    2 | baselines: [{name: net, hidden: 0}]
      |                                 ^
      = on task `line16`
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines:\n- name: net\n  kernel:\n    layers: 0\n"), @r"
    x.yaml:5:13: `kernel.layers` of baseline `net`: must be at least 1
      |
    5 |     layers: 0
      |             ^
      = on task `line16`
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: {batch_size: 0}\n"), @r"
    x.yaml:3:24: `batch_size` of training: must be at least 1, found 0
      |
    3 | training: {batch_size: 0}
      |                        ^
    ");
}

#[test]
fn files_that_are_no_experiment() {
    insta::assert_snapshot!(error(""), @r"
    x.yaml:1:1: the file is empty
      = an experiment needs at least `tasks:` and `baselines:`
    ");
    insta::assert_snapshot!(error("# nothing\n---\n"), @r"
    x.yaml:1:1: the file is empty
      |
    1 | # nothing
      | ^
      = an experiment needs at least `tasks:` and `baselines:`
    ");
    insta::assert_snapshot!(error("tasks: [line\nbaselines: [net]\n"), @r"
    x.yaml:2:10: this is not YAML: illegal placement of ':' indicator
      |
    2 | baselines: [net]
      |          ^
    ");
    insta::assert_snapshot!(error("just text\n"), @r"
    x.yaml:1:1: the experiment must be a mapping of keys to values; found text `just text`
      |
    1 | just text
      | ^^^^^^^^^
    ");
    insta::assert_snapshot!(error("baselines: [net]\n"), @r"
    x.yaml:1:1: `tasks` is missing: an experiment needs at least one
      |
    1 | baselines: [net]
      | ^
      = `bench list tasks` names them
    ");
    insta::assert_snapshot!(error("tasks: []\nbaselines: [net]\n"), @r"
    x.yaml:1:8: `tasks` must be a list of at least one; found an empty list
      |
    1 | tasks: []
      |        ^
      = e.g. tasks: [{name: …}]; `bench list tasks` names them
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\nversion: 2\n"), @r"
    x.yaml:3:10: unknown version of the file format: number 2
      |
    3 | version: 2
      |          ^
      = this program reads version 1
    ");
    insta::assert_snapshot!(error("tasks: &a [line]\nbaselines: [net]\n"), @r"
    x.yaml:1:11: anchors (`&name`) are not supported in experiment files
      |
    1 | tasks: &a [line]
      |           ^
      = write shared settings once, under `training:` or in a rule under `cells:`
    ");
    insta::assert_snapshot!(error("tasks: [line]\n---\nbaselines: [net]\n"), @r"
    x.yaml:2:1: a second YAML document; keep one experiment per file
      |
    2 | ---
      | ^^^
    ");
}

#[test]
fn duplicates_are_refused() {
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntasks: [image]\n"), @r"
    x.yaml:3:1: key `tasks` stands twice
      |
    3 | tasks: [image]
      | ^^^^^
      = first on line 1
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines:\n- name: net\n- name: net\n"), @r"
    x.yaml:4:9: two baselines have the label `net-2-8`, so that two cells would share the folder `line16.net-2-8.s0`
      |
    4 | - name: net
      |         ^^^
      = first on line 3
      = give one of them a `label:` of its own
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines:\n- {name: net, label: a}\n- {name: wide, label: A}\n"), @r"
    x.yaml:4:23: two baselines have the label `A`
      |
    4 | - {name: wide, label: A}
      |                       ^
      = first on line 3
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\nseeds: [1, 1]\n"), @r"
    x.yaml:3:12: seed 1 stands twice
      |
    3 | seeds: [1, 1]
      |            ^
    ");
}

#[test]
fn grids_over_nothing_are_refused() {
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ngrid:\n  training.epochs: []\n"), @r"
    x.yaml:4:20: the grid over `training.epochs` is empty
      |
    4 |   training.epochs: []
      |                    ^
      = give at least one value, or remove the line
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ngrid:\n  baseline.hiden: [1, 2]\n"), @r"
    x.yaml:4:3: no baseline of the experiment has a field `hiden`; did you mean `hidden`?
      |
    4 |   baseline.hiden: [1, 2]
      |   ^^^^^^^^^^^^^^
      = accepted fields: hidden, blocks, kernel, dropout, sizes
      = a grid needs a field that some cell has
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ngrid: {epochs: [1, 2]}\n"), @r"
    x.yaml:3:8: `epochs` is not the path of a field
      |
    3 | grid: {epochs: [1, 2]}
      |        ^^^^^^
      = a path is training.FIELD, task.FIELD or baseline.FIELD, e.g. training.learning_rate
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ngrid: {training.epochs: 3}\n"), @r"
    x.yaml:3:25: the grid over `training.epochs` needs a list of values; found number 3
      |
    3 | grid: {training.epochs: 3}
      |                         ^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ngrid: {training.epochs: [3, 3]}\n"), @r"
    x.yaml:3:29: the grid over `training.epochs` has number 3 twice
      |
    3 | grid: {training.epochs: [3, 3]}
      |                             ^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ngrid:\n  training.epochs: [3, x]\n"), @r"
    x.yaml:4:24: `epochs` of training must be a whole number, 0 or more; found text `x`
      |
    4 |   training.epochs: [3, x]
      |                        ^
    ");
}

#[test]
fn rules_that_match_nothing_are_refused() {
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ncells:\n- when: {baseline: lstm}\n  training: {epochs: 3}\n"), @r"
    x.yaml:4:10: this rule matches no pair of task and baseline
      |
    4 | - when: {baseline: lstm}
      |          ^^^^^^^^
      = accepted tasks: line16
      = accepted baselines: net-2-8
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ncells: [{training: {epochs: 3}}]\n"), @r"
    x.yaml:3:10: this rule has no `when`
      |
    3 | cells: [{training: {epochs: 3}}]
      |          ^^^^^^^^
      = write `when: {task: PATTERN, baseline: PATTERN}`, one or both
    ");
}

#[test]
fn names_and_labels_must_be_safe_folders() {
    insta::assert_snapshot!(error("name: ../up\ntasks: [line]\nbaselines: [net]\n"), @r"
    x.yaml:1:7: `../up` cannot be the name of a folder
      |
    1 | name: ../up
      |       ^^^^^
      = use letters, digits, `-`, `_` and `.`, at most 80 characters
    ");
    insta::assert_snapshot!(error("tasks: [{name: line, label: a/b}]\nbaselines: [net]\n"), @r"
    x.yaml:1:29: `a/b` cannot be a label, since it becomes part of a folder name
      |
    1 | tasks: [{name: line, label: a/b}]
      |                             ^^^
      = use letters, digits, `-` and `_`, at most 40 characters
    ");
}

#[test]
fn errors_of_arguments_name_the_argument() {
    insta::assert_snapshot!(set_error("training.epoch=3"), @r"
    --set training.epoch=3: `training` has no field `epoch`; did you mean `epochs`?
     |
     | training.epoch=3
     | ^^^^^^^^^^^^^^
      = accepted fields: epochs, batch_size, accumulate_grad_steps, precision, optimiser, learning_rate,
        initial_weights, betas, epsilon, weight_decay, schedule, warmup_epochs, warmup_steps,
        schedule_steps, min_learning_rate, decay_factor, plateau_factor, plateau_patience, grad_clip,
        early_stopping, max_time, max_steps, steps_per_epoch, eval_batch_size, workers, log_every
    ");
    insta::assert_snapshot!(set_error("training.epochs=ten"), @r"
    --set training.epochs=ten: `epochs` of training must be a whole number, 0 or more; found text `ten`
     |
     | training.epochs=ten
     |                 ^^^
    ");
    insta::assert_snapshot!(set_error("training.epochs=0"), @r"
    --set training.epochs=0: `epochs` of training: must be at least 1, found 0
     |
     | training.epochs=0
     |                 ^
    ");
    insta::assert_snapshot!(set_error("baseline.hiden=3"), @r"
    --set baseline.hiden=3: no baseline of the experiment has a field `hiden`; did you mean `hidden`?
     |
     | baseline.hiden=3
     | ^^^^^^^^^^^^^^
      = accepted fields: hidden, blocks, kernel, dropout, sizes
    ");
    insta::assert_snapshot!(set_error("baseline.kernel.omega=3"), @r"
    --set baseline.kernel.omega=3: unknown key `omega` in `kernel` of baseline `net`; did you mean `omega_0`?
     |
     | baseline.kernel.omega=3
     | ^^^^^^^^^^^^^^^^^^^^^
      = accepted keys: omega_0, layers
    ");
    insta::assert_snapshot!(set_error("baseline.hidden=0"), @r"
    --set baseline.hidden=0: `hidden` of baseline `net`: must be at least 1
     |
     | baseline.hidden=0
     |                 ^
      = on task `line16`
    ");
    insta::assert_snapshot!(set_error("trainig.epochs=3"), @r"
    --set trainig.epochs=3: `trainig.epochs` is not the path of a field; did you mean `training`?
     |
     | trainig.epochs=3
     | ^^^^^^^^^^^^^^
      = a path is training.FIELD, task.FIELD or baseline.FIELD, e.g. training.learning_rate
    ");
    insta::assert_snapshot!(set_error("training.epochs"), @r"
    --set training.epochs: expected PATH=VALUE
     |
     | training.epochs
     | ^^^^^^^^^^^^^^^
      = e.g. --set training.epochs=20
    ");
    insta::assert_snapshot!(set_error("training.betas=[0.9, "), @r"
    --set training.betas=[0.9, : this is not YAML: while parsing a node, did not find expected node content
     |
     | training.betas=[0.9,
     |                      ^
    ");
    insta::assert_snapshot!(set_error("seeds=3"), @r"
    --set seeds=3: `seeds` must be a list of at least one; found number 3
     |
     | seeds=3
     |       ^
      = e.g. seeds: [0, 1, 2]
    ");
    let seeds = Overrides { seeds: Some("0,x".into()), ..Overrides::default() };
    insta::assert_snapshot!(try_plan(SMALL, &seeds).unwrap_err(), @r"
    --seeds 0,x: a seed is a whole number, 0 or more; found text `x`
     |
     | 0,x
     | ^^^
    ");
}

#[test]
fn a_huge_expansion_is_refused_at_once() {
    let many: Vec<String> = (1..=400).map(|n| n.to_string()).collect();
    let many = many.join(", ");
    let text = format!(
        "tasks: [line]\nbaselines: [net]\ngrid:\n  training.epochs: [{many}]\n  training.batch_size: [{many}]\n"
    );
    let message = error(&text);
    assert!(message.contains("expands to 160000 cells; at most 100000 are accepted"), "{message}");
}

#[test]
fn long_grids_keep_ids_short_and_distinct() {
    let long = "x".repeat(40);
    let text = format!(
        "tasks: [{{name: line, label: {long}}}]\nbaselines: [{{name: net, label: {long}}}]\n\
         grid: {{training.min_learning_rate: [0.0001, 0.0002], training.plateau_factor: [0.123456789, 0.2], baseline.kernel.omega_0: [1, 2]}}\n"
    );
    let plan = planned(&text);
    assert_eq!(plan.cells.len(), 8);
    assert!(plan.cells.iter().all(|cell| cell.id.len() <= 120 && cell.id.contains(".grid-")));
}

#[test]
fn the_schema_holds_together() {
    let schema = compose(&registry());
    let text = schema.to_string();
    let mut references = 0;
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(schema.pointer(pointer).is_some(), "{pointer} leads nowhere");
        references += 1;
    }
    assert!(references >= 8);
    let net = schema["properties"]["baselines"]["items"]["oneOf"][0].clone();
    assert_eq!(net["properties"]["name"]["const"], "net");
    assert_eq!(net["additionalProperties"], false);
    assert!(net["properties"]["kernel"]["$ref"].as_str().unwrap().starts_with("#/$defs/baseline.net."));
    for key in super::resolve::fields(&schema_for!(super::Training)) {
        assert!(schema["$defs"]["training"]["properties"][&key]["description"].is_string(), "{key} is not described");
    }
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
    let cell = &smoke.cells[0];
    assert_eq!(cell.scale, Scale::Smoke);
    assert_eq!(cell.task.task.spec().splits, SplitSizes { train: 20, validation: 10, test: 10 });
    assert_eq!((cell.training.batch_size, cell.training.max_steps), (4, Some(5)));
    // The model and the input are those of the recipe.
    assert_eq!(cell.parameters, paper.cells[0].parameters);
    assert_eq!(cell.task.task.spec().input, paper.cells[0].task.task.spec().input);
    assert_eq!(cell.baseline.config, paper.cells[0].baseline.config);

    let seeds = Overrides { seeds: Some("7,8".into()), ..overrides(&["scale=laptop"]) };
    assert_eq!(ids(&try_plan(text, &seeds).unwrap()), ["line16.net-2-8.laptop.s7", "line16.net-2-8.laptop.s8"]);
    let set = try_plan(text, &overrides(&["scale=smoke", "seeds=[1, 2]"])).unwrap();
    assert_eq!(set.cells.len(), 2);

    // Written out and read again, it is the same plan.
    let again = planned(&serde_yaml::to_string(&smoke.resolved).unwrap());
    assert_eq!((ids(&again), again.cells[0].training.clone()), (ids(&smoke), cell.training.clone()));
    assert_eq!(again.resolved, smoke.resolved);
}

#[test]
fn a_wrong_scale_names_the_right_ones() {
    insta::assert_snapshot!(error("scale: smok\ntasks: [line]\nbaselines: [net]\n"), @r"
    x.yaml:1:8: `scale` cannot be `smok`; did you mean `smoke`?
      |
    1 | scale: smok
      |        ^^^^
      = accepted values: paper, laptop, smoke
    ");
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
    let sources = |plan: &Plan| plan.cells.iter().map(|cell| cell.sources.join("; ")).collect::<Vec<_>>();
    let plan = planned(&text);
    assert_eq!(
        sources(&plan),
        ["the whole; the net", "the whole", "the whole; the net; the length", "the whole; the length"]
    );
    let again = planned(&serde_yaml::to_string(&plan.resolved).unwrap());
    assert_eq!(sources(&again), sources(&plan));
    // What the command line has changed is no longer what the source says.
    let set = try_plan(&text, &overrides(&["training.epochs=4", "seeds=[1]"])).unwrap();
    assert_eq!(set.cells[1].sources, ["the whole; changed on the command line: training.epochs", "the whole"]);
    let unsourced = try_plan(SMALL, &overrides(&["training.epochs=4"])).unwrap();
    assert_eq!(unsourced.cells[0].sources, Vec::<String>::new());
}

#[test]
fn excluded_pairs_are_no_cells() {
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

/// Every recipe that comes with the program is one.
#[test]
fn every_recipe_resolves() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        for scale in ["paper", "smoke"] {
            let plan = super::load(&path, &overrides(&[&format!("scale={scale}")]), &Registry::standard())
                .unwrap_or_else(|error| panic!("{error}"));
            assert!(!plan.description.is_empty(), "{} has no description", path.display());
            assert!(plan.cells.iter().any(|cell| cell.parameters.is_some()), "{}", path.display());
        }
        names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
    }
    for name in ["lra", "images", "speech", "irregular", "language", "orthogonality", "quickstart", "smoke"] {
        assert!(names.iter().any(|found| found == name), "experiments/{name}.yaml is missing");
    }
}

/// What the programs behind the recipes do, and our defaults would not.
#[test]
fn recipes_train_as_their_sources_do() {
    use super::training::Schedule;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut augmented = std::collections::BTreeMap::new();
    for file in ["images", "lra", "speech", "listops", "orthogonality"] {
        let plan = super::load(&folder.join(format!("{file}.yaml")), &overrides(&["seeds=[0]"]), &Registry::standard())
            .unwrap();
        for cell in &plan.cells {
            if cell.sources.iter().any(|source| source.starts_with("ccnn experiments/README.md")) {
                assert_eq!(cell.training.schedule, Schedule::ChainedCosine, "{file}: {}", cell.id);
            }
            if let Some(augment) = cell.task.config["augment"].as_bool() {
                augmented.insert(format!("{file} {} {}", cell.task.label, cell.baseline.label), augment);
            }
        }
    }
    for (cell, augment) in [
        ("images cifar10 ccnn-4-140", true),
        ("images cifar10 ccnn-6-380", true),
        ("images cifar100 ccnn-4-140", false),
        ("images cifar100 ccnn-6-380", false),
        ("images stl10 ccnn-4-140", true),
        ("images scifar10 ccnn-4-140", true),
        ("images scifar10 ccnn-6-380", false),
        ("images cifar10 flexnet", true),
        ("lra image-1d ccnn-4-140", false),
        ("lra image-2d ccnn-4-140", false),
        ("orthogonality cifar10 vgg-none", false),
        ("orthogonality cifar100 vgg-householder", false),
    ] {
        assert_eq!(augmented.get(cell), Some(&augment), "{cell}");
    }
}

/// The published network sizes, to the parameter.
#[test]
fn the_recipes_of_ccnn_have_the_parameters_of_the_original_program() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    for (file, task, baseline, parameters) in [
        ("images", "smnist", "ccnn-4-140", 198_769),
        ("images", "smnist", "ccnn-6-380", 1_993_091),
        ("images", "scifar10", "ccnn-4-140", 199_117),
        ("images", "cifar10", "ccnn-4-140", 201_042),
        ("images", "cifar10", "ccnn-6-380", 1_999_366),
        ("images", "cifar100", "ccnn-4-140", 213_732),
        ("images", "cifar10", "flexnet", 671_650),
        ("images", "smnist", "ckcnn-2-30", 98_286),
        ("images", "scifar10", "ckcnn-2-30", 100_386),
        ("images", "cifar10", "resnet18", 11_173_962),
        ("lra", "listops", "ccnn-4-140", 198_769),
        ("lra", "image-1d", "ccnn-4-140", 198_769),
        ("lra", "pathfinder32", "ccnn-4-140", 197_500),
        ("lra", "pathx", "ccnn-4-140", 197_500),
        ("lra", "image-2d", "ccnn-4-140", 200_694),
    ] {
        let only = Overrides { only: Some(format!("task={task},baseline={baseline}")), ..overrides(&["seeds=[0]"]) };
        let plan = super::load(&folder.join(file).with_extension("yaml"), &only, &Registry::standard())
            .unwrap_or_else(|error| panic!("{error}"));
        let found: Vec<Option<u64>> = plan.cells.iter().map(|cell| cell.parameters).collect();
        assert_eq!(found, [Some(parameters)], "{baseline} on {task}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in a file of plausible words, planning returns.
    #[test]
    fn no_file_panics(
        lines in proptest::collection::vec(
            ("(tasks|baselines|training|grid|cells|seeds|name|missing|  hidden|  - name|- when|  length)", "(: |:)",
             "(line|net|\\[line\\]|\\[net\\]|\\{epochs: 1\\}|\\{task.length: \\[1, 2\\]\\}|0|-1|1e300|~|'x'|\\[\\]|\\{\\}|[a-z]{0,3})"),
            0..6,
        ),
        set in "(training|task|baseline|seeds|)[.](epochs|hidden|kernel[.]layers|[a-z]{0,3})=(1|-1|x|\\[1|\\{\\})",
    ) {
        let text: String = lines.iter().map(|(key, colon, value)| format!("{key}{colon}{value}\n")).collect();
        let _ = try_plan(&text, &Overrides::default());
        let _ = try_plan(SMALL, &overrides(&[set.as_str()]));
    }

    /// Every error of a damaged file still names the file.
    #[test]
    fn errors_name_the_file(cut in 1usize..40) {
        let text = "tasks: [{name: line, length: 8}]\nbaselines: [{name: net}]\n";
        if let Err(message) = try_plan(&text[..cut], &Overrides::default()) {
            prop_assert!(message.starts_with("x.yaml:"), "{}", message);
        }
    }
}

/// The first variant of every setting in the README's table of tasks is its default.
#[test]
fn the_readme_tells_the_defaults_of_tasks() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, table) = readme.split_once("| task | what | variants").unwrap();
    let mut checked = 0;
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let names: Vec<&str> = cells[0].split('`').skip(1).step_by(2).collect();
        // Bars within code are written `\\|` or plain; the last cell names the data.
        let variants = cells[2..cells.len() - 1].join(" | ");
        for setting in variants.split('`').skip(1).step_by(2) {
            let Some((key, values)) = setting.split_once(": ") else { continue };
            let first = values.split(['|', '…', '\\']).next().unwrap().trim();
            if first.chars().all(|c| c.is_ascii_uppercase()) {
                // The name of a file.
                continue;
            }
            let mut defaults = names.iter().filter_map(|name| {
                let entry = datasets::registry::find(name).unwrap_or_else(|| panic!("no task {name}"));
                let value = (entry.resolve)(&serde_json::json!({})).unwrap().get(key)?.clone();
                Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            });
            // What is the default may be left out of the record.
            let default = defaults.next();
            assert!(
                default.as_deref().is_none_or(|default| default == first),
                "{names:?}: {key} is {default:?}, not {first}"
            );
            checked += usize::from(default.is_some());
        }
    }
    assert!(checked > 15, "only {checked} settings were compared");
}
