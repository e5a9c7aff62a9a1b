//! How real-valued sequences lie in a store, and how they are read.

use vocabulary::{InputSpec, Metric, OutputSpec, SplitSizes};

use crate::sequences::irregular;
use crate::sequences::normalise::Normalisation;
use crate::task::{Positions, TaskSpec};

/// Bytes of a label in the store.
pub(crate) const LABEL_BYTES: usize = 8;

/// Writes a label: the class, and the steps that hold values where lengths differ.
pub(crate) fn write_label(out: &mut [u8], class: u32, steps: usize) {
    let (front, back) = out.split_at_mut(4);
    front.copy_from_slice(&class.to_le_bytes());
    back.copy_from_slice(&(steps as u32).to_le_bytes());
}

/// Class and steps of a label.
pub(crate) fn read_label(label: &[u8]) -> (u32, usize) {
    let word = |at: usize| u32::from_le_bytes([label[at], label[at + 1], label[at + 2], label[at + 3]]);
    (word(0), word(4) as usize)
}

/// How values lie in the store.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ValueEncoding {
    /// 16-bit integers, little endian, to be divided by this.
    Integers {
        /// Divisor.
        divisor: f64,
    },
    /// 32-bit floats, little endian.
    Floats,
}

impl ValueEncoding {
    /// Bytes of one value.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Integers { .. } => 2,
            Self::Floats => 4,
        }
    }

    fn decode(self, bytes: &[u8], values: &mut [f32]) {
        match self {
            Self::Integers { divisor } => {
                // Divisors are powers of two, so that nothing is rounded.
                let factor = (1.0 / divisor) as f32;
                for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(2)) {
                    *value = f32::from(i16::from_le_bytes([bytes[0], bytes[1]])) * factor;
                }
            }
            Self::Floats => {
                for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(4)) {
                    *value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                }
            }
        }
    }
}

/// Writes 16-bit samples, as many as fit.
pub(crate) fn write_integers(out: &mut [u8], samples: &[i16]) {
    for (out, sample) in out.chunks_exact_mut(2).zip(samples) {
        out.copy_from_slice(&sample.to_le_bytes());
    }
}

/// Writes 32-bit values, as many as fit.
pub(crate) fn write_floats(out: &mut [u8], values: impl IntoIterator<Item = f32>) {
    for (out, value) in out.chunks_exact_mut(4).zip(values) {
        out.copy_from_slice(&value.to_le_bytes());
    }
}

/// How samples are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SequenceEncoding {
    /// Channels in the store.
    pub(crate) channels: usize,
    /// Steps, padding included.
    pub(crate) length: usize,
    /// How values lie in the store.
    pub(crate) values: ValueEncoding,
    /// Values that share a mean and a deviation.
    pub(crate) normalisation: Normalisation,
    /// Share of steps that is dropped, in percent; a channel with the observations then follows.
    pub(crate) drop: u8,
    /// Whether steps beyond a sample's length are padding: zero, out of the statistics, and marked in the batch.
    pub(crate) padded: bool,
}

impl SequenceEncoding {
    /// Bytes of one sample in the store.
    pub(crate) fn input_bytes(&self) -> usize {
        self.channels * self.length * self.values.bytes()
    }

    /// What the steps are: some have no value where steps are dropped.
    pub(crate) fn positions(&self) -> Positions {
        if self.drop > 0 { Positions::Irregular } else { Positions::Valid }
    }

    /// Channels of a batch.
    pub(crate) fn channels_read(&self) -> usize {
        self.channels + usize::from(self.drop > 0)
    }

    /// The values of a sample with NaN where there is none, and which steps are observed.
    pub(crate) fn gaps(&self, index: u32, input: &[u8], steps: usize, values: &mut [f32]) -> Vec<bool> {
        self.values.decode(input, values);
        let steps = if self.padded { steps.min(self.length) } else { self.length };
        let mut observed = irregular::observed(u64::from(index), steps, self.drop);
        observed.resize(self.length, false);
        if self.drop > 0 || steps < self.length {
            irregular::conceal(values, &observed);
        }
        observed
    }

    /// The encoding as content hashes know it.
    pub(crate) fn hashed(&self) -> String {
        let Self { channels, length, values, normalisation, drop, padded } = self;
        format!(
            "Reading {{ channels: {channels}, length: {length}, encoding: {values:?}, normalisation: {normalisation:?}, \
             drop: {drop}, padded: {padded} }}"
        )
    }

    /// A task on these sequences, of which each has one of `classes` classes. `revision` is raised whenever the same
    /// settings give other samples; dropped steps show in name and version.
    pub(crate) fn spec(
        &self,
        set: &str,
        (mut name, mut version): (String, String),
        revision: u32,
        (classes, chance): (usize, f64),
        splits: SplitSizes,
    ) -> TaskSpec {
        if self.drop > 0 {
            name.push_str(&format!("-drop{}", self.drop));
            version.push_str(&format!("-{}-{}", irregular::VERSION, self.drop));
        }
        TaskSpec {
            name,
            version: format!("{version}-{revision}"),
            data: set.to_owned(),
            input: InputSpec::Values { channels: self.channels_read(), shape: vec![self.length] },
            target: OutputSpec::Classes(classes),
            metric: Metric::Accuracy,
            chance,
            splits,
        }
    }
}
