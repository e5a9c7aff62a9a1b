//! A task on the images of an official set.

use vocabulary::{InputSpec, Metric, OutputSpec, SplitSizes};

use crate::config::{ConfigError, sizes_of_parts};
use crate::library::{DataError, Library};
use crate::progress::Progress;
use crate::task::{Dataset, Task, TaskSpec};
use crate::tasks::images::pictures::augment::Augmentation;
use crate::tasks::images::pictures::dataset::{PictureSettings, Pictures};
use crate::tasks::images::pictures::encoding::PixelEncoding;
use crate::tasks::images::pictures::official::OfficialSet;

/// A task on the images of an official set.
pub(crate) struct PictureTask {
    pub(crate) spec: TaskSpec,
    pub(crate) set: OfficialSet,
    /// Whether colours become grey.
    pub(crate) grey: bool,
    pub(crate) encoding: PixelEncoding,
    /// Side of the images as they are read.
    pub(crate) side: usize,
    pub(crate) augmentation: Option<Augmentation>,
}

impl PictureTask {
    /// The images as they are, in colour where there is some.
    ///
    /// # Errors
    /// More images than there are.
    pub(crate) fn new(
        set: OfficialSet,
        (name, version): (String, String),
        input: InputSpec,
        sizes: SplitSizes,
        encoding: PixelEncoding,
    ) -> Result<Self, ConfigError> {
        let (training, test) = set.sizes();
        let spec = TaskSpec {
            name,
            version,
            data: set.name().to_owned(),
            input,
            target: OutputSpec::Classes(set.classes()),
            metric: Metric::Accuracy,
            // Every class has as many test images as every other.
            chance: 1.0 / set.classes() as f64,
            splits: sizes_of_parts(sizes, training, test)?,
        };
        Ok(Self { spec, set, grey: false, encoding, side: set.side(), augmentation: None })
    }
}

impl Task for PictureTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let mut parts = self.set.read(library, progress)?;
        if self.grey {
            parts.training = parts.training.grey();
            parts.test = parts.test.grey();
        }
        let settings = PictureSettings {
            set: if self.grey { format!("grey {}", self.set.name()) } else { self.set.name().to_owned() },
            sizes: self.spec.splits,
            usual: self.set.usual(),
            encoding: self.encoding.clone(),
            side: self.side,
            augmentation: self.augmentation.clone(),
        };
        Ok(Box::new(Pictures::new(parts, settings)?))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        self.set.check(library)
    }
}

/// `-NAME` of an augmentation, as a version says it.
pub(crate) fn augmented(augmentation: Option<&Augmentation>) -> String {
    augmentation.map(|augmentation| format!("-{}", augmentation.name())).unwrap_or_default()
}
