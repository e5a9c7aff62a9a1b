//! CIFAR-10 and CIFAR-100 in colour: as pictures, as a sequence of pixels, and as rows followed by noise.
//!
//! Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The validation images are 5 000 of the
//! 50 000 training images; see [`splits`](crate::splits). Statistics of `normalisation: standard` are those of the CCNN code.

use vocabulary::{InputSpec, SplitSizes};

use crate::config::{ConfigError, InputRank, settings, within};
use crate::splits::OFFICIAL_VERSION;
use crate::task::{Info, Task, TaskDefinition};
use crate::tasks::images::pictures::{
    Augmentation, Normalisation, OfficialSet, PictureTask, PixelEncoding, Statistics, augmented,
};

const USUAL: SplitSizes = SplitSizes { train: 45_000, validation: 5_000, test: 10_000 };
const SIDE: usize = 32;
const CHANNELS: usize = 3;
/// Raised whenever the same settings give other samples.
const VERSION: u32 = 1;
const TEN: Statistics = Statistics { mean: [0.4914, 0.4822, 0.4465], deviation: [0.247, 0.243, 0.261] };
const HUNDRED: Statistics = Statistics { mean: [0.5071, 0.4867, 0.4408], deviation: [0.2675, 0.2565, 0.2761] };

settings! {
    /// Settings of `cifar10` and `cifar100`.
    #[schemars(rename = "CifarPicture", transform = crate::config::form_is_also_dimensions)]
    pub struct PictureConfig {
        /// As a picture (`2d`) or as a sequence of pixels (`1d`).
        #[serde(alias = "dimensions")]
        pub form: InputRank = InputRank::Picture,
        /// Mean and standard deviation to normalise by.
        pub normalisation: Normalisation = Normalisation::Standard,
        /// Random crops (4 mirrored pixels added on every side) and mirror images, of training images only.
        pub augment: bool = true,
        ..official("Images for training.", 50_000, 10_000, USUAL),
    }
}

settings! {
    /// Settings of `scifar10`.
    #[schemars(rename = "CifarSequence")]
    pub struct SequenceConfig {
        /// Mean and standard deviation to normalise by.
        pub normalisation: Normalisation = Normalisation::Standard,
        /// Random crops (4 mirrored pixels added on every side) and mirror images before the pixels are put in a row, of training
        /// images only.
        pub augment: bool = false,
        ..official("Images for training.", 50_000, 10_000, USUAL),
    }
}

settings! {
    /// Settings of `npcifar`.
    #[schemars(rename = "CifarNoise")]
    pub struct NoiseConfig {
        /// Steps in all, 33 to 100 000: 32 rows, then noise.
        #[schemars(range(min = 33, max = 100_000))]
        pub length: usize = 1_000,
        /// Mean and standard deviation to normalise by.
        pub normalisation: Normalisation = Normalisation::Standard,
        /// Seed of the noise.
        pub seed: u64 = 0,
        ..official("Images for training.", 50_000, 10_000, USUAL),
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
        picture(config, OfficialSet::Cifar10, TEN)
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
        picture(config, OfficialSet::Cifar100, HUNDRED)
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
        let augmentation = config.augment.then_some(Augmentation::Shift { pad: 4 });
        let version = version("scifar10", config.normalisation, augmentation.as_ref());
        let input = InputSpec::Values { channels: CHANNELS, shape: vec![SIDE * SIDE] };
        let encoding = PixelEncoding::Planes(config.normalisation.colours(TEN));
        let name = "scifar10".to_owned();
        let task = PictureTask::new(OfficialSet::Cifar10, (name, version), input, config.sizes(), encoding)?;
        Ok(Box::new(PictureTask { augmentation, ..task }))
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
        let rows = format!("npcifar@noise{}-seed{}-", config.length, config.seed);
        let version = version("", config.normalisation, None).replacen('@', &rows, 1);
        let input = InputSpec::Values { channels: CHANNELS * SIDE, shape: vec![config.length] };
        let scale = config.normalisation.colours(TEN);
        let encoding = PixelEncoding::Rows { scale, length: config.length, seed: config.seed };
        let name = if config.length == 1_000 { "npcifar".to_owned() } else { format!("npcifar-{}", config.length) };
        Ok(Box::new(PictureTask::new(OfficialSet::Cifar10, (name, version), input, config.sizes(), encoding)?))
    }
}

fn picture(config: PictureConfig, set: OfficialSet, statistics: Statistics) -> Result<Box<dyn Task>, ConfigError> {
    let augmentation = config.augment.then_some(Augmentation::Shift { pad: 4 });
    let version = version(set.name(), config.normalisation, augmentation.as_ref());
    let name = match config.form {
        InputRank::Picture => set.name().to_owned(),
        InputRank::Sequence => format!("{}-1d", set.name()),
    };
    let input = InputSpec::Values { channels: CHANNELS, shape: config.form.shape(SIDE, SIDE) };
    let encoding = PixelEncoding::Planes(config.normalisation.colours(statistics));
    let task = PictureTask::new(set, (name, version), input, config.sizes(), encoding)?;
    Ok(Box::new(PictureTask { augmentation, ..task }))
}

fn version(name: &str, normalisation: Normalisation, augmentation: Option<&Augmentation>) -> String {
    format!("{name}@{}{}-{OFFICIAL_VERSION}-{VERSION}", normalisation.name(), augmented(augmentation))
}
