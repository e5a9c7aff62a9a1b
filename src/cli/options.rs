//! Arguments that several commands share.

use std::path::PathBuf;

use baselines::device::DeviceChoice;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use datasets::{DataError, Library, Split};
use serde::Serialize;

use super::{CliError, Exit, print, print_json};
use crate::experiment::{ExperimentError, Overrides, Plan, load};
use crate::registry::Registry;
use crate::terminal::LogForm;

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
    /// Print a result on standard output: `json` with `--json`, else `text`.
    ///
    /// # Errors
    /// See [`print()`].
    pub fn print<T: Serialize>(
        &self,
        json: impl FnOnce() -> T,
        text: impl FnOnce() -> String,
    ) -> Result<Exit, CliError> {
        if self.json {
            print_json(&json())?
        } else {
            print(&text())?
        }
        Ok(Exit::Done)
    }

    /// Say what begins, unless `--quiet`.
    pub fn notify(&self, what: &str) {
        if !self.quiet {
            tracing::info!("{what}");
        }
    }

    /// The data folder and the cache that were chosen.
    pub fn library(&self) -> Result<Library, DataError> {
        Ok(Library::locate(self.data.clone())?.with_cache(self.cache.clone()))
    }
}

/// Where to compute.
#[derive(Debug, Clone, Copy, Args)]
pub struct DeviceArgs {
    /// auto, cpu, cuda, wgpu or tch; a number picks one of several: cuda:1, wgpu:1, tch:cuda:1
    #[arg(long = "device", value_name = "DEVICE", default_value = "auto")]
    pub choice: DeviceChoice,
}

/// An experiment file and what changes it, seeds aside.
#[derive(Debug, Clone, Args)]
pub struct FileArgs {
    /// Experiment file
    #[arg(value_name = "EXPERIMENT.yaml")]
    file: PathBuf,
    /// Change a setting, e.g. training.epochs=20 or baseline.hidden=64; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Only the pairs that match, e.g. 'task=pathfinder*,baseline=ccnn*'
    #[arg(long, value_name = "task=PATTERN,baseline=PATTERN")]
    only: Option<String>,
}

impl FileArgs {
    /// The plan of the file with these changes, and with `seeds` where given.
    ///
    /// # Errors
    /// See [`ExperimentError`].
    pub fn plan(&self, seeds: Option<&str>, registry: &Registry) -> Result<Plan, ExperimentError> {
        let overrides = Overrides { set: self.set.clone(), only: self.only.clone(), seeds: seeds.map(str::to_owned) };
        load(&self.file, &overrides, registry)
    }
}

/// An experiment file and what changes it.
#[derive(Debug, Clone, Args)]
pub struct ExperimentArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Seeds instead of the file's
    #[arg(long, value_name = "0,1,2")]
    seeds: Option<String>,
}

impl ExperimentArgs {
    /// The plan of the file with the changes.
    ///
    /// # Errors
    /// See [`ExperimentError`].
    pub fn plan(&self, registry: &Registry) -> Result<Plan, ExperimentError> {
        self.file.plan(self.seeds.as_deref(), registry)
    }
}

/// Reads the name of a split.
pub fn split() -> impl TypedValueParser<Value = Split> {
    let help = |split| match split {
        Split::Train => "For the gradient",
        Split::Validation => "For choosing the epoch",
        Split::Test => "For the reported number",
    };
    let names = Split::ALL.map(|split| PossibleValue::new(split.name()).help(help(split)));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Split>())
}
