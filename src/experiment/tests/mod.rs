//! Experiment files against a registry of small made-up tasks and baselines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod evaluate;
mod files;
mod include;
mod matrix;
mod recipes;
mod runs;
mod schema;
mod search;
mod stages;
mod values;

use baselines::{BuildError, InputSpec, Model, OutputSpec};
use datasets::{ConfigError, DataError, Dataset, Library, Metric, Progress, SplitSizes, Task, TaskSpec};
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::load::{Text, plan};
use super::{Overrides, Plan};
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
        unused: |_| Vec::new(),
        reference_name: |_, _, _| None,
        reference_shape: |_, _, _, _| None,
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
    let file = Text { name: "x.yaml", text: text.to_owned(), path: None };
    plan(&file, "x", overrides, &registry()).map_err(|error| error.to_string())
}

fn planned(text: &str) -> Plan {
    try_plan(text, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn error(text: &str) -> String {
    try_plan(text, &Overrides::default()).map(|plan| plan.runs.len()).expect_err("this file is wrong")
}

fn set_error(set: &str) -> String {
    try_plan(SMALL, &overrides(&[set])).map(|plan| plan.runs.len()).expect_err("this argument is wrong")
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.runs.iter().map(|run| run.id.as_str()).collect()
}

const SMALL: &str = "tasks: [line]\nbaselines: [net]\n";
