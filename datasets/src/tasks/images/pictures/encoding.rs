//! What a model is given of an image.

use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tasks::images::pictures::augment;

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
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Imagenet => "imagenet",
            Self::Unit => "unit",
        }
    }

    /// Values of three channels, of a data set with the `standard` statistics.
    pub(crate) fn colours(self, standard: Statistics) -> Scale {
        match self {
            Self::Standard => Scale::new(&standard.mean, &standard.deviation),
            Self::Imagenet => Scale::new(&[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]),
            Self::Unit => Scale::new(&[0.0; 3], &[1.0; 3]),
        }
    }
}

/// Mean and standard deviation per channel, of values from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statistics {
    pub(crate) mean: [f32; 3],
    pub(crate) deviation: [f32; 3],
}

/// `(value / 255 − mean) / deviation` per channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    pub(crate) mean: Vec<f32>,
    pub(crate) deviation: Vec<f32>,
}

impl Scale {
    pub(crate) fn new(mean: &[f32], deviation: &[f32]) -> Self {
        Self { mean: mean.to_vec(), deviation: deviation.to_vec() }
    }

    /// A byte of a channel, normalised.
    pub(crate) fn value(&self, channel: usize, byte: u8) -> f32 {
        (f32::from(byte) / 255.0 - self.mean[channel]) / self.deviation[channel]
    }
}

/// What a model is given of an image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PixelEncoding {
    /// `[channel, row, column]`, normalised.
    Planes(Scale),
    /// The pixels of one channel in the order of these indices, or row by row, normalised.
    Ordered {
        /// Mean and deviation.
        scale: Scale,
        /// Step `i` shows pixel `order[i]`.
        order: Option<Vec<u16>>,
    },
    /// The bytes themselves, as ids.
    Levels,
    /// `[96, length]`: step `y` holds row `y`, red, green and blue one after the other; then comes standard normal noise that
    /// depends on `seed` and the image's place in its file alone.
    Rows {
        /// Mean and deviation.
        scale: Scale,
        /// Steps in all.
        length: usize,
        /// Seed of the noise.
        seed: u64,
    },
}

/// Fills `values` with the normalised planes of an image.
pub(crate) fn planes(values: &mut [f32], bytes: &[u8], scale: &Scale) {
    let plane = bytes.len() / scale.mean.len();
    for (channel, (values, bytes)) in values.chunks_exact_mut(plane).zip(bytes.chunks_exact(plane)).enumerate() {
        for (value, &byte) in values.iter_mut().zip(bytes) {
            *value = scale.value(channel, byte);
        }
    }
}

/// Fills `values` with the rows of an image of side `side`, then noise.
pub(crate) fn rows(values: &mut [f32], bytes: &[u8], side: usize, scale: &Scale, length: usize, mut noise: ChaCha8Rng) {
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
