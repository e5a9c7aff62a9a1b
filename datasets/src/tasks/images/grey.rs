//! Image of the Long Range Arena: grey CIFAR-10, 1 024 pixels in a row or as a picture.
//!
//! Source: Krizhevsky 2009; as a long-range task: Tay et al., "Long Range Arena", arXiv 2011.04006. Colours become grey as
//! Pillow's `convert("L")` makes it. S4 and CCNN normalise with mean 122.6 / 255 and standard deviation 61.0 / 255; the Arena
//! feeds the 256 levels into an embedding (`pixels: embed`). The validation images are 5 000 of the 50 000 training images; see
//! [`splits`](crate::splits). This is not sequential CIFAR-10, which has three channels: that is `scifar10`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vocabulary::{InputSpec, SplitSizes};

use crate::config::{ConfigError, InputRank, settings, sizes_of_parts};
use crate::splits::OFFICIAL_VERSION;
use crate::task::{Info, Task, TaskDefinition};
use crate::tasks::images::pictures::{Augmentation, OfficialSet, PictureTask, PixelEncoding, Scale, augmented};

const USUAL: SplitSizes = SplitSizes { train: 45_000, validation: 5_000, test: 10_000 };
const SIDE: usize = 32;
const MEAN: f32 = 122.6 / 255.0;
const DEVIATION: f32 = 61.0 / 255.0;
/// Raised whenever the same settings give other samples.
const VERSION: u32 = 1;

settings! {
    /// Settings of the task `image`.
    #[schemars(rename = "Image", transform = crate::config::form_is_also_dimensions)]
    pub struct Config {
        /// As a sequence of pixels (`1d`) or as a picture (`2d`).
        #[serde(alias = "dimensions")]
        pub form: InputRank = InputRank::Sequence,
        /// What a pixel is to the model.
        pub pixels: Pixels = Pixels::Normalised,
        /// Random crops (4 mirrored pixels added on every side) and mirror images, of training images only.
        pub augment: bool = false,
        ..official("Images for training.", 50_000, 10_000, USUAL),
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
        let set = OfficialSet::Cifar10;
        let (training, test) = set.sizes();
        let sizes = sizes_of_parts(config.sizes(), training, test)?;
        let values = InputSpec::Values { channels: 1, shape: config.form.shape(SIDE, SIDE) };
        let (pixels, input, encoding) = match (config.pixels, config.form) {
            (Pixels::Embed, InputRank::Picture) => {
                return Err(ConfigError::new("pixels", "`embed` makes a sequence of ids; set `form: 1d` with it"));
            }
            (Pixels::Embed, InputRank::Sequence) => {
                ("embed", InputSpec::Tokens { vocabulary: 256, length: SIDE * SIDE }, PixelEncoding::Levels)
            }
            (Pixels::Unit, _) => ("unit", values, PixelEncoding::Planes(Scale::new(&[0.0], &[1.0]))),
            (Pixels::Normalised, _) => ("normalised", values, PixelEncoding::Planes(Scale::new(&[MEAN], &[DEVIATION]))),
        };
        let augmentation = config.augment.then_some(Augmentation::Shift { pad: 4 });
        let name = match config.form {
            InputRank::Sequence => "image".to_owned(),
            InputRank::Picture => "image-2d".to_owned(),
        };
        let augmented = augmented(augmentation.as_ref());
        let version = format!("lra-image@grey-{pixels}{augmented}-{OFFICIAL_VERSION}-{VERSION}");
        let task = PictureTask::new(set, (name, version), input, sizes, encoding)?;
        Ok(Box::new(PictureTask { grey: true, augmentation, ..task }))
    }
}
