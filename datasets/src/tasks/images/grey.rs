//! Image of the Long Range Arena: grey CIFAR-10, 1 024 pixels in a row or as a picture.
//!
//! Source: Krizhevsky 2009; as a long-range task: Tay et al., "Long Range Arena", arXiv 2011.04006. Colours become grey as
//! Pillow's `convert("L")` makes it. S4 and CCNN normalise with mean 122.6 / 255 and standard deviation 61.0 / 255; the Arena
//! feeds the 256 levels into an embedding (`pixels: embed`). The validation images are 5 000 of the 50 000 training images; see
//! [`splits`](crate::splits). This is not sequential CIFAR-10, which has three channels: that is `scifar10`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::config::image_form::Form;
use crate::tasks::images::pictures::{Pictures, Plan, Reading, Scale, augment::Augmentation, sizes, source::Set};
use crate::{
    config::error::ConfigError,
    library::{DataError, Library},
    progress::Progress,
    splits::OFFICIAL_VERSION,
    task::{Dataset, Info, Task, TaskDefinition, TaskSpec},
};
use vocabulary::{InputSpec, Metric, OutputSpec};

const SIDE: usize = 32;
const MEAN: f32 = 122.6 / 255.0;
const DEVIATION: f32 = 61.0 / 255.0;
/// Raised whenever the same settings give other samples.
const VERSION: u32 = 1;

/// Settings of the task `image`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Image", transform = crate::config::image_form::form_is_also_dimensions)]
pub struct Config {
    /// As a sequence of pixels (`1d`) or as a picture (`2d`).
    #[serde(alias = "dimensions")]
    pub form: Form,
    /// What a pixel is to the model.
    pub pixels: Pixels,
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

impl Default for Config {
    fn default() -> Self {
        Self {
            form: Form::Sequence,
            pixels: Pixels::Normalised,
            augment: false,
            train_samples: 45_000,
            validation_samples: 5_000,
            test_samples: 10_000,
        }
    }
}

/// What a pixel is to the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ImagePixels")]
pub enum Pixels {
    /// A number of mean 0 and standard deviation 1 over the data, as in S4 and CCNN.
    #[default]
    Normalised,
    /// A number from 0 to 1.
    Unit,
    /// One of 256 ids, as in the Long Range Arena.
    Embed,
}

/// The task `image`.
#[derive(Debug, Clone, Copy)]
pub struct Image;

impl TaskDefinition for Image {
    type Config = Config;
    const INFO: Info = Info {
        name: "image",
        summary: "Image: grey CIFAR-10, 1 024 pixels in a row or as a picture (10 classes; chance 10 %)",
        source: "Krizhevsky 2009; Tay et al., arXiv 2011.04006 (`bench data fetch cifar10`)",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        let sizes = sizes(config.train_samples, config.validation_samples, config.test_samples, Set::Cifar10.sizes())?;
        let shape = config.form.shape(SIDE, SIDE);
        let (pixels, input) = match (config.pixels, config.form) {
            (Pixels::Embed, Form::Picture) => {
                return Err(ConfigError::new("pixels", "`embed` makes a sequence of ids; set `form: 1d` with it"));
            }
            (Pixels::Embed, Form::Sequence) => ("embed", InputSpec::Tokens { vocabulary: 256, length: SIDE * SIDE }),
            (Pixels::Unit, _) => ("unit", InputSpec::Values { channels: 1, shape }),
            (Pixels::Normalised, _) => ("normalised", InputSpec::Values { channels: 1, shape }),
        };
        let augmentation = config.augment.then_some(Augmentation::Shift { pad: 4 });
        let augmented =
            augmentation.as_ref().map(|augmentation| format!("-{}", augmentation.name())).unwrap_or_default();
        let spec = TaskSpec {
            name: match config.form {
                Form::Sequence => "image".to_owned(),
                Form::Picture => "image-2d".to_owned(),
            },
            version: format!("lra-image@grey-{pixels}{augmented}-{OFFICIAL_VERSION}-{VERSION}"),
            data: Set::Cifar10.name().to_owned(),
            input,
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
        let mut parts = Set::Cifar10.read(library, progress)?;
        parts.training = parts.training.grey();
        parts.test = parts.test.grey();
        let plan = Plan {
            set: "grey cifar10",
            sizes: self.spec.splits,
            usual: Set::Cifar10.usual(),
            reading: match self.config.pixels {
                Pixels::Normalised => Reading::Planes(Scale::new(&[MEAN], &[DEVIATION])),
                Pixels::Unit => Reading::Planes(Scale::new(&[0.0], &[1.0])),
                Pixels::Embed => Reading::Levels,
            },
            side: SIDE,
            augmentation: self.augmentation.clone(),
        };
        Ok(Box::new(Pictures::new(parts, plan)?))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        Set::Cifar10.folder(library).map(|_| ())
    }
}
