//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use baselines::device::DeviceChoice;
use baselines::precision::Precision;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use datasets::{DataError, Library};

use crate::experiment::Overrides;

/// Long-range sequence benchmark: one YAML file in, one plotted report out.
#[derive(Debug, Parser)]
#[command(
    name = "bench",
    version,
    max_term_width = 100,
    after_help = "Begin with: bench run experiments/quickstart.yaml\n\n\
    Exit codes: 0 done; 1 a cell or a check failed, or a cell is locked; 2 wrong usage, experiment file or data \
    (nothing started); 3 the device is missing; 130 interrupted (run the same command again to resume)."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Data folder [default: $BENCH_DATA, else the platform's data directory]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub data: Option<PathBuf>,
    /// Folder of derived and generated sets [default: $BENCH_CACHE, else .cache in the data folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub cache: Option<PathBuf>,
    /// Print a machine-readable result on standard output
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// Only warnings and errors, no progress
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub quiet: bool,
    /// Form of log lines on standard error
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM", help_heading = "Global options")]
    pub log: LogForm,
    /// CPU threads [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Global options")]
    pub threads: Option<u16>,
}

impl Global {
    /// The data folder and the cache that were chosen.
    pub fn library(&self) -> Result<Library, DataError> {
        Ok(Library::locate(self.data.clone())?.with_cache(self.cache.clone()))
    }
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogForm {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment: what is not done is trained, what was interrupted is resumed
    Run(RunArgs),
    /// Write tables, figures and pages from run folders alone
    Report(ReportArgs),
    /// Compare runs in pairs, e.g. 1D against 2D with --by task
    Compare(CompareArgs),
    /// Variance per layer and scale of logits at initialisation
    Diagnose(DiagnoseArgs),
    /// Time and memory of training steps; needs no data, unless asked for the task's own
    Speed(SpeedArgs),
    /// Score of a checkpoint: one of ours, or the weights of a reference program
    Eval(EvalArgs),
    /// Compare with tensors recorded from the original programs
    Parity(ParityArgs),
    /// List, fetch, generate, import, verify, show and clean data sets
    Data(crate::commands::data::DataArgs),
    /// List what experiment files can name
    List(ListArgs),
    /// Print the JSON schema of experiment files, for completion in editors
    Schema,
    /// What works here: devices, threads, data, disk
    Doctor,
    /// States of all cells of a run folder
    Status(StatusArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Train cells as `bench run` orders on standard input
    #[command(hide = true)]
    Worker(WorkerArgs),
}

impl Command {
    /// Whether messages are coloured, where another process decides.
    pub fn has_colour(&self) -> Option<bool> {
        match self {
            Self::Worker(args) => Some(args.colour),
            _ => None,
        }
    }
}

/// `bench worker`
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Run folder of the experiment
    #[arg(long, value_name = "DIR")]
    pub folder: PathBuf,
    /// Where to compute
    #[arg(long, value_name = "DEVICE")]
    pub device: DeviceChoice,
    /// Messages end on a terminal that shows colours
    #[arg(long)]
    pub colour: bool,
}

/// `bench run`
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Where run folders go
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub out: PathBuf,
    /// auto, cpu, cuda, wgpu or tch; a number picks one of several: cuda:1, wgpu:1, tch:cuda:1
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// Cells that run at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: u16,
    /// Run this cell only (an id of --dry-run)
    #[arg(long, value_name = "ID")]
    pub cell: Option<String>,
    /// Stop after this time, e.g. 30m; the next run resumes
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub max_time: Option<Duration>,
    /// Print the cells and stop
    #[arg(long)]
    pub dry_run: bool,
    /// With --dry-run: leave out the estimates, which time a few steps per pair of task and baseline
    #[arg(long, requires = "dry_run")]
    pub no_time: bool,
    /// Discard earlier results of these cells
    #[arg(long)]
    pub fresh: bool,
}

/// An experiment file and what changes it.
#[derive(Debug, Clone, Args)]
pub struct ExperimentArgs {
    /// Experiment file
    #[arg(value_name = "EXPERIMENT.yaml")]
    pub file: PathBuf,
    /// Change a setting, e.g. training.epochs=20 or baseline.hidden=64; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Only the pairs that match, e.g. 'task=pathfinder*,baseline=ccnn*'
    #[arg(long, value_name = "task=PATTERN,baseline=PATTERN")]
    pub only: Option<String>,
    /// Seeds instead of the file's
    #[arg(long, value_name = "0,1,2")]
    pub seeds: Option<String>,
}

impl ExperimentArgs {
    /// The changes.
    pub fn overrides(&self) -> Overrides {
        Overrides { set: self.set.clone(), only: self.only.clone(), seeds: self.seeds.clone() }
    }
}

/// `bench report`
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Run folders (of experiments)
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Where the report goes; by default `report` in the first DIR
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What is written, any of html,md,csv,svg,png
    #[arg(long, value_delimiter = ',', value_name = "FORMATS", default_value = "html,md,csv,svg,png")]
    pub format: Vec<String>,
}

