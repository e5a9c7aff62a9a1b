//! Pathfinder: are two markers joined by one contour of dashes, among distractors?
//!
//! Images are generated, not fetched (unless `source: lra` asks for the released ones), with the algorithm of the original
//! generator (Linsley et al. 2018, used by the Long Range Arena of Tay et al. 2021) and the Arena's parameters. Both forms, a
//! sequence and a picture, read one cached set.

mod bitmap;
mod config;
mod difficulty;
mod image;
mod level;
mod paddle;
mod parameters;
mod raster;
mod released;
mod snake;
#[cfg(test)]
mod tests;

use std::sync::Mutex;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use vocabulary::{InputSpec, Metric, OutputSpec, Split, SplitSizes};

use self::difficulty::Contours;
use self::level::released_sizes;
pub use self::{
    config::{Config, Distractors, PathfinderParts, PathfinderSource},
    image::{ContourLayout, GenerationError, Generator, Sample},
    level::{Difficulty, Resolution},
    parameters::{DistractorRule, Parameters},
};
use crate::config::{ConfigError, InputRank, MOST_SAMPLES, any_sizes, within};
use crate::library::{CacheKey, DataError, Library, SampleStore};
use crate::progress::Progress;
use crate::samples::Stored;
use crate::splits::sample_number;
use crate::task::{Batch, Dataset, Info, Inputs, Targets, Task, TaskDefinition, TaskSpec};

/// Raised whenever the same settings give other images.
const GENERATOR_VERSION: u32 = 1;

/// The task `pathfinder`.
#[derive(Debug, Clone, Copy)]
pub struct Pathfinder;

impl TaskDefinition for Pathfinder {
    type Config = Config;

    const INFO: Info = Info {
        name: "pathfinder",
        summary: "Are two markers joined by one dashed contour? Generated at 32, 64, 128 (Path-X) or 256 pixels, as sequence or picture",
        source: "Linsley et al. 2018 (arXiv:1805.08315); parameters of the Long Range Arena, Tay et al. 2021 (arXiv:2011.04006)",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        if config.source == PathfinderSource::Lra {
            return build_released(config);
        }
        if config.parts != PathfinderParts::Split {
            return Err(ConfigError::new(
                "parts",
                "splits released images; set `source: lra` with it, or leave it out",
            ));
        }
        let spec = spec(&config);
        any_sizes(spec.splits)?;
        let generator = Generator::new(config.parameters.clone())?;
        Ok(Box::new(GeneratedTask { spec, generator, config }))
    }
}

/// The task on images in the layout of the released archive.
fn build_released(config: Config) -> Result<Box<dyn Task>, ConfigError> {
    if config.parameters != Parameters::published(config.resolution, config.difficulty) || config.seed != 0 {
        return Err(ConfigError::new(
            "source",
            "`lra` reads images that are drawn already; leave out the seed and the parameters of the generator",
        ));
    }
    let whole = config.parts == PathfinderParts::Test;
    let training = if whole { 0..=0 } else { 1..=MOST_SAMPLES };
    within("train_samples", config.train_samples, training.clone())?;
    within("validation_samples", config.validation_samples, training)?;
    within("test_samples", config.test_samples, 1..=MOST_SAMPLES)?;
    let generated = spec(&config);
    let parts = if whole { "test-only" } else { released::SPLIT_VERSION };
    let variant = if config.centre { "pathfinder-centred" } else { "pathfinder" };
    let spec = TaskSpec {
        name: format!("lra-{}", generated.name),
        version: format!("{variant}@lra-{parts}-{}", released::VERSION),
        data: format!("lra-{}", generated.data),
        ..generated
    };
    Ok(Box::new(ReleasedTask { spec, config }))
}

/// Name of the data set, shared by both forms.
fn data_name(config: &Config) -> String {
    format!("pathfinder{}-{}{}", config.resolution.side(), config.difficulty.name(), suffix(config))
}

/// Nothing for published parameters; otherwise a mark by which two sets of parameters can be distinguished.
fn suffix(config: &Config) -> String {
    if config.parameters == Parameters::published(config.resolution, config.difficulty) {
        return String::new();
    }
    let hash = Sha256::digest(serde_json::to_vec(&config.parameters).unwrap_or_default());
    format!("-{:.6}", format!("{hash:x}"))
}

fn spec(config: &Config) -> TaskSpec {
    let side = config.resolution.side() as usize;
    let difficulty = match config.difficulty {
        Difficulty::Hard => String::new(),
        other => format!("-{}", other.name()),
    };
    let (form, shape) = match config.form {
        InputRank::Sequence => ("1d", vec![side * side]),
        InputRank::Picture => ("2d", vec![side, side]),
    };
    let variant = if config.centre { "pathfinder-centred" } else { "pathfinder" };
    TaskSpec {
        name: format!("pathfinder{side}{difficulty}{}-{form}", suffix(config)),
        version: format!("{variant}@generated-{GENERATOR_VERSION}"),
        data: data_name(config),
        input: InputSpec::Values { channels: 1, shape },
        target: OutputSpec::Binary,
        metric: Metric::Accuracy,
        chance: 0.5,
        splits: SplitSizes {
            train: config.train_samples,
            validation: config.validation_samples,
            test: config.test_samples,
        },
    }
}

/// The task with its settings.
#[derive(Debug)]
struct GeneratedTask {
    spec: TaskSpec,
    config: Config,
    generator: Generator,
}

