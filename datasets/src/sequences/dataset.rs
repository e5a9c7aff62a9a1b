//! Real-valued sequences with one class each: stored samples, dealt to splits, dropped, normalised as they are read.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{
    library::{DataError, SampleStore},
    sequences::{
        irregular,
        normalise::{Moments, Normalisation, Normaliser},
    },
    splits::SplitIndices,
    task::{Batch, Dataset, Inputs, Targets},
};
use vocabulary::Split;

/// Bytes of a label in the store.
pub(crate) const LABEL_BYTES: usize = 8;

/// Writes a label: the class, and the steps that hold values where lengths differ.
pub(crate) fn write_label(room: &mut [u8], class: u32, steps: usize) {
    let (front, back) = room.split_at_mut(4);
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
pub(crate) enum Encoding {
    /// 16-bit integers, little endian, to be divided by this.
    Integers {
        /// Divisor.
        divisor: f64,
    },
    /// 32-bit floats, little endian.
    Floats,
}

impl Encoding {
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

/// How samples are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    /// Channels in the store.
    pub(crate) channels: usize,
    /// Steps, padding included.
    pub(crate) length: usize,
    /// How values lie in the store.
    pub(crate) encoding: Encoding,
    /// Values that share a mean and a deviation.
    pub(crate) normalisation: Normalisation,
    /// Share of steps that is dropped, in percent; a channel with the observations then follows.
    pub(crate) drop: u8,
    /// Whether steps beyond a sample's length are padding: zero, out of the statistics, and told by the batch.
    pub(crate) padded: bool,
}

impl Reading {
    /// Bytes of one sample in the store.
    pub(crate) fn input_bytes(&self) -> usize {
        self.channels * self.length * self.encoding.bytes()
    }

    /// Channels of a batch.
    pub(crate) fn channels_read(&self) -> usize {
        self.channels + usize::from(self.drop > 0)
    }

    /// The values of a sample with NaN where there is none, and which steps are observed.
    fn gaps(&self, index: u32, input: &[u8], steps: usize, values: &mut [f32]) -> Vec<bool> {
        self.encoding.decode(input, values);
        let steps = if self.padded { steps.min(self.length) } else { self.length };
        let mut observed = irregular::observed(u64::from(index), steps, self.drop);
        observed.resize(self.length, false);
        if self.drop > 0 || steps < self.length {
            irregular::conceal(values, &observed);
        }
        observed
    }
}

/// Stored samples and how they are read.
#[derive(Debug)]
pub(crate) struct Sequences {
    store: SampleStore,
    name: String,
    splits: SplitIndices,
    reading: Reading,
    normaliser: Normaliser,
    content_hash: String,
    notes: Vec<String>,
}

impl Sequences {
    /// `store` holds all samples as its training part; `splits` says which of them belong where. Reads the training part
    /// for the statistics.
    pub(crate) fn new(
        name: &str,
        store: SampleStore,
        splits: SplitIndices,
        reading: Reading,
        notes: Vec<String>,
    ) -> Result<Self, DataError> {
        let moments = moments(&store, splits.get(Split::Train), &reading)?;
        let mut hasher = Sha256::new();
        hasher.update(format!("{}\n{reading:?}\n{}\n", store.content_hash(), irregular::VERSION));
        splits.hash(&mut hasher);
        let content_hash = format!("{:x}", hasher.finalize());
        for note in &notes {
            tracing::warn!("{name}: {note}");
        }
        let normaliser = moments.finish();
        Ok(Self { store, name: name.to_owned(), splits, reading, normaliser, content_hash, notes })
    }
}

/// Samples whose statistics are gathered by one thread. A fixed number, and parts are joined in their order: the result is
/// the same whatever the number of threads.
const GATHERED_TOGETHER: usize = 1_024;

fn moments(store: &SampleStore, training: &[u32], reading: &Reading) -> Result<Moments, DataError> {
    let none = || Moments::new(reading.normalisation, reading.channels, reading.length);
    if reading.normalisation == Normalisation::None {
        return Ok(none());
    }
    let gather = |places: &[u32]| {
        let mut moments = none();
        let wanted: Vec<usize> = places.iter().map(|&place| place as usize).collect();
        let mut values = vec![0.0f32; reading.channels * reading.length];
        store.visit(Split::Train, &wanted, |slot, input, label| {
            reading.gaps(places[slot], input, read_label(label).1, &mut values);
            moments.add(&values);
        })?;
        Ok(moments)
    };
    let parts: Vec<Result<Moments, DataError>> = training.par_chunks(GATHERED_TOGETHER).map(gather).collect();
    parts.into_iter().try_fold(none(), |all, part| Ok(all.join(part?)))
}

impl Dataset for Sequences {
    fn len(&self, split: Split) -> usize {
        self.splits.len(split)
    }

    fn content_hash(&self) -> &str {
        &self.content_hash
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError> {
        let wanted = self.splits.find(&self.name, split, positions)?;
        let reading = &self.reading;
        let (stored, each) = (reading.channels * reading.length, reading.channels_read() * reading.length);
        let mut values = vec![0.0f32; positions.len() * each];
        let mut labels = vec![0i32; positions.len()];
        let mut lengths = vec![0usize; positions.len()];
        self.store.visit(Split::Train, &wanted, |slot, input, label| {
            let (class, steps) = read_label(label);
            let (sample, marks) = values[slot * each..(slot + 1) * each].split_at_mut(stored);
            let observed = reading.gaps(wanted[slot] as u32, input, steps, sample);
            self.normaliser.apply(sample);
            sample.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
            for (mark, observed) in marks.iter_mut().zip(observed) {
                *mark = f32::from(u8::from(observed));
            }
            labels[slot] = class as i32;
            lengths[slot] = steps.min(reading.length);
        })?;
        Ok(Batch {
            size: positions.len(),
            inputs: Inputs::Values(values),
            targets: Targets::Labels(labels),
            lengths: reading.padded.then_some(lengths),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use serde_json::json;

    use super::*;
    use crate::{Library, library::CacheKey};
    use vocabulary::SplitSizes;

    /// Four samples of one channel and four steps: sample `i` holds `10 i + step`, and is `i + 1` steps long.
    fn sequences(normalisation: Normalisation, drop: u8, padded: bool, train: &[u32]) -> Sequences {
        let folder = tempfile::tempdir().unwrap();
        let reading = Reading { channels: 1, length: 4, encoding: Encoding::Floats, normalisation, drop, padded };
        let key = CacheKey {
            name: "sequences".to_owned(),
            version: 1,
            spec: json!({}),
            input_bytes: reading.input_bytes(),
            label_bytes: LABEL_BYTES,
            sizes: SplitSizes { train: 4, validation: 0, test: 0 },
        };
        let store = Library::open(folder.path())
            .cached(&key, &(), |writer| {
                writer.generate(&(), |index, input, label| {
                    for (step, room) in input.chunks_exact_mut(4).enumerate() {
                        room.copy_from_slice(&(10.0 * index as f32 + step as f32).to_le_bytes());
                    }
                    write_label(label, index as u32, index as usize + 1);
                    Ok(())
                })
            })
            .unwrap();
        Sequences::new("sequences", store, SplitIndices::new([train.to_vec(), vec![3], vec![2, 0]]), reading, vec![])
            .unwrap()
    }

    fn read(sequences: &Sequences, split: Split, positions: &[usize]) -> (Vec<f32>, Vec<i32>, Option<Vec<usize>>) {
        let batch = sequences.read(split, positions).unwrap();
        match (batch.inputs, batch.targets) {
            (Inputs::Values(values), Targets::Labels(labels)) => (values, labels, batch.lengths),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn positions_are_those_of_the_split_and_padding_is_zero() {
        let all = sequences(Normalisation::None, 0, true, &[1]);
        let (values, labels, lengths) = read(&all, Split::Test, &[1, 0]);
        assert_eq!(values, [0.0, 0.0, 0.0, 0.0, 20.0, 21.0, 22.0, 0.0]);
        assert_eq!((labels, lengths), (vec![0, 2], Some(vec![1, 3])));
        let error = all.read(Split::Test, &[2]).unwrap_err().to_string();
        assert!(error.contains("2 samples in its test split"), "{error}");
        let (values, _, lengths) = read(&sequences(Normalisation::None, 0, false, &[1]), Split::Test, &[1]);
        assert_eq!((values, lengths), (vec![0.0, 1.0, 2.0, 3.0], None));
    }

    #[test]
    fn statistics_are_those_of_the_valid_training_steps() {
        // Samples 1 and 2: 10, 11, 20, 21, 22; mean 16.8, variance 33.7.
        let normalised = sequences(Normalisation::PerChannel, 0, true, &[1, 2]);
        let (values, ..) = read(&normalised, Split::Validation, &[0]);
        let expected = (30.0 - 16.8) / (33.7f64.sqrt() + 1e-5);
        assert!((f64::from(values[0]) - expected).abs() < 1e-6, "{} {expected}", values[0]);
        let other = sequences(Normalisation::PerChannel, 0, true, &[1]);
        assert_ne!(read(&other, Split::Validation, &[0]).0, values);
    }

    #[test]
    fn dropped_steps_are_zero_and_marked() {
        let dropped = sequences(Normalisation::PerStep, 50, false, &[0, 1, 2]);
        let (values, ..) = read(&dropped, Split::Validation, &[0]);
        let observed = irregular::observed(3, 4, 50);
        assert_eq!(values[4..], observed.iter().map(|&seen| f32::from(u8::from(seen))).collect::<Vec<_>>()[..]);
        for (value, observed) in values.iter().zip(observed) {
            assert_eq!(*value != 0.0, observed);
        }
    }

    #[test]
    fn every_reading_has_its_own_hash() {
        let hashes: Vec<String> = [
            sequences(Normalisation::None, 0, false, &[0]),
            sequences(Normalisation::PerStep, 0, false, &[0]),
            sequences(Normalisation::None, 30, false, &[0]),
            sequences(Normalisation::None, 0, true, &[0]),
            sequences(Normalisation::None, 0, false, &[1]),
        ]
        .iter()
        .map(|sequences| sequences.content_hash().to_owned())
        .collect();
        for (place, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..place].contains(hash));
        }
    }
}
