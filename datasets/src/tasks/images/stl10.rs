//! STL-10: pictures of 96 × 96, read at the size that is asked for (256 × 256 in the CCNN paper).
//!
//! Source: Coates, Lee & Ng, AISTATS 2011; preprocessing of the CCNN code: resized to 256 × 256, statistics of
//! Lu et al. (Neural Architecture Transfer); training images resized to 272 × 272, turned by up to 15 degrees, cropped to
//! 256 × 256, mirrored. The validation images are 500 of the 5 000 labelled training images; see
//! [`splits`](crate::splits).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// Raised whenever the same settings give other samples.
const VERSION: u32 = 1;
const STATISTICS: Statistics =
    Statistics { mean: [0.446_710_97, 0.439_810_5, 0.406_646_8], deviation: [0.260_340_5, 0.256_577_43, 0.271_267_38] };

/// Settings of the task `stl10`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Stl10")]
pub struct Config {
    /// Side of the pictures in pixels, 16 to 512; 96 is that of the files.
    #[schemars(range(min = 16, max = 512))]
    pub size: usize,
    /// Mean and standard deviation to normalise by.
    pub normalisation: Normalisation,
    /// Random crops of pictures 1/16 larger, turned, and mirror images, of training images only.
    pub augment: bool,
    /// Largest angle in degrees by which a training image is turned, 0 to 45.
    #[schemars(range(min = 0.0, max = 45.0))]
    pub degrees: f64,
    /// Images for training.
    #[schemars(range(min = 1, max = 5_000))]
    pub train_samples: usize,
    /// Images for choosing the epoch, from the back of the balanced order.
    #[schemars(range(min = 1, max = 5_000))]
    pub validation_samples: usize,
    /// Images of the official test file, by class in their shares.
    #[schemars(range(min = 1, max = 8_000))]
    pub test_samples: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            size: 256,
            normalisation: Normalisation::Standard,
            augment: true,
            degrees: 15.0,
            train_samples: 4_500,
            validation_samples: 500,
            test_samples: 8_000,
        }
    }
}

/// The task `stl10`.
#[derive(Debug, Clone, Copy)]
pub struct Stl10;

impl TaskDefinition for Stl10 {
    type Config = Config;
    const INFO: Info = Info {
        name: "stl10",
        summary: "STL-10: colour pictures, 256 x 256 by default, 5 000 of them for training (10 classes; chance 10 %)",
        source: "Coates, Lee & Ng, AISTATS 2011 (`bench data fetch stl10`)",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        within("size", config.size, 16..=512)?;
        if !(0.0..=45.0).contains(&config.degrees) {
            return Err(ConfigError::new("degrees", format!("{} is not from 0 to 45", config.degrees)));
        }
        let sizes = sizes(config.train_samples, config.validation_samples, config.test_samples, Set::Stl10.sizes())?;
        let size = config.size;
        let augmentation =
            config.augment.then_some(Augmentation::Zoom { larger: size + size / 16, degrees: config.degrees });
        let augmented =
            augmentation.as_ref().map(|augmentation| format!("-{}", augmentation.name())).unwrap_or_default();
        let normalisation = config.normalisation.name();
        let spec = TaskSpec {
            name: if size == 256 { "stl10".to_owned() } else { format!("stl10-{size}") },
            version: format!("stl10@{size}-{normalisation}{augmented}-{OFFICIAL_VERSION}-{VERSION}"),
            data: Set::Stl10.name().to_owned(),
            input: InputSpec::Values { channels: 3, shape: vec![size, size] },
            target: OutputSpec::Classes(10),
            metric: Metric::Accuracy,
            chance: 0.1,
            splits: sizes,
        };
        Ok(Box::new(Configured { spec, config, augmentation }))
    }
}

struct Configured {
    spec: TaskSpec,
    config: Config,
    augmentation: Option<Augmentation>,
}

impl Task for Configured {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let plan = Plan {
            set: Set::Stl10.name(),
            sizes: self.spec.splits,
            usual: Set::Stl10.usual(),
            reading: Reading::Planes(self.config.normalisation.colours(STATISTICS)),
            side: self.config.size,
            augmentation: self.augmentation.clone(),
        };
        Ok(Box::new(Pictures::new(Set::Stl10.read(library, progress)?, plan)?))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        Set::Stl10.folder(library).map(|_| ())
    }
}