impl GeneratedTask {
    /// Does not depend on the form or on centring: those are applied when reading.
    fn key(&self) -> Result<CacheKey, DataError> {
        let side = self.config.resolution.side() as usize;
        let parameters = serde_json::to_value(self.generator.parameters())
            .map_err(|error| DataError::Generation { what: self.spec.data.clone(), message: error.to_string() })?;
        Ok(CacheKey {
            name: self.spec.data.clone(),
            version: GENERATOR_VERSION,
            spec: serde_json::json!({ "seed": self.config.seed, "parameters": parameters }),
            input_bytes: side * side,
            label_bytes: 1,
            sizes: self.spec.splits,
        })
    }
}

impl Task for GeneratedTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let key = self.key()?;
        let store = library.cached(&key, progress, |writer| {
            writer.generate(progress, |position, input, label| {
                let number = sample_number(&key.sizes, position);
                let sample = self.generator.sample(self.config.seed, number).map_err(|error| {
                    DataError::Generation { what: self.spec.data.clone(), message: error.to_string() }
                })?;
                input.copy_from_slice(&sample.pixels);
                label[0] = sample.label;
                Ok(())
            })
        })?;
        let contours = Contours {
            generator: self.generator.clone(),
            seed: self.config.seed,
            sizes: key.sizes,
            data: self.spec.data.clone(),
            known: Mutex::default(),
        };
        Ok(Box::new(stored(store, key.input_bytes, self.config.centre, vec![]).annotated(contours)))
    }

    fn check(&self, _library: &Library) -> Result<(), DataError> {
        Ok(())
    }
}

/// The task on released images.
#[derive(Debug)]
struct ReleasedTask {
    spec: TaskSpec,
    config: Config,
}

impl Task for ReleasedTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let level = released::Level::find(library, &self.config)?;
        let whole = self.config.parts == PathfinderParts::Test;
        let (store, cut) = level.store(library, &self.spec.data, self.spec.splits, whole, progress)?;
        let side = self.config.resolution.side() as usize;
        let notes: Vec<String> = level.note.into_iter().chain(cut).collect();
        for note in &notes {
            tracing::warn!("{}: {note}", self.spec.data);
        }
        Ok(Box::new(stored(store, side * side, self.config.centre, notes)))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        released::folder(library, self.config.resolution, self.config.difficulty).map(|_| ())
    }
}

/// Stored images as samples.
fn stored(
    store: SampleStore,
    pixels: usize,
    centre: bool,
    notes: Vec<String>,
) -> Stored<impl Fn(&SampleStore, Split, &[usize]) -> Result<Batch, DataError> + Send + Sync> {
    let processing = if centre { "(value / 255 - 0.5) / 0.5" } else { "value / 255" };
    Stored::new(store, processing, move |store: &SampleStore, split, positions: &[usize]| {
        read(store, split, positions, pixels, centre)
    })
    .with_notes(notes, vec![])
}

/// Settings of `pathx`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "PathX")]
pub struct PathXConfig {
    /// Where the images come from.
    pub source: PathfinderSource,
    /// Shift values from [0, 1] to [−1, 1].
    pub centre: bool,
    /// Training images.
    pub train_samples: usize,
    /// Validation images.
    pub validation_samples: usize,
    /// Test images.
    pub test_samples: usize,
    /// Seed of generated images.
    pub seed: u64,
}

impl Default for PathXConfig {
    fn default() -> Self {
        let SplitSizes { train, validation, test } = released_sizes(Resolution::Px128, Difficulty::Hard);
        Self {
            source: PathfinderSource::Generated,
            centre: false,
            train_samples: train,
            validation_samples: validation,
            test_samples: test,
            seed: 0,
        }
    }
}

/// The task `pathx`: the hard images of 128 × 128 pixels as sequences.
#[derive(Debug, Clone, Copy)]
pub struct PathX;

impl TaskDefinition for PathX {
    type Config = PathXConfig;

    const INFO: Info = Info {
        name: "pathx",
        summary: "Path-X: Pathfinder with 128 x 128 pixels, hard, as a sequence of 16 384 (2 classes; chance 50 %)",
        source: Pathfinder::INFO.source,
    };

    fn build(config: PathXConfig) -> Result<Box<dyn Task>, ConfigError> {
        let settings = serde_json::json!({
            "resolution": Resolution::Px128,
            "difficulty": Difficulty::Hard,
            "source": config.source,
            "centre": config.centre,
            "train_samples": config.train_samples,
            "validation_samples": config.validation_samples,
            "test_samples": config.test_samples,
            "seed": config.seed,
        });
        let config: Config =
            serde_json::from_value(settings).map_err(|error| ConfigError::new("", error.to_string()))?;
        let task = Pathfinder::build(config)?;
        let spec = task.spec();
        let name = spec.name.replace("pathfinder128-1d", "pathx");
        Ok(Box::new(RenamedTask { spec: TaskSpec { name, ..spec.clone() }, task }))
    }
}

/// A task under another name.
struct RenamedTask {
    spec: TaskSpec,
    task: Box<dyn Task>,
}

impl Task for RenamedTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        self.task.prepare(library, progress)
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        self.task.check(library)
    }
}

fn read(
    store: &SampleStore,
    split: Split,
    positions: &[usize],
    pixels: usize,
    centre: bool,
) -> Result<Batch, DataError> {
    let mut values = Vec::with_capacity(positions.len() * pixels);
    let mut labels = Vec::with_capacity(positions.len());
    store.visit(split, positions, |_, input, label| {
        let shares = input.iter().map(|&value| f32::from(value) / 255.0);
        if centre {
            values.extend(shares.map(|share| (share - 0.5) / 0.5));
        } else {
            values.extend(shares);
        }
        labels.push(i32::from(label[0]));
    })?;
    Ok(Batch { size: positions.len(), inputs: Inputs::Values(values), targets: Targets::Labels(labels), lengths: None })
}
