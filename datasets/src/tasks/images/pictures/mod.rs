//! What the tasks on photographs share: images kept as bytes, dealt to the splits, and turned into numbers as they are read.

pub(super) mod augment;
pub(super) mod source;
#[cfg(test)]
pub(super) mod tests;

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::tasks::images::pictures::augment::Augmentation;
use crate::{
    config::{error::ConfigError, ranges::within},
    formats::images::png::luma,
    library::{DataError, sample_stream},
    splits::{NUMBERS_PER_SPLIT, OFFICIAL_VERSION, SplitIndices, cut_note, official_sizes},
    task::{Batch, Dataset, Inputs, Targets},
};
use vocabulary::{Split, SplitSizes};

/// Images of one official part.
#[derive(Debug, Default)]
pub(super) struct Images {
    pub(super) channels: usize,
    pub(super) side: usize,
    /// `[image, channel, row, column]`
    pub(super) pixels: Vec<u8>,
    pub(super) labels: Vec<u8>,
}

impl Images {
    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    fn image(&self, place: u32) -> (&[u8], u8) {
        let (place, size) = (place as usize, self.channels * self.side * self.side);
        (&self.pixels[place * size..(place + 1) * size], self.labels[place])
    }

    /// Grey levels as Pillow's `convert("L")` makes them.
    pub(super) fn grey(self) -> Self {
        let plane = self.side * self.side;
        let pixels = self
            .pixels
            .par_chunks_exact(3 * plane)
            .flat_map_iter(|image| {
                let (red, rest) = image.split_at(plane);
                let (green, blue) = rest.split_at(plane);
                red.iter().zip(green).zip(blue).map(|((&r, &g), &b)| luma([r, g, b]))
            })
            .collect();
        Self { channels: 1, pixels, ..self }
    }
}

/// Both official parts, and what a reader of results must know about them.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) training: Images,
    pub(super) test: Images,
    pub(super) notes: Vec<String>,
}

/// Mean and standard deviation by which values from 0 to 1 are normalised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// Those of the data set, as published with it.
    #[default]
    Standard,
    /// Those of ImageNet: (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225), which the CKConv code uses for CIFAR-10.
    Imagenet,
    /// None: values stay from 0 to 1.
    Unit,
}

impl Normalisation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Imagenet => "imagenet",
            Self::Unit => "unit",
        }
    }

    /// Values of three channels, of a data set with the `standard` statistics.
    pub(super) fn colours(self, standard: Statistics) -> Scale {
        match self {
            Self::Standard => Scale::new(&standard.mean, &standard.deviation),
            Self::Imagenet => Scale::new(&[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]),
            Self::Unit => Scale::new(&[0.0; 3], &[1.0; 3]),
        }
    }
}

/// Mean and standard deviation per channel, of values from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statistics {
    pub(super) mean: [f32; 3],
    pub(super) deviation: [f32; 3],
}

/// `(value / 255 − mean) / deviation` per channel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Scale {
    pub(super) fn new(mean: &[f32], deviation: &[f32]) -> Self {
        Self { mean: mean.to_vec(), deviation: deviation.to_vec() }
    }

    fn value(&self, channel: usize, byte: u8) -> f32 {
        (f32::from(byte) / 255.0 - self.mean[channel]) / self.deviation[channel]
    }
}

/// What a model is given of an image.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading {
    /// `[channel, row, column]`, normalised.
    Planes(Scale),
    /// The bytes themselves, as ids.
    Levels,
    /// `[96, length]`: step `y` holds row `y`, red, green and blue one after the other; then comes standard normal noise that
    /// depends on `seed` and the image's place in its file alone.
    Rows { scale: Scale, length: usize, seed: u64 },
}

/// How images become samples.
#[derive(Debug)]
pub(super) struct Plan {
    /// Name of the data set.
    pub(super) set: &'static str,
    pub(super) sizes: SplitSizes,
    /// Sizes of the splits where nothing else is said.
    pub(super) usual: SplitSizes,
    pub(super) reading: Reading,
    /// Side of the images as they are read.
    pub(super) side: usize,
    pub(super) augmentation: Option<Augmentation>,
}

/// Prepared images.
pub(super) struct Pictures {
    training: Images,
    test: Images,
    splits: SplitIndices,
    plan: Plan,
    notes: Vec<String>,
    content_hash: String,
}

impl Pictures {
    /// Deals the training images to training and validation; see [`splits::held_out`](crate::splits::held_out).
    pub(super) fn new(parts: Parts, plan: Plan) -> Result<Self, DataError> {
        let Parts { training, test, mut notes } = parts;
        let sizes = plan.sizes;
        for (part, found, needed) in
            [("training", training.len(), sizes.train + sizes.validation), ("test", test.len(), sizes.test)]
        {
            if found < needed {
                return Err(DataError::Generation {
                    what: plan.set.to_owned(),
                    message: format!(
                        "holds {found} {part} images and the splits need {needed}; lower train_samples, \
                         validation_samples or test_samples, or fetch the data again"
                    ),
                });
            }
        }
        notes.extend(cut_note(sizes, official_sizes(plan.usual, sizes, training.len(), test.len())));
        let splits = SplitIndices::official(&training.labels, &test.labels, sizes);
        let mut pictures = Self { training, test, splits, plan, notes, content_hash: String::new() };
        for note in &pictures.notes {
            tracing::warn!("{}: {note}", pictures.plan.set);
        }
        pictures.content_hash = pictures.hash();
        Ok(pictures)
    }

