//! `bench list`

use std::path::{Path, PathBuf};

use baselines::{InputSpec, OutputSpec, device::DeviceChoice, network::count_parameters, registry::Entry};
use clap::{Args, ValueEnum};
use datasets::registry::Entry as TaskEntry;
use reports::format::{duration, grouped};
use reports::text_table;
use serde::Serialize;
use serde_json::{Value, json};

use super::{CliError, Exit, Global};
use crate::experiment::{Overrides, Plan, Run, Scale, load, schema::fields};
use crate::registry::Registry;

/// `bench list`
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    what: Listed,
}

/// What `bench list` lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Models, with their settings
    Baselines,
    /// Tasks, with their settings
    Tasks,
    /// Experiment files in ./experiments
    Experiments,
}

/// Folder of experiment files, below the working directory.
const EXPERIMENTS: &str = "experiments";
/// Classes of the networks whose parameters are counted.
const CLASSES: usize = 10;

/// List baselines, tasks or experiments.
pub fn execute(args: &ListArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    match args.what {
        Listed::Baselines => baselines(global, &registry.baselines),
        Listed::Tasks => tasks(global, &registry.tasks),
        Listed::Experiments => experiments(global, registry),
    }
}

fn baselines(global: &Global, entries: &[Entry]) -> Result<Exit, CliError> {
    let sizes: Vec<Size> = entries.iter().map(size).collect();
    let json = || -> Vec<Value> {
        let item = |(e, size): (&Entry, &Size)| {
            json!({
                "name": e.info.name, "summary": e.info.summary, "source": e.info.source,
                "ranks": e.info.ranks.clone().collect::<Vec<_>>(), "settings": fields(&(e.schema)()),
                "parameters": size.parameters,
                "parameters_for": { "channels": size.channels, "shape": size.shape, "classes": CLASSES },
            })
        };
        entries.iter().zip(&sizes).map(item).collect()
    };
    let text = || {
        let rows: Vec<Vec<String>> = entries
            .iter()
            .zip(&sizes)
            .map(|(e, size)| {
                let ranks: Vec<String> = e.info.ranks.clone().map(|rank| format!("{rank}D")).collect();
                let parameters = size.parameters.map_or_else(|| "-".into(), |n| grouped(n as u64));
                let inputs = ranks.join(" ");
                vec![e.info.name.into(), inputs, parameters, size.text(), e.info.summary.into(), e.info.source.into()]
            })
            .collect();
        let heading = "baseline | inputs | parameters# | for | summary | source";
        format!(
            "{}\nparameters: trainable ones of the whole network with default settings, for inputs of the size given and \
         {CLASSES} classes",
            text_table(heading, &rows)
        )
    };
    global.print(json, text)
}

/// Size of a baseline's network with default settings.
struct Size {
    /// Trainable parameters; absent where the defaults do not fit the input.
    parameters: Option<usize>,
    channels: usize,
    shape: Vec<usize>,
}

impl Size {
    fn text(&self) -> String {
        std::iter::once(&self.channels).chain(&self.shape).map(ToString::to_string).collect::<Vec<_>>().join("×")
    }
}

/// For inputs as of sequential MNIST; as of CIFAR-10 where no sequences are taken.
fn size(entry: &Entry) -> Size {
    let (channels, shape) = if entry.info.ranks.contains(&1) { (1, vec![784]) } else { (3, vec![32, 32]) };
    let input = InputSpec::Values { channels, shape: shape.clone() };
    let count = |device| {
        let model = (entry.build)(&json!({}), &input, &OutputSpec::Classes(CLASSES), 0, &device).ok()?;
        Some(count_parameters(model.as_ref()))
    };
    Size { parameters: DeviceChoice::Cpu.open().ok().and_then(count), channels, shape }
}

fn tasks(global: &Global, entries: &[TaskEntry]) -> Result<Exit, CliError> {
    let item = |entry: &TaskEntry| {
        let info = &entry.info;
        json!({ "name": info.name, "summary": info.summary, "source": info.source, "settings": fields(&(entry.schema)()) })
    };
    let json = || entries.iter().map(item).collect::<Vec<Value>>();
    let text = || {
        let row = |e: &TaskEntry| vec![e.info.name.into(), e.info.summary.into(), e.info.source.into()];
        let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
        text_table("task | summary | source", &rows)
    };
    global.print(json, text)
}

