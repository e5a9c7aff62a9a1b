//! CIFAR-10 and CIFAR-100 in colour: as pictures, as a sequence of pixels, and as rows followed by noise.
//!
//! Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The validation images are 5 000 of the
//! 50 000 training images; see [`splits`](crate::splits). Statistics of `normalisation: standard` are those of the CCNN code.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::config::image_form::Form;
pub use crate::tasks::images::pictures::Normalisation;
use crate::tasks::images::pictures::{Pictures, Plan, Reading, Statistics, augment::Augmentation, sizes, source::Set};
use crate::{
    config::{error::ConfigError, ranges::within},
    library::{DataError, Library},
    progress::Progress,
    splits::OFFICIAL_VERSION,
    task::{Dataset, Info, Task, TaskDefinition, TaskSpec},
};
use vocabulary::{InputSpec, Metric, OutputSpec};

const SIDE: usize = 32;
const CHANNELS: usize = 3;
/// Raised whenever the same settings give other samples.
const VERSION: u32 = 1;
const TEN: Statistics = Statistics { mean: [0.4914, 0.4822, 0.4465], deviation: [0.247, 0.243, 0.261] };
const HUNDRED: Statistics = Statistics { mean: [0.5071, 0.4867, 0.4408], deviation: [0.2675, 0.2565, 0.2761] };

/// Settings of `cifar10` and `cifar100`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "CifarPicture", transform = crate::config::image_form::form_is_also_dimensions)]
pub struct PictureConfig {
    /// As a picture (`2d`) or as a sequence of pixels (`1d`).
    #[serde(alias = "dimensions")]
    pub form: Form,
    /// Mean and standard deviation to normalise by.
    pub normalisation: Normalisation,
    /// Random crops (4 mirrored pixels added on every side) and mirror images, of training images only.
    pub augment: bool,
    /// Images for training.
    #[schemars(range(min = 1, max = 50_000))]
    pub train_samples: usize,
    /// Images for choosing the epoch, from the back of the balanced order.
    #[schemars(range(min = 1, max = 50_000))]
    pub validation_samples: usize,
    /// Images of the official test file, by class in their shares.
    #[schemars(range(min = 1, max = 10_000))]
    pub test_samples: usize,
}

impl Default for PictureConfig {
    fn default() -> Self {
        Self {
            form: Form::Picture,
            normalisation: Normalisation::Standard,
            augment: true,
            train_samples: 45_000,
            validation_samples: 5_000,
            test_samples: 10_000,
        }
    }
}

/// Settings of `scifar10`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "CifarSequence")]
pub struct SequenceConfig {
    /// Mean and standard deviation to normalise by.
    pub normalisation: Normalisation,
    /// Random crops (4 mirrored pixels added on every side) and mirror images before the pixels are put in a row, of training
    /// images only.
    pub augment: bool,
    /// Images for training.
    #[schemars(range(min = 1, max = 50_000))]
    pub train_samples: usize,
    /// Images for choosing the epoch, from the back of the balanced order.
    #[schemars(range(min = 1, max = 50_000))]
    pub validation_samples: usize,
    /// Images of the official test file, by class in their shares.
    #[schemars(range(min = 1, max = 10_000))]
    pub test_samples: usize,
}

impl Default for SequenceConfig {
    fn default() -> Self {
        let PictureConfig { normalisation, train_samples, validation_samples, test_samples, .. } =
            PictureConfig::default();
        Self { normalisation, augment: false, train_samples, validation_samples, test_samples }
    }
}

/// Settings of `npcifar`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "CifarNoise")]
pub struct NoiseConfig {
    /// Steps in all, 33 to 100 000: 32 rows, then noise.
    #[schemars(range(min = 33, max = 100_000))]
    pub length: usize,
    /// Mean and standard deviation to normalise by.
    pub normalisation: Normalisation,
    /// Seed of the noise.
    pub seed: u64,
    /// Images for training.
    #[schemars(range(min = 1, max = 50_000))]
    pub train_samples: usize,
    /// Images for choosing the epoch, from the back of the balanced order.
    #[schemars(range(min = 1, max = 50_000))]
    pub validation_samples: usize,
    /// Images of the official test file, by class in their shares.
    #[schemars(range(min = 1, max = 10_000))]
    pub test_samples: usize,
}

impl Default for NoiseConfig {
    fn default() -> Self {
        let SequenceConfig { normalisation, train_samples, validation_samples, test_samples, .. } =
            SequenceConfig::default();
        Self { length: 1_000, normalisation, seed: 0, train_samples, validation_samples, test_samples }
    }
}

/// The task `cifar10`.
#[derive(Debug, Clone, Copy)]
pub struct Cifar10;

impl TaskDefinition for Cifar10 {
    type Config = PictureConfig;
    const INFO: Info = Info {
        name: "cifar10",
        summary: "CIFAR-10: colour pictures of 32 x 32 with random crops and mirror images (10 classes; chance 10 %)",
        source: "Krizhevsky 2009 (`bench data fetch cifar10`)",
    };

    fn build(config: PictureConfig) -> Result<Box<dyn Task>, ConfigError> {
        picture(config, Set::Cifar10, TEN)
    }
}

/// The task `cifar100`.
#[derive(Debug, Clone, Copy)]
pub struct Cifar100;