    fn part(&self, split: Split) -> (&Images, &[u32]) {
        (if split == Split::Test { &self.test } else { &self.training }, self.splits.get(split))
    }

    /// Over everything but the form and the augmentation, which do not change what is stored and tested.
    fn hash(&self) -> String {
        let Plan { set, sizes, reading, side, .. } = &self.plan;
        let mut hasher = Sha256::new();
        hasher.update(format!("{set} {sizes:?} {OFFICIAL_VERSION} {reading:?} {side}\n"));
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
        let (side, channels) = (self.plan.side, self.training.channels);
        match self.plan.reading {
            Reading::Rows { length, .. } => channels * side * length,
            _ => channels * side * side,
        }
    }

    /// The image at a position, augmented if there is a random stream.
    fn bytes(&self, split: Split, position: usize, random: Option<&mut ChaCha8Rng>) -> Cow<'_, [u8]> {
        let (images, places) = self.part(split);
        let (pixels, _) = images.image(places[position]);
        let shape = augment::Shape { channels: images.channels, side: images.side };
        match (random, &self.plan.augmentation) {
            (Some(random), Some(augmentation)) => Cow::Owned(augmentation.apply(pixels, shape, self.plan.side, random)),
            _ if images.side != self.plan.side => Cow::Owned(augment::resize(pixels, shape, self.plan.side)),
            _ => Cow::Borrowed(pixels),
        }
    }

    fn batch(&self, split: Split, positions: &[usize], stream: Option<u64>) -> Result<Batch, DataError> {
        let (images, places) = self.part(split);
        if let Some(&position) = positions.iter().find(|&&position| position >= places.len()) {
            let len = places.len();
            return Err(DataError::Position { what: self.plan.set.to_owned(), split: split.name(), position, len });
        }
        let numbers = self.numbers();
        let bytes = |position: usize| {
            let mut random = stream.map(|stream| sample_stream(stream, position as u64));
            self.bytes(split, position, random.as_mut())
        };
        let inputs = match &self.plan.reading {
            Reading::Levels => {
                let mut ids = vec![0; positions.len() * numbers];
                ids.chunks_exact_mut(numbers).zip(positions).for_each(|(row, &position)| {
                    for (id, &byte) in row.iter_mut().zip(bytes(position).iter()) {
                        *id = i32::from(byte);
                    }
                });
                Inputs::Tokens(ids)
            }
            reading => {
                let mut values = vec![0.0; positions.len() * numbers];
                values.chunks_exact_mut(numbers).zip(positions).for_each(|(row, &position)| {
                    let bytes = bytes(position);
                    match reading {
                        Reading::Planes(scale) => planes(row, &bytes, scale),
                        Reading::Rows { scale, length, seed } => {
                            let part = if split == Split::Test { NUMBERS_PER_SPLIT } else { 0 };
                            let noise = sample_stream(*seed, part + u64::from(places[position]));
                            rows(row, &bytes, self.plan.side, scale, *length, noise);
                        }
                        Reading::Levels => {}
                    }
                });
                Inputs::Values(values)
            }
        };
        let labels = positions.iter().map(|&position| i32::from(images.image(places[position]).1)).collect();
        Ok(Batch { size: positions.len(), inputs, targets: Targets::Labels(labels), lengths: None })
    }
}

fn planes(values: &mut [f32], bytes: &[u8], scale: &Scale) {
    let plane = bytes.len() / scale.mean.len();
    for (channel, (values, bytes)) in values.chunks_exact_mut(plane).zip(bytes.chunks_exact(plane)).enumerate() {
        for (value, &byte) in values.iter_mut().zip(bytes) {
            *value = scale.value(channel, byte);
        }
    }
}

fn rows(values: &mut [f32], bytes: &[u8], side: usize, scale: &Scale, length: usize, mut noise: ChaCha8Rng) {
    for (dimension, steps) in values.chunks_exact_mut(length).enumerate() {
        let (channel, x) = (dimension / side, dimension % side);
        let (image, rest) = steps.split_at_mut(side);
        for (y, value) in image.iter_mut().enumerate() {
            *value = scale.value(channel, bytes[(channel * side + y) * side + x]);
        }
        for pair in rest.chunks_mut(2) {
            let both = augment::normal_pair(&mut noise);
            pair.copy_from_slice(&both[..pair.len()]);
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

/// Checks sizes against official ones.
pub(super) fn sizes(
    train: usize,
    validation: usize,
    test: usize,
    (training_images, test_images): (usize, usize),
) -> Result<SplitSizes, ConfigError> {
    within("train_samples", train, 1..=training_images)?;
    within("validation_samples", validation, 1..=training_images)?;
    within("test_samples", test, 1..=test_images)?;
    if train + validation > training_images {
        return Err(ConfigError::new(
            "train_samples",
            format!("{train} and {validation} validation images are more than the {training_images} there are"),
        ));
    }
    Ok(SplitSizes { train, validation, test })
}