/// `bench compare`
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// Run folders (of experiments)
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// What differs within a pair: task, baseline or a field of the grid
    #[arg(long, value_name = "FIELD")]
    pub by: String,
}

/// `bench diagnose`
#[derive(Debug, Clone, Args)]
pub struct DiagnoseArgs {
    /// Experiment file
    #[arg(value_name = "EXPERIMENT.yaml")]
    pub file: PathBuf,
    /// Change a setting, e.g. baseline.hidden=64; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Only the pairs that match, e.g. 'task=pathfinder*,baseline=ccnn*'
    #[arg(long, value_name = "task=PATTERN,baseline=PATTERN")]
    pub only: Option<String>,
    /// Where run folders go
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub out: PathBuf,
    /// auto, cpu, cuda, wgpu or tch; a number picks one of several: cuda:1, wgpu:1, tch:cuda:1
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// Number of seeds, from 0
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: u64,
    /// Samples of the batch of noise; statistics of batch normalisation, and so the logits, depend on it
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub batch_size: u16,
}

/// `bench speed`
#[derive(Debug, Clone, Args)]
pub struct SpeedArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// auto, cpu, cuda, wgpu or tch; a number picks one of several: cuda:1, wgpu:1, tch:cuda:1
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// Steps that count
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub steps: u16,
    /// Time all cells this many times in turns, --steps steps each: what disturbs the machine for a while then hits all alike
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: u16,
    /// Steps before those that count
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub warmup: u16,
    /// Time every kernel by itself
    #[arg(long)]
    pub profile: bool,
    /// Samples: arbitrary ones, or those of the task's training split, read ahead by training.workers threads as in a run
    #[arg(long, value_enum, default_value_t, value_name = "SOURCE")]
    pub data_from: DataFrom,
}

/// Where the samples of `bench speed` come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DataFrom {
    /// Arbitrary values; needs no data.
    #[default]
    Synthetic,
    /// The task's own.
    Task,
}

/// `bench eval`
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {
    /// best.safetensors or last.safetensors of a cell, or a state dict: .pt of PyTorch, or .safetensors
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,
    /// Task [default: that of the checkpoint's cell]
    #[arg(long, value_name = "NAME")]
    pub task: Option<String>,
    /// Baseline [default: that of the checkpoint's cell]
    #[arg(long, value_name = "NAME")]
    pub baseline: Option<String>,
    /// Change a setting, e.g. baseline.omega_0=30.5 or task.permutation=order.txt; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Which samples
    #[arg(long, value_enum, default_value_t)]
    pub split: SplitName,
    /// Resolutions, as samples per axis relative to the task's: 0.5 takes every second sample, 2 interpolates linearly;
    /// continuous kernels and steps follow. Several, as 0.5,1,2, make one table
    #[arg(long, value_name = "R", value_delimiter = ',', default_value = "1", hide_default_value = true, value_parser = resolution)]
    pub resample: Vec<f64>,
    /// Samples per forward pass
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub batch_size: u16,
    /// auto, cpu, cuda, wgpu or tch; a number picks one of several: cuda:1, wgpu:1, tch:cuda:1
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
}

/// Names of the splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SplitName {
    /// For the gradient.
    Train,
    /// For choosing the epoch.
    Validation,
    /// For the reported number.
    #[default]
    Test,
}

impl From<SplitName> for datasets::Split {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Train => Self::Train,
            SplitName::Validation => Self::Validation,
            SplitName::Test => Self::Test,
        }
    }
}

/// `bench parity`
#[derive(Debug, Clone, Args)]
pub struct ParityArgs {
    /// Folders of golden tensors: pairs of NAME.safetensors and NAME.json
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Only the goldens whose name matches, e.g. 'ccnn_*'
    #[arg(long, value_name = "PATTERN")]
    pub only: Option<String>,
    /// auto, cpu, cuda, wgpu or tch; a number picks one of several: cuda:1, wgpu:1, tch:cuda:1
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// How the operands of large matrix products are rounded: float32, tf32 or bfloat16 (with bounds to match)
    #[arg(long, value_name = "PRECISION", default_value_t)]
    pub precision: Precision,
}

/// `bench list`
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    pub what: Listed,
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

/// `bench status`
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Run folder of an experiment, or a folder of those
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// A number or a quotient, such as 1/3.
fn resolution(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| format!("`{text}` is not a number"));
    let value = match text.split_once('/') {
        Some((above, below)) => number(above)? / number(below)?,
        None => number(text)?,
    };
    let allowed = 1.0 / 64.0..=64.0;
    if allowed.contains(&value) { Ok(value) } else { Err("must be from 1/64 to 64".into()) }
}

fn duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| format!("{error}; write e.g. 30m or 1h 30m"))?;
    if time.is_zero() { Err("must be longer than 0s".into()) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn resolutions_are_numbers_and_quotients() {
        assert_eq!(resolution("0.5"), Ok(0.5));
        assert_eq!(resolution("1/4"), Ok(0.25));
        for wrong in ["0", "-1", "65", "nan", "1/0", "half", ""] {
            assert!(resolution(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
