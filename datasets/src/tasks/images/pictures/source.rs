//! The original files of CIFAR-10, CIFAR-100 and STL-10.

use std::path::{Path, PathBuf};

use crate::tasks::images::pictures::{Images, Parts};
use crate::{
    formats::{
        error::FormatError,
        images::{cifar, stl},
    },
    library::{DataError, Library, read_bounded},
    progress::Progress,
};
use vocabulary::SplitSizes;

/// A set in the binary layout of its authors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    Cifar10,
    Cifar100,
    Stl10,
}

/// Mean of the red, green and blue bytes of an official part, to eight decimals.
type Means = [f64; 3];

impl Set {
    /// Name of the data set.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Stl10 => "stl10",
        }
    }

    fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Cifar10 => &["cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", "cifar10"],
            Self::Cifar100 => &["cifar-100-binary", "cifar100/cifar-100-binary", "cifar100"],
            Self::Stl10 => &["stl10_binary", "stl10/stl10_binary", "stl10"],
        }
    }

    fn training_files(self) -> &'static [&'static str] {
        match self {
            Self::Cifar10 => {
                &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"]
            }
            Self::Cifar100 => &["train.bin"],
            Self::Stl10 => &["train_X.bin", "train_y.bin"],
        }
    }

    fn test_files(self) -> &'static [&'static str] {
        match self {
            Self::Cifar10 => &["test_batch.bin"],
            Self::Cifar100 => &["test.bin"],
            Self::Stl10 => &["test_X.bin", "test_y.bin"],
        }
    }

    /// Number of training and test images.
    pub(crate) fn sizes(self) -> (usize, usize) {
        match self {
            Self::Cifar10 | Self::Cifar100 => (50_000, 10_000),
            Self::Stl10 => (5_000, 8_000),
        }
    }

    /// Sizes of the splits where nothing else is said: a tenth of the training images is held out.
    pub(crate) fn usual(self) -> SplitSizes {
        let (training, test) = self.sizes();
        SplitSizes { train: training - training / 10, validation: training / 10, test }
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
            Self::Stl10 => None,
        }
    }

    /// Where the files lie.
    pub(crate) fn folder(self, library: &Library) -> Result<PathBuf, DataError> {
        let files = [self.training_files(), self.test_files()].concat();
        library.place(self.name(), self.folders(), &files)
    }

    /// Reads both parts.
    pub(crate) fn read(self, library: &Library, progress: &dyn Progress) -> Result<Parts, DataError> {
        let folder = self.folder(library)?;
        let files = self.training_files().len() + self.test_files().len();
        progress.begin(&format!("reading {}", self.name()), files as u64);
        let parts = self
            .part(&folder, self.training_files(), progress)
            .and_then(|training| Ok((training, self.part(&folder, self.test_files(), progress)?)));
        progress.finish();
        let (training, test) = parts?;
        let notes = match library.not_official(self.name(), &folder)? {
            Some(note) => vec![note],
            None => self.difference(&training, &test).into_iter().collect(),
        };
        Ok(Parts { training, test, notes })
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

    fn side(self) -> usize {
        match self {
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
        for (set, exact) in [(Set::Cifar10, true), (Set::Cifar100, false)] {
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
