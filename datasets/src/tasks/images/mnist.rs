//! Sequential MNIST and its permuted form: a digit read one pixel at a time.
//!
//! Source: Le, Jaitly & Hinton, arXiv 1504.00941. 784 steps of one channel, row by row, normalised with mean 0.1307 and
//! standard deviation 0.3081. The validation images are 5 000 of the 60 000 training images. Training takes its images from the
//! front, validation from the back of a seeded order that is balanced by class, and so does the test with those of its own
//! file: fewer images are a stratified sample (see [`splits`](crate::splits)).

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vocabulary::{InputSpec, Metric, OutputSpec, SplitSizes};

use crate::config::{ConfigError, settings, sizes_of_parts};
use crate::library::{DataError, Library};
use crate::progress::Progress;
use crate::splits::OFFICIAL_VERSION;
use crate::task::{Dataset, Info, Task, TaskDefinition, TaskSpec};
use crate::tasks::images::pictures::{OfficialSet, PictureSettings, Pictures, PixelEncoding, Scale, permutation};

const PIXELS: usize = 784;
const MEAN: f32 = 0.1307;
const DEVIATION: f32 = 0.3081;
const USUAL: SplitSizes = SplitSizes { train: 55_000, validation: 5_000, test: 10_000 };
/// Share of the most frequent test digit, 1.
const CHANCE: f64 = 0.1135;

settings! {
    /// Settings of sequential MNIST.
    pub struct SequentialConfig {
        ..official("Images for training, from the front of the balanced order.", 60_000, 10_000, USUAL),
        /// A file with another order of the pixels, one index from 0 to 783 per line; step `i` shows pixel `p[i]`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub permutation: Option<PathBuf> = None,
    }
}

settings! {
    /// Settings of permuted MNIST.
    pub struct PermutedConfig {
        ..official("Images for training, from the front of the balanced order.", 60_000, 10_000, USUAL),
        /// Which order of the pixels.
        pub variant: Variant = Variant::Random,
        /// A file with another order, one index from 0 to 783 per line; step `i` shows pixel `p[i]`.
        pub permutation: Option<PathBuf> = None,
    }
}

/// Order of the pixels of permuted MNIST. Results with different orders are results of different tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// The stored random order, with which the authors of CKCNN trained their published weights.
    Random,
    /// The bit reversal of S4.
    BitReversal,
}

/// Sequential MNIST.
pub struct Sequential;

impl TaskDefinition for Sequential {
    type Config = SequentialConfig;
    const INFO: Info = Info {
        name: "smnist",
        summary: "sequential MNIST: a digit as 784 pixels, row by row (10 classes; majority class 11 %)",
        source: "Le, Jaitly & Hinton, arXiv 1504.00941; data: LeCun et al. 1998 (`bench data fetch mnist`)",
    };

    fn build(config: SequentialConfig) -> Result<Box<dyn Task>, ConfigError> {
        let sizes = sizes(config.sizes())?;
        let (order, version) = match config.permutation {
            None => (PixelOrder::Rows, format!("smnist@{OFFICIAL_VERSION}")),
            Some(path) => {
                let version = format!("smnist@{}-{OFFICIAL_VERSION}", label(&path));
                (PixelOrder::File(path), version)
            }
        };
        Ok(Box::new(MnistTask { spec: spec("smnist", version, sizes), order }))
    }
}

/// Permuted MNIST.
pub struct Permuted;

impl TaskDefinition for Permuted {
    type Config = PermutedConfig;
    const INFO: Info = Info {
        name: "pmnist",
        summary: "permuted MNIST: the pixels of smnist in a fixed random order (10 classes; majority class 11 %)",
        source: "Le, Jaitly & Hinton, arXiv 1504.00941; order of Romero et al., arXiv 2102.02611, or S4's bit reversal",
    };

    fn build(config: PermutedConfig) -> Result<Box<dyn Task>, ConfigError> {
        let sizes = sizes(config.sizes())?;
        let (order, label) = match (config.permutation, config.variant) {
            (Some(_), Variant::BitReversal) => {
                return Err(ConfigError::new(
                    "permutation",
                    "a file and `variant: bit-reversal` exclude each other; remove one of them",
                ));
            }
            (Some(path), Variant::Random) => {
                let label = label(&path);
                (PixelOrder::File(path), label)
            }
            (None, variant) => {
                let (pixels, label) = match variant {
                    Variant::Random => (permutation::stored(), "random-1"),
                    Variant::BitReversal => (permutation::bit_reversal(PIXELS), "bit-reversal"),
                };
                let label = format!("{label}-{}", &permutation::hash(&pixels)[..12]);
                (PixelOrder::Pixels(pixels), label)
            }
        };
        Ok(Box::new(MnistTask { spec: spec("pmnist", format!("pmnist@{label}-{OFFICIAL_VERSION}"), sizes), order }))
    }
}

