//! STL-10: pictures of 96 × 96, read at the size that is asked for (256 × 256 in the CCNN paper).
//!
//! Source: Coates, Lee & Ng, AISTATS 2011; preprocessing of the CCNN code: resized to 256 × 256, statistics of
//! Lu et al. (Neural Architecture Transfer); training images resized to 272 × 272, turned by up to 15 degrees, cropped to
//! 256 × 256, mirrored. The validation images are 500 of the 5 000 labelled training images; see
//! [`splits`](crate::splits).

use vocabulary::{InputSpec, SplitSizes};

use crate::config::{ConfigError, settings, within};
use crate::splits::OFFICIAL_VERSION;
use crate::task::{Info, Task, TaskDefinition};
use crate::tasks::images::pictures::{
    Augmentation, Normalisation, OfficialSet, PictureTask, PixelEncoding, Statistics, augmented,
};

const USUAL: SplitSizes = SplitSizes { train: 4_500, validation: 500, test: 8_000 };
/// Raised whenever the same settings give other samples.
const VERSION: u32 = 1;
const STATISTICS: Statistics =
    Statistics { mean: [0.446_710_97, 0.439_810_5, 0.406_646_8], deviation: [0.260_340_5, 0.256_577_43, 0.271_267_38] };

settings! {
    /// Settings of the task `stl10`.
    #[schemars(rename = "Stl10")]
    pub struct Config {
        /// Side of the pictures in pixels, 16 to 512; 96 is that of the files.
        #[schemars(range(min = 16, max = 512))]
        pub size: usize = 256,
        /// Mean and standard deviation to normalise by.
        pub normalisation: Normalisation = Normalisation::Standard,
        /// Random crops of pictures 1/16 larger, turned, and mirror images, of training images only.
        pub augment: bool = true,
        /// Largest angle in degrees by which a training image is turned, 0 to 45.
        #[schemars(range(min = 0.0, max = 45.0))]
        pub degrees: f64 = 15.0,
        ..official("Images for training.", 5_000, 8_000, USUAL),
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
        let size = config.size;
        let augmentation =
            config.augment.then_some(Augmentation::Zoom { larger: size + size / 16, degrees: config.degrees });
        let name = if size == 256 { "stl10".to_owned() } else { format!("stl10-{size}") };
        let (normalisation, augmented) = (config.normalisation.name(), augmented(augmentation.as_ref()));
        let version = format!("stl10@{size}-{normalisation}{augmented}-{OFFICIAL_VERSION}-{VERSION}");
        let input = InputSpec::Values { channels: 3, shape: vec![size, size] };
        let encoding = PixelEncoding::Planes(config.normalisation.colours(STATISTICS));
        let task = PictureTask::new(OfficialSet::Stl10, (name, version), input, config.sizes(), encoding)?;
        Ok(Box::new(PictureTask { side: size, augmentation, ..task }))
    }
}
