//! Fashion-MNIST: pictures of clothing in the files and sizes of MNIST, 784 pixels in a row or as a picture.
//!
//! Source: Xiao, Rasul & Vollgraf, arXiv 1708.07747. Normalised with mean 0.2860 and standard deviation 0.3530, those of the
//! training images. The validation images are 5 000 of the 60 000 training images; see [`splits`](crate::splits).

use vocabulary::{InputSpec, SplitSizes};

use crate::config::{ConfigError, InputRank, settings};
use crate::splits::OFFICIAL_VERSION;
use crate::task::{Info, Task, TaskDefinition};
use crate::tasks::images::pictures::{OfficialSet, PictureTask, PixelEncoding, Scale};

const USUAL: SplitSizes = SplitSizes { train: 55_000, validation: 5_000, test: 10_000 };
const MEAN: f32 = 0.286;
const DEVIATION: f32 = 0.353;
/// Raised whenever the same settings give other samples.
const VERSION: u32 = 1;

settings! {
    /// Settings of the task `fashion`.
    #[schemars(rename = "Fashion", transform = crate::config::form_is_also_dimensions)]
    pub struct Config {
        /// As a sequence of pixels (`1d`) or as a picture (`2d`).
        #[serde(alias = "dimensions")]
        pub form: InputRank = InputRank::Sequence,
        ..official("Images for training.", 60_000, 10_000, USUAL),
    }
}

/// The task `fashion`.
#[derive(Debug, Clone, Copy)]
pub struct Fashion;

impl TaskDefinition for Fashion {
    type Config = Config;
    const INFO: Info = Info {
        name: "fashion",
        summary: "Fashion-MNIST: clothing, 784 pixels in a row or as a picture (10 classes; chance 10 %)",
        source: "Xiao, Rasul & Vollgraf, arXiv 1708.07747 (`bench data fetch fashion-mnist`)",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        let set = OfficialSet::Fashion;
        let name = match config.form {
            InputRank::Sequence => "fashion".to_owned(),
            InputRank::Picture => "fashion-2d".to_owned(),
        };
        let version = format!("fashion@{OFFICIAL_VERSION}-{VERSION}");
        let input = InputSpec::Values { channels: 1, shape: config.form.shape(set.side(), set.side()) };
        let encoding = PixelEncoding::Planes(Scale::new(&[MEAN], &[DEVIATION]));
        Ok(Box::new(PictureTask::new(set, (name, version), input, config.sizes(), encoding)?))
    }
}