/// How a file's order is called in a version.
fn label(path: &Path) -> String {
    format!("file-{}", path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default())
}

fn sizes(sizes: SplitSizes) -> Result<SplitSizes, ConfigError> {
    let (training, test) = OfficialSet::Mnist.sizes();
    sizes_of_parts(sizes, training, test)
}

fn spec(name: &str, version: String, splits: SplitSizes) -> TaskSpec {
    TaskSpec {
        name: name.to_owned(),
        version,
        data: OfficialSet::Mnist.name().to_owned(),
        input: InputSpec::Values { channels: 1, shape: vec![PIXELS] },
        target: OutputSpec::Classes(10),
        metric: Metric::Accuracy,
        chance: CHANCE,
        splits,
    }
}

enum PixelOrder {
    Rows,
    Pixels(Vec<u16>),
    File(PathBuf),
}

struct MnistTask {
    spec: TaskSpec,
    order: PixelOrder,
}

impl MnistTask {
    fn pixels(&self) -> Result<Option<Vec<u16>>, DataError> {
        Ok(match &self.order {
            PixelOrder::Rows => None,
            PixelOrder::Pixels(pixels) => Some(pixels.clone()),
            PixelOrder::File(path) => Some(permutation::read(path, PIXELS)?),
        })
    }
}

