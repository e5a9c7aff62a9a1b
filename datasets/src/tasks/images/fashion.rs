//! Fashion-MNIST: pictures of clothing in the files and sizes of MNIST, 784 pixels in a row or as a picture.
//!
//! Source: Xiao, Rasul & Vollgraf, arXiv 1708.07747. Normalised with mean 0.2860 and standard deviation 0.3530, those of the
//! training images. The validation images are 5 000 of the 60 000 training images; see [`splits`](crate::splits).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::config::image_form::Form;
use crate::tasks::images::{
    mnist::Digits,
    pictures::{Images, Parts, Pictures, Plan, Reading, Scale, sizes},
};
use crate::{
    config::error::ConfigError,
    library::{DataError, Library},
    progress::Progress,
    splits::OFFICIAL_VERSION,
    task::{Dataset, Info, Task, TaskDefinition, TaskSpec},
};
use vocabulary::{InputSpec, Metric, OutputSpec, SplitSizes};

const SET: &str = "fashion-mnist";
const SIDE: usize = 28;
const USUAL: SplitSizes = SplitSizes { train: 55_000, validation: 5_000, test: 10_000 };
const MEAN: f32 = 0.286;
const DEVIATION: f32 = 0.353;
/// Raised whenever the same settings give other samples.
const VERSION: u32 = 1;

/// Settings of the task `fashion`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Fashion", transform = crate::config::image_form::form_is_also_dimensions)]
pub struct Config {
    /// As a sequence of pixels (`1d`) or as a picture (`2d`).
    #[serde(alias = "dimensions")]
    pub form: Form,
    /// Images for training.
    #[schemars(range(min = 1, max = 60_000))]
    pub train_samples: usize,
    /// Images for choosing the epoch, from the back of the balanced order.
    #[schemars(range(min = 1, max = 60_000))]
    pub validation_samples: usize,
    /// Images of the official test file, by class in their shares.
    #[schemars(range(min = 1, max = 10_000))]
    pub test_samples: usize,
}

impl Default for Config {
    fn default() -> Self {
        let SplitSizes { train, validation, test } = USUAL;
        Self { form: Form::Sequence, train_samples: train, validation_samples: validation, test_samples: test }
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
        let sizes = sizes(config.train_samples, config.validation_samples, config.test_samples, (60_000, 10_000))?;
        let spec = TaskSpec {
            name: match config.form {
                Form::Sequence => "fashion".to_owned(),
                Form::Picture => "fashion-2d".to_owned(),
            },
            version: format!("fashion@{OFFICIAL_VERSION}-{VERSION}"),
            data: SET.to_owned(),
            input: InputSpec::Values { channels: 1, shape: config.form.shape(SIDE, SIDE) },
            target: OutputSpec::Classes(10),
            metric: Metric::Accuracy,
            chance: 0.1,
            splits: sizes,
        };
        Ok(Box::new(Configured { spec }))
    }
}

struct Configured {
    spec: TaskSpec,
}

impl Task for Configured {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let part = |name: &str| -> Result<Images, DataError> {
            let Digits { pixels, labels } = Digits::read(library, SET, name, progress)?;
            Ok(Images { channels: 1, side: SIDE, pixels, labels })
        };
        progress.begin("reading fashion-mnist", 4);
        let both = part("train").and_then(|training| Ok((training, part("t10k")?)));
        progress.finish();
        let (training, test) = both?;
        let note = library.not_official(SET, &library.folder(SET))?;
        let plan = Plan {
            set: SET,
            sizes: self.spec.splits,
            usual: USUAL,
            reading: Reading::Planes(Scale::new(&[MEAN], &[DEVIATION])),
            side: SIDE,
            augmentation: None,
        };
        let parts = Parts { training, test, notes: note.into_iter().collect() };
        Ok(Box::new(Pictures::new(parts, plan)?))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        library.check_files(SET)
    }
}
