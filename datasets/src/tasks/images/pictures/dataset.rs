//! Images, assigned to the splits, and turned into numbers as they are read.

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use vocabulary::{Split, SplitSizes};

use crate::library::{DataError, sample_stream};
use crate::splits::{NUMBERS_PER_SPLIT, OFFICIAL_VERSION, SplitIndices, cut_note, official_sizes};
use crate::task::{Batch, Dataset, Inputs, Targets};
use crate::tasks::images::pictures::augment::{self, Augmentation};
use crate::tasks::images::pictures::encoding::{PixelEncoding, planes, rows};
use crate::tasks::images::pictures::images::{Images, OfficialParts};
use crate::tasks::images::pictures::permutation;

/// How images become samples.
#[derive(Debug)]
pub(crate) struct PictureSettings {
    /// Name of the data set in messages.
    pub(crate) set: String,
    pub(crate) sizes: SplitSizes,
    /// Sizes of the splits where nothing else is said.
    pub(crate) usual: SplitSizes,
    pub(crate) encoding: PixelEncoding,
    /// Side of the images as they are read.
    pub(crate) side: usize,
    pub(crate) augmentation: Option<Augmentation>,
}

/// Prepared images.
pub(crate) struct Pictures {
    training: Images,
    test: Images,
    splits: SplitIndices,
    settings: PictureSettings,
    notes: Vec<String>,
    content_hash: String,
}

impl Pictures {
    /// Deals the training images to training and validation; see [`splits::held_out`](crate::splits::held_out).
    pub(crate) fn new(parts: OfficialParts, settings: PictureSettings) -> Result<Self, DataError> {
        let OfficialParts { training, test, mut notes } = parts;
        let sizes = settings.sizes;
        for (part, found, needed) in
            [("training", training.len(), sizes.train + sizes.validation), ("test", test.len(), sizes.test)]
        {
            if found < needed {
                return Err(DataError::Generation {
                    what: settings.set.clone(),
                    message: format!(
                        "holds {found} {part} images and the splits need {needed}; lower train_samples, \
                         validation_samples or test_samples, or fetch the data again"
                    ),
                });
            }
        }
        notes.extend(cut_note(sizes, official_sizes(settings.usual, sizes, training.len(), test.len())));
        let splits = SplitIndices::official(&training.labels, &test.labels, sizes);
        let mut pictures = Self { training, test, splits, settings, notes, content_hash: String::new() };
        for note in &pictures.notes {
            tracing::warn!("{}: {note}", pictures.settings.set);
        }
        pictures.content_hash = pictures.hash();
        Ok(pictures)
    }

    fn part(&self, split: Split) -> (&Images, &[u32]) {
        (if split == Split::Test { &self.test } else { &self.training }, self.splits.get(split))
    }

    /// Over everything but the form and the augmentation, which do not change what is stored and tested.
    fn hash(&self) -> String {
        let PictureSettings { set, sizes, encoding, side, .. } = &self.settings;
        let mut hasher = Sha256::new();
        hasher.update(match encoding {
            PixelEncoding::Ordered { scale, order } => {
                let order = order.as_deref().map_or_else(|| "rows".to_owned(), permutation::hash);
                let (sizes, mean, deviation) =
                    (Split::ALL.map(|split| sizes.get(split)), scale.mean[0], scale.deviation[0]);
                format!("{set} {sizes:?} mean {mean} deviation {deviation} order {order}\n")
            }
            encoding => format!("{set} {sizes:?} {OFFICIAL_VERSION} {encoding:?} {side}\n"),
        });
        for split in Split::ALL {
            let (images, places) = self.part(split);
            for &place in places {
                let (pixels, label) = images.image(place);
                hasher.update(pixels);
                hasher.update([label]);
            }
        }
        format!("{:x}", hasher.finalize())
    }

    /// Values of one sample.
    fn numbers(&self) -> usize {
        let (side, channels) = (self.settings.side, self.training.channels);
        match self.settings.encoding {
            PixelEncoding::Rows { length, .. } => channels * side * length,
            _ => channels * side * side,
        }
    }

    /// The image at a position, augmented if there is a random stream.
    fn bytes(&self, split: Split, position: usize, random: Option<&mut ChaCha8Rng>) -> Cow<'_, [u8]> {
        let (images, places) = self.part(split);
        let (pixels, _) = images.image(places[position]);
        let shape = augment::Shape { channels: images.channels, side: images.side };
        match (random, &self.settings.augmentation) {
            (Some(random), Some(augmentation)) => {
                Cow::Owned(augmentation.apply(pixels, shape, self.settings.side, random))
            }
            _ if images.side != self.settings.side => Cow::Owned(augment::resize(pixels, shape, self.settings.side)),
            _ => Cow::Borrowed(pixels),
        }
    }

    fn batch(&self, split: Split, positions: &[usize], stream: Option<u64>) -> Result<Batch, DataError> {
        let (images, places) = self.part(split);
        if let Some(&position) = positions.iter().find(|&&position| position >= places.len()) {
            let len = places.len();
            return Err(DataError::Position { what: self.settings.set.clone(), split: split.name(), position, len });
        }
        let numbers = self.numbers();
        let bytes = |position: usize| {
            let mut random = stream.map(|stream| sample_stream(stream, position as u64));
            self.bytes(split, position, random.as_mut())
        };
        let inputs = if self.settings.encoding == PixelEncoding::Levels {
            Inputs::Tokens(positions.iter().flat_map(|&position| bytes(position).into_owned()).map(i32::from).collect())
        } else {
            let mut values = vec![0.0; positions.len() * numbers];
            for (row, &position) in values.chunks_exact_mut(numbers).zip(positions) {
                self.encode(row, &bytes(position), split, places[position]);
            }
            Inputs::Values(values)
        };
        let labels = positions.iter().map(|&position| i32::from(images.image(places[position]).1)).collect();
        Ok(Batch { size: positions.len(), inputs, targets: Targets::Labels(labels), lengths: None })
    }

    /// Fills `row` with the values of the image with these bytes at `place` of its part.
    fn encode(&self, row: &mut [f32], bytes: &[u8], split: Split, place: u32) {
        match &self.settings.encoding {
            PixelEncoding::Planes(scale) | PixelEncoding::Ordered { scale, order: None } => planes(row, bytes, scale),
            PixelEncoding::Ordered { scale, order: Some(order) } => {
                for (value, &index) in row.iter_mut().zip(order) {
                    *value = scale.value(0, bytes[usize::from(index)]);
                }
            }
            PixelEncoding::Rows { scale, length, seed } => {
                let part = if split == Split::Test { NUMBERS_PER_SPLIT } else { 0 };
                let noise = sample_stream(*seed, part + u64::from(place));
                rows(row, bytes, self.settings.side, scale, *length, noise);
            }
            PixelEncoding::Levels => {}
        }
    }
}

impl Dataset for Pictures {
    fn len(&self, split: Split) -> usize {
        self.part(split).1.len()
    }

    fn content_hash(&self) -> &str {
        &self.content_hash
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn describe(&self) -> Result<Vec<(String, String)>, DataError> {
        let one = |part: &str, images: &Images| {
            let Images { channels, side, .. } = images;
            (part.to_owned(), format!("{} of {side} x {side} pixels, {channels} channels", images.len()))
        };
        Ok(vec![one("training images", &self.training), one("test images", &self.test)])
    }

    fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError> {
        self.batch(split, positions, None)
    }

    fn read_for_training(&self, positions: &[usize], stream: u64) -> Result<Batch, DataError> {
        self.batch(Split::Train, positions, Some(stream))
    }
}