/// An experiment file.
#[derive(Debug, Serialize)]
struct Described {
    file: String,
    description: String,
    /// Why it cannot be run, if so.
    error: Option<String>,
    /// What it costs, by scale.
    scales: Vec<Cost>,
}

/// What an experiment costs at a scale.
#[derive(Debug, Serialize)]
struct Cost {
    scale: Scale,
    /// Runs to make.
    runs: usize,
    /// Runs of baselines that do not take their task.
    not_applicable: usize,
    /// Optimiser steps of all runs.
    steps: u64,
    /// Positions of the training samples of all steps: batch size × positions of an input, the price of a step before that
    /// of its network.
    positions: u64,
    /// Seconds of training that the runs take one after the other at most, where `max_time` bounds each.
    seconds_at_most: Option<u64>,
}

impl Cost {
    fn of(plan: &Plan) -> Self {
        let runs = || plan.runs.iter().filter(|run| run.not_applicable.is_none());
        let steps = |run: &Run| {
            let per_epoch = run.training.steps_in_epoch(run.spec().splits.train) as u64;
            run.training.total_steps(per_epoch)
        };
        let positions = |run: &Run| {
            let inputs = if matches!(run.spec().target, OutputSpec::Pair(_)) { 2 } else { 1 };
            let each = inputs * run.spec().input.shape().iter().product::<usize>();
            steps(run) * (run.training.batch_size * run.training.accumulate_grad_steps * each) as u64
        };
        let limits: Option<Vec<u64>> = runs().map(|run| run.training.max_time.map(|time| time.as_secs())).collect();
        Self {
            scale: plan.scale,
            runs: runs().count(),
            not_applicable: plan.runs.len() - runs().count(),
            steps: runs().map(steps).sum(),
            positions: runs().map(positions).sum(),
            seconds_at_most: limits.map(|limits| limits.iter().sum()),
        }
    }

    /// `24 runs, 1.2e6 steps, 3.4e9 positions, ≤ 6h`.
    fn text(&self) -> String {
        let Self { runs, steps, positions, .. } = self;
        let time = self.seconds_at_most.map(|seconds| format!(", ≤ {}", duration(seconds as f64)));
        format!("{runs}, {:.1e}, {:.1e}{}", *steps as f64, *positions as f64, time.unwrap_or_default())
    }
}

/// The experiment at `path`, planned at every scale.
fn described(path: &Path, registry: &Registry) -> Described {
    let file = path.display().to_string();
    let plan = |scale: Scale| {
        let overrides = Overrides { set: vec![format!("scale={scale}")], ..Overrides::default() };
        load(path, &overrides, registry)
    };
    match Scale::ALL.into_iter().map(plan).collect::<Result<Vec<Plan>, _>>() {
        Ok(plans) => {
            let description = plans.first().map(|plan| plan.description.clone()).unwrap_or_default();
            Described { file, description, error: None, scales: plans.iter().map(Cost::of).collect() }
        }
        Err(error) => {
            Described { file, description: String::new(), error: Some(error.to_string()), scales: Vec::new() }
        }
    }
}

fn experiments(global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let files = experiment_files(Path::new(EXPERIMENTS))?;
    let all: Vec<Described> = files.iter().map(|path| described(path, registry)).collect();
    let text = || {
        let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        let row = |Described { file, description, error, scales }: &Described| {
            let wrong = error.as_ref().map(|error| format!("cannot be run: {}", first(error)));
            let costs = Scale::ALL.map(|scale| {
                let cost = scales.iter().find(|cost| cost.scale == scale);
                cost.map_or_else(|| "—".to_owned(), Cost::text)
            });
            [vec![file.clone()], costs.to_vec(), vec![wrong.unwrap_or_else(|| first(description))]].concat()
        };
        let rows: Vec<Vec<String>> = all.iter().map(row).collect();
        let heading = "experiment | paper# | laptop# | smoke# | description";
        format!(
            "{}\nat every scale: runs, optimiser steps, positions that they train on, and where `max_time` bounds every run, the \
             time of all; `bench run FILE --dry-run` measures steps on this machine",
            text_table(heading, &rows)
        )
    };
    global.print(|| &all, text)
}

fn experiment_files(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let refuse = |error: std::io::Error| {
        CliError::usage(format!("cannot read the folder `{}`: {error}; run this where it lies", folder.display()))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
