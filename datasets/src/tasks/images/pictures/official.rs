//! The original files of MNIST, Fashion-MNIST, CIFAR-10, CIFAR-100 and STL-10.

use std::path::{Path, PathBuf};

use vocabulary::SplitSizes;

use crate::formats::FormatError;
use crate::formats::images::idx::{self, Idx};
use crate::formats::images::{cifar, stl};
use crate::library::{DataError, Library, read_bounded};
use crate::progress::Progress;
use crate::tasks::images::pictures::images::{Images, OfficialParts};

/// A set of images in the files of its authors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfficialSet {
    Mnist,
    Fashion,
    Cifar10,
    Cifar100,
    Stl10,
}

/// Images and labels of the training part, and of the test part, in the format of MNIST.
const IDX_TRAINING: [&str; 2] = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"];
const IDX_TEST: [&str; 2] = ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"];
const IDX_SIDE: usize = 28;

/// Mean of the red, green and blue bytes of an official part, to eight decimals.
type Means = [f64; 3];

impl OfficialSet {
    /// Name of the data set.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::Fashion => "fashion-mnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Stl10 => "stl10",
        }
    }

    /// Folders that may hold the files, below the data folder, and the files of the training and of the test part.
    fn places(self) -> (&'static [&'static str], &'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Mnist => (&["mnist"], &IDX_TRAINING, &IDX_TEST),
            Self::Fashion => (&["fashion-mnist"], &IDX_TRAINING, &IDX_TEST),
            Self::Cifar10 => (
                &["cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", "cifar10"],
                &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
                &["test_batch.bin"],
            ),
            Self::Cifar100 => {
                (&["cifar-100-binary", "cifar100/cifar-100-binary", "cifar100"], &["train.bin"], &["test.bin"])
            }
            Self::Stl10 => (
                &["stl10_binary", "stl10/stl10_binary", "stl10"],
                &["train_X.bin", "train_y.bin"],
                &["test_X.bin", "test_y.bin"],
            ),
        }
    }

    /// Whether the files are those of MNIST, which are read after their checksum has been found right.
    fn is_idx(self) -> bool {
        matches!(self, Self::Mnist | Self::Fashion)
    }

    /// Number of training and test images.
    pub(crate) fn sizes(self) -> (usize, usize) {
        match self {
            Self::Mnist | Self::Fashion => (60_000, 10_000),
            Self::Cifar10 | Self::Cifar100 => (50_000, 10_000),
            Self::Stl10 => (5_000, 8_000),
        }
    }

    /// Sizes of the splits where nothing else is said: a tenth of the training images is held out, and 5 000 of
    /// those of MNIST and Fashion-MNIST.
    pub(crate) fn usual(self) -> SplitSizes {
        let (training, test) = self.sizes();
        let validation = if self.is_idx() { 5_000 } else { training / 10 };
        SplitSizes { train: training - validation, validation, test }
    }

    /// What the official pixels are on average: for CIFAR-10 sums over 51 200 000 and 10 240 000 bytes, so that a picture
    /// that was ever compressed with losses shows. Nothing that exact is published about STL-10.
    fn means(self) -> Option<(Means, Means)> {
        match self {
            Self::Cifar10 => Some((
                [125.306_918_05, 122.950_394_14, 113.865_383_18],
                [126.024_641_41, 123.708_504_2, 114.854_318_65],
            )),
            Self::Cifar100 => Some((
                [129.304_165_61, 124.069_962_7, 112.434_050_06],
                [129.743_085_25, 124.285_218_36, 112.695_263_87],
            )),
            Self::Mnist | Self::Fashion | Self::Stl10 => None,
        }
    }

    /// Number of classes.
    pub(crate) fn classes(self) -> usize {
        if self == Self::Cifar100 { 100 } else { 10 }
    }

    /// Whether the files are there.
    pub(crate) fn check(self, library: &Library) -> Result<(), DataError> {
        if self.is_idx() { library.check_files(self.name()) } else { self.folder(library).map(|_| ()) }
    }

    fn folder(self, library: &Library) -> Result<PathBuf, DataError> {
        if self.is_idx() {
            return Ok(library.folder(self.name()));
        }
        let (folders, training, test) = self.places();
        library.locate_files(self.name(), folders, &[training, test].concat())
    }

    /// Reads both parts.
    pub(crate) fn read(self, library: &Library, progress: &dyn Progress) -> Result<OfficialParts, DataError> {
        let folder = self.folder(library)?;
        let (_, training, test) = self.places();
        progress.begin(&format!("reading {}", self.name()), (training.len() + test.len()) as u64);
        let part = |files: &[&str]| match self {
            Self::Mnist | Self::Fashion => self.idx_part(library, files, progress),
            _ => self.part(&folder, files, progress),
        };
        let parts = part(training).and_then(|training| Ok((training, part(test)?)));
        progress.finish();
        let (training, test) = parts?;
        let notes = match library.not_official(self.name(), &folder)? {
            Some(note) => vec![note],
            None if self.is_idx() => vec![],
            None => self.difference(&training, &test).into_iter().collect(),
        };
        Ok(OfficialParts { training, test, notes })
    }

    /// Reads the images and the labels of a part in the format of MNIST.
    fn idx_part(self, library: &Library, files: &[&str], progress: &dyn Progress) -> Result<Images, DataError> {
        let set = self.name();
        let malformed = |path: &Path, message| DataError::Malformed { path: path.to_path_buf(), message };
        let load = |name: &str, rank: usize| -> Result<(Idx, PathBuf), DataError> {
            let path = library.folder(set).join(name);
            let bytes = library.read_file(set, name)?;
            let idx = idx::unpack(&bytes).and_then(|bytes| idx::parse(&bytes));
            progress.advance(1);
            let idx = idx.map_err(|error| malformed(&path, error.to_string()))?;
            if idx.shape.len() != rank || (rank == 3 && idx.shape[1..] != [IDX_SIDE, IDX_SIDE]) {
                return Err(malformed(&path, format!("shape {:?} is not that of MNIST", idx.shape)));
            }
            Ok((idx, path))
        };
        let (images, _) = load(files[0], 3)?;
        let (labels, path) = load(files[1], 1)?;
        if images.shape[0] != labels.shape[0] {
            return Err(malformed(&path, format!("{} labels for {} images", labels.shape[0], images.shape[0])));
        }
        if let Some(place) = labels.values.iter().position(|&label| label > 9) {
            return Err(malformed(&path, format!("label {place} is {}, not a digit", labels.values[place])));
        }
        Ok(Images { channels: 1, side: IDX_SIDE, pixels: images.values, labels: labels.values })
    }

    fn part(self, folder: &Path, files: &[&str], progress: &dyn Progress) -> Result<Images, DataError> {
        let mut images = Images { channels: 3, side: self.side(), ..Images::default() };
        for name in files {
            let path = folder.join(name);
            // No official file is larger than all images of the set together.
            let (training, test) = self.sizes();
            let most = (training + test) * (3 * self.side() * self.side() + 2);
            let bytes = read_bounded(&path, most as u64)?;
            let malformed =
                |error: FormatError| DataError::Malformed { path: path.clone(), message: error.to_string() };
            match self {
                Self::Mnist | Self::Fashion => {}
                Self::Cifar10 | Self::Cifar100 => {
                    let kind = if self == Self::Cifar10 { cifar::Kind::Ten } else { cifar::Kind::Hundred };
                    let records = cifar::parse(&bytes, kind).map_err(malformed)?;
                    images.pixels.extend(records.pixels);
                    images.labels.extend(records.labels);
                }
                Self::Stl10 if name.ends_with("_X.bin") => {
                    images.pixels = stl::parse_images(&bytes).map_err(malformed)?;
                }
                Self::Stl10 => {
                    images.labels = stl::parse_labels(&bytes).map_err(malformed)?;
                    let found = images.pixels.len() / stl::PIXELS;
                    if images.labels.len() != found {
                        let message = format!("{} labels for {found} images", images.labels.len());
                        return Err(DataError::Malformed { path, message });
                    }
                }
            }
            progress.advance(1);
        }
        Ok(images)
    }

    /// Side of the images in the files.
    pub(crate) fn side(self) -> usize {
        match self {
            Self::Mnist | Self::Fashion => IDX_SIDE,
            Self::Cifar10 | Self::Cifar100 => cifar::SIDE,
            Self::Stl10 => stl::SIDE,
        }
    }

    /// In which way the images are not the official ones; `None` if no difference shows.
    fn difference(self, training: &Images, test: &Images) -> Option<String> {
        let (training_images, test_images) = self.sizes();
        if (training.len(), test.len()) != (training_images, test_images) {
            return Some(format!(
                "not the official set of {training_images} training and {test_images} test images: {} and {} are here",
                training.len(),
                test.len()
            ));
        }
        let (expected_training, expected_test) = self.means()?;
        for (part, images, expected) in [("training", training, expected_training), ("test", test, expected_test)] {
            for ((colour, mean), expected) in ["red", "green", "blue"].iter().zip(means(images)).zip(expected) {
                if (mean - expected).abs() > 1e-8 {
                    return Some(format!(
                        "reconstructed: the {part} pixels are not the official ones (the mean of {colour} is {mean:.8} and \
                         officially {expected:.8}); results are not comparable with published ones"
                    ));
                }
            }
        }
        None
    }
}

fn means(images: &Images) -> Means {
    let plane = images.side * images.side;
    let mut sums = [0u64; 3];
    for (index, plane) in images.pixels.chunks_exact(plane).enumerate() {
        sums[index % 3] += plane.iter().map(|&byte| u64::from(byte)).sum::<u64>();
    }
    sums.map(|sum| sum as f64 / (images.len() * plane) as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    /// The published means are fractions of the official number of bytes, so they say the sums exactly.
    #[test]
    fn published_means_are_whole_sums() {
        for (set, exact) in [(OfficialSet::Cifar10, true), (OfficialSet::Cifar100, false)] {
            let (training, test) = set.means().unwrap();
            for (means, count) in [(training, 51_200_000.0), (test, 10_240_000.0)] {
                for mean in means {
                    let sum: f64 = mean * count;
                    // Half of the last decimal, times the count.
                    assert!((sum - sum.round()).abs() < 0.5e-8 * count + 1e-3, "{mean} {sum}");
                }
            }
            if exact {
                // The first is published with all its digits: 125.306918046875.
                assert_eq!((training[0] * 51_200_000.0).round(), 6_415_714_204.0);
            }
        }
    }
}