impl TaskDefinition for Cifar100 {
    type Config = PictureConfig;
    const INFO: Info = Info {
        name: "cifar100",
        summary: "CIFAR-100: colour pictures of 32 x 32 with random crops and mirror images (100 classes; chance 1 %)",
        source: "Krizhevsky 2009 (`bench data fetch cifar100`)",
    };

    fn build(config: PictureConfig) -> Result<Box<dyn Task>, ConfigError> {
        picture(config, Set::Cifar100, HUNDRED)
    }
}

/// The task `scifar10`.
#[derive(Debug, Clone, Copy)]
pub struct SequentialCifar10;

impl TaskDefinition for SequentialCifar10 {
    type Config = SequenceConfig;
    const INFO: Info = Info {
        name: "scifar10",
        summary: "sequential CIFAR-10: 1 024 pixels of three channels, row by row (10 classes; chance 10 %)",
        source: "Krizhevsky 2009; as a sequence: Chang et al., arXiv 1710.02224 (`bench data fetch cifar10`)",
    };

    fn build(config: SequenceConfig) -> Result<Box<dyn Task>, ConfigError> {
        let sizes = sizes(config.train_samples, config.validation_samples, config.test_samples, Set::Cifar10.sizes())?;
        let augmentation = config.augment.then_some(Augmentation::Shift { pad: 4 });
        let version = version("scifar10", config.normalisation, augmentation.as_ref());
        let input = InputSpec::Values { channels: CHANNELS, shape: vec![SIDE * SIDE] };
        let reading = Reading::Planes(config.normalisation.colours(TEN));
        let spec = spec("scifar10".to_owned(), version, Set::Cifar10, input, sizes);
        Ok(Box::new(Configured { spec, set: Set::Cifar10, reading, augmentation }))
    }
}

/// The task `npcifar`.
#[derive(Debug, Clone, Copy)]
pub struct NoisePaddedCifar10;

impl TaskDefinition for NoisePaddedCifar10 {
    type Config = NoiseConfig;
    const INFO: Info = Info {
        name: "npcifar",
        summary: "noise-padded CIFAR-10: 32 rows of 96 numbers, then noise up to 1 000 steps (10 classes; chance 10 %)",
        source: "Chang et al., arXiv 1902.09689; Rusch & Mishra, arXiv 2010.00951 (`bench data fetch cifar10`)",
    };

    fn build(config: NoiseConfig) -> Result<Box<dyn Task>, ConfigError> {
        within("length", config.length, SIDE + 1..=100_000)?;
        let sizes = sizes(config.train_samples, config.validation_samples, config.test_samples, Set::Cifar10.sizes())?;
        let rows = format!("npcifar@noise{}-seed{}-", config.length, config.seed);
        let version = version("", config.normalisation, None).replacen('@', &rows, 1);
        let input = InputSpec::Values { channels: CHANNELS * SIDE, shape: vec![config.length] };
        let scale = config.normalisation.colours(TEN);
        let reading = Reading::Rows { scale, length: config.length, seed: config.seed };
        let name = if config.length == 1_000 { "npcifar".to_owned() } else { format!("npcifar-{}", config.length) };
        let spec = spec(name, version, Set::Cifar10, input, sizes);
        Ok(Box::new(Configured { spec, set: Set::Cifar10, reading, augmentation: None }))
    }
}

fn picture(config: PictureConfig, set: Set, statistics: Statistics) -> Result<Box<dyn Task>, ConfigError> {
    let sizes = sizes(config.train_samples, config.validation_samples, config.test_samples, set.sizes())?;
    let augmentation = config.augment.then_some(Augmentation::Shift { pad: 4 });
    let version = version(set.name(), config.normalisation, augmentation.as_ref());
    let name = match config.form {
        Form::Picture => set.name().to_owned(),
        Form::Sequence => format!("{}-1d", set.name()),
    };
    let input = InputSpec::Values { channels: CHANNELS, shape: config.form.shape(SIDE, SIDE) };
    let reading = Reading::Planes(config.normalisation.colours(statistics));
    Ok(Box::new(Configured { spec: spec(name, version, set, input, sizes), set, reading, augmentation }))
}

fn version(name: &str, normalisation: Normalisation, augmentation: Option<&Augmentation>) -> String {
    let augmented = augmentation.map(|augmentation| format!("-{}", augmentation.name())).unwrap_or_default();
    format!("{name}@{}{augmented}-{OFFICIAL_VERSION}-{VERSION}", normalisation.name())
}

fn spec(name: String, version: String, set: Set, input: InputSpec, splits: vocabulary::SplitSizes) -> TaskSpec {
    let classes = if set == Set::Cifar100 { 100 } else { 10 };
    TaskSpec {
        name,
        version,
        data: set.name().to_owned(),
        input,
        target: OutputSpec::Classes(classes),
        metric: Metric::Accuracy,
        // Every class has as many test images as every other.
        chance: 1.0 / classes as f64,
        splits,
    }
}

struct Configured {
    spec: TaskSpec,
    set: Set,
    reading: Reading,
    augmentation: Option<Augmentation>,
}

impl Task for Configured {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let plan = Plan {
            set: self.set.name(),
            sizes: self.spec.splits,
            usual: self.set.usual(),
            reading: self.reading.clone(),
            side: SIDE,
            augmentation: self.augmentation.clone(),
        };
        Ok(Box::new(Pictures::new(self.set.read(library, progress)?, plan)?))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        self.set.folder(library).map(|_| ())
    }
}