impl Task for MnistTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let (set, sizes) = (OfficialSet::Mnist, self.spec.splits);
        let encoding = PixelEncoding::Ordered { scale: Scale::new(&[MEAN], &[DEVIATION]), order: self.pixels()? };
        let parts = set.read(library, progress)?;
        let needed = [("training", &parts.training, sizes.train + sizes.validation), ("test", &parts.test, sizes.test)];
        if let Some((part, images, needed)) = needed.into_iter().find(|(_, images, needed)| images.len() < *needed) {
            let message = format!(
                "holds {} {part} images and the splits need {needed}; lower train_samples, validation_samples or test_samples",
                images.len()
            );
            return Err(DataError::Malformed { path: library.folder(set.name()), message });
        }
        let settings = PictureSettings {
            set: set.name().to_owned(),
            sizes,
            usual: set.usual(),
            encoding,
            side: set.side(),
            augmentation: None,
        };
        Ok(Box::new(Pictures::new(parts, settings)?))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        self.pixels()?;
        OfficialSet::Mnist.check(library)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::fs;

    use sha2::{Digest, Sha256};
    use vocabulary::Split;

    use super::*;
    use crate::task::{Batch, Inputs, Targets};

    const SET: &str = "mnist";

    fn fixture() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data")
    }

    fn few() -> SequentialConfig {
        SequentialConfig { train_samples: 24, validation_samples: 8, test_samples: 16, permutation: None }
    }

    fn values(batch: Batch) -> (Vec<f32>, Vec<i32>) {
        match (batch.inputs, batch.targets) {
            (Inputs::Values(values), Targets::Labels(labels)) => (values, labels),
            other => panic!("{other:?}"),
        }
    }

    /// A copy of the fixture that may be damaged.
    fn copy() -> (tempfile::TempDir, Library) {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join(SET);
        fs::create_dir_all(&target).unwrap();
        for entry in fs::read_dir(fixture().join(SET)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
        }
        let library = Library::open(folder.path());
        (folder, library)
    }

    #[test]
    fn digits_are_read_normalised_and_the_splits_do_not_overlap() {
        let data = Sequential::build(few()).unwrap().prepare(&Library::open(fixture()), &()).unwrap();
        let read = |split| values(data.read(split, &(0..data.len(split)).collect::<Vec<_>>()).unwrap());
        let (train, train_labels) = read(Split::Train);
        let (validation, _) = read(Split::Validation);
        let (test, test_labels) = read(Split::Test);
        assert_eq!((train.len(), validation.len(), test.len()), (24 * 784, 8 * 784, 16 * 784));
        assert_eq!(train_labels.len(), 24);
        // The official test labels.
        let mut sorted = test_labels.clone();
        sorted.sort_unstable();
        let mut official = [7, 2, 1, 0, 4, 1, 4, 9, 5, 9, 0, 6, 9, 0, 1, 5];
        official.sort_unstable();
        assert_eq!(sorted, official);
        assert!((test[0] - (0.0 - 0.1307) / 0.3081).abs() < 1e-6);
        let largest = test.iter().copied().fold(f32::MIN, f32::max);
        assert!((largest - (1.0 - 0.1307) / 0.3081).abs() < 1e-5);
        for image in validation.chunks_exact(784) {
            assert!(!train.chunks_exact(784).any(|other| other == image));
        }
        assert_eq!(data.notes().len(), 1, "a subset says that it is one");
    }

    #[test]
    fn permuted_pixels_are_those_of_the_stored_order() {
        let library = Library::open(fixture());
        let plain = Sequential::build(few()).unwrap().prepare(&library, &()).unwrap();
        let SequentialConfig { train_samples, validation_samples, test_samples, .. } = few();
        let config = |variant, permutation| PermutedConfig {
            train_samples,
            validation_samples,
            test_samples,
            variant,
            permutation,
        };
        let (rows, _) = values(plain.read(Split::Test, &[2]).unwrap());
        let mut versions = vec![];
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backwards.txt");
        let lines: Vec<String> = (0..784).rev().map(|index: u16| index.to_string()).collect();
        fs::write(&file, lines.join("\n")).unwrap();
        for (config, order) in [
            (config(Variant::Random, None), permutation::stored()),
            (config(Variant::BitReversal, None), permutation::bit_reversal(784)),
            (config(Variant::Random, Some(file.clone())), (0..784).rev().collect()),
        ] {
            let task = Permuted::build(config).unwrap();
            let data = task.prepare(&library, &()).unwrap();
            let (steps, _) = values(data.read(Split::Test, &[2]).unwrap());
            assert!(order.iter().zip(&steps).all(|(&index, &step)| rows[usize::from(index)] == step));
            assert_ne!(data.content_hash(), plain.content_hash());
            versions.push(task.spec().version.clone());
        }
        assert_eq!(
            versions[0],
            format!("pmnist@random-1-{}-split-2", &permutation::hash(&permutation::stored())[..12])
        );
        versions.dedup();
        assert_eq!(versions.len(), 3);
        let task = Sequential::build(SequentialConfig { permutation: Some(file.clone()), ..few() }).unwrap();
        let data = task.prepare(&library, &()).unwrap();
        let (steps, _) = values(data.read(Split::Test, &[2]).unwrap());
        assert!(rows.iter().rev().eq(&steps));
        assert_eq!(task.spec().version, "smnist@file-backwards-split-2");
        // Absent, it is not written either: the settings of earlier runs are still the same.
        assert!(serde_json::to_value(few()).unwrap().get("permutation").is_none());
        fs::write(&file, "0\n1\n1\n").unwrap();
        let error = Permuted::build(config(Variant::Random, Some(file))).unwrap().check(&library).unwrap_err();
        assert!(error.is_malformed("backwards.txt", "line 3"), "{error}");
    }

    #[test]
    fn truncated_and_altered_files_are_refused_with_both_checksums() {
        for damage in [true, false] {
            let (_folder, library) = copy();
            let path = library.folder(SET).join("train-images-idx3-ubyte.gz");
            let mut bytes = fs::read(&path).unwrap();
            let before = format!("{:x}", Sha256::digest(&bytes));
            if damage {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            } else {
                bytes.truncate(bytes.len() - 100);
            }
            fs::write(&path, &bytes).unwrap();
            let after = format!("{:x}", Sha256::digest(&bytes));
            let error = Sequential::build(few()).unwrap().prepare(&library, &()).err().unwrap();
            let DataError::Checksum { path: named, expected, found, remedy, .. } = error else { panic!("{error}") };
            assert_eq!((named, expected.hex(), found.hex()), (path, before.as_str(), after.as_str()));
            assert!(remedy.contains("bench data fetch mnist"), "{remedy}");
        }
    }

    #[test]
    fn missing_files_name_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let task = Sequential::build(SequentialConfig::default()).unwrap();
        for error in [task.check(&library).unwrap_err(), task.prepare(&library, &()).err().unwrap()] {
            assert!(error.is_missing_from("mnist"), "{error}");
        }
        let task = Sequential::build(SequentialConfig::default()).unwrap();
        let error = task.prepare(&Library::open(fixture()), &()).err().unwrap();
        assert!(error.is_malformed("mnist", "holds 32"), "{error}");
    }

    #[test]
    fn impossible_sizes_name_their_field() {
        let field = |train_samples, validation_samples, test_samples| {
            let config = SequentialConfig { train_samples, validation_samples, test_samples, permutation: None };
            Sequential::build(config).err().unwrap().field
        };
        assert_eq!(field(0, 1, 1), "train_samples");
        assert_eq!(field(1, 0, 1), "validation_samples");
        assert_eq!(field(1, 1, 10_001), "test_samples");
        assert_eq!(field(59_000, 1_001, 1), "train_samples");
    }
}
