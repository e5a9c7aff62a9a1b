//! Real-valued sequences with one class each: stored samples, assigned to splits, dropped, normalised as they are read.

use rayon::prelude::*;
use vocabulary::Split;
use vocabulary::record::SampleAttribute;

use crate::library::{DataError, SampleStore};
use crate::samples::{Annotate, Stored};
use crate::sequences::encoding::{SequenceEncoding, read_label};
use crate::sequences::irregular;
use crate::sequences::normalise::{Moments, Normalisation, Normaliser};
use crate::splits::SplitIndices;
use crate::task::{Batch, Dataset, Inputs, Targets};

/// The sequences of task `name`: `store` holds all of them as its training part; `splits` says which belong where. Reads the
/// training part for the statistics.
pub(crate) fn sequences(
    name: &str,
    store: SampleStore,
    splits: SplitIndices,
    encoding: SequenceEncoding,
    notes: Vec<String>,
) -> Result<Box<dyn Dataset>, DataError> {
    let normaliser = moments(&store, splits.get(Split::Train), &encoding)?.finish();
    for note in &notes {
        tracing::warn!("{name}: {note}");
    }
    let processing = format!("{}\n{}", encoding.hashed(), irregular::VERSION);
    let stored = Stored::split_by(store, &processing, name, splits, move |store, _, places| {
        batch(store, places, &encoding, &normaliser)
    });
    let stored = stored.with_notes(notes, vec![]);
    Ok(if encoding.padded { Box::new(stored.annotated(Lengths { most: encoding.length })) } else { Box::new(stored) })
}

/// The lengths of sequences before they are padded.
struct Lengths {
    most: usize,
}

impl Annotate for Lengths {
    fn attributes(&self, store: &SampleStore, _: Split, places: &[usize]) -> Result<Vec<SampleAttribute>, DataError> {
        let mut values = Vec::with_capacity(places.len());
        store.visit(Split::Train, places, |_, _, label| values.push(read_label(label).1.min(self.most) as i32))?;
        Ok(vec![SampleAttribute { name: "length, steps".to_owned(), values }])
    }
}

fn batch(
    store: &SampleStore,
    places: &[usize],
    encoding: &SequenceEncoding,
    normaliser: &Normaliser,
) -> Result<Batch, DataError> {
    let (stored, each) = (encoding.channels * encoding.length, encoding.channels_read() * encoding.length);
    let mut values = vec![0.0f32; places.len() * each];
    let mut labels = vec![0i32; places.len()];
    let mut lengths = vec![0usize; places.len()];
    store.visit(Split::Train, places, |slot, input, label| {
        let (class, steps) = read_label(label);
        let (sample, marks) = values[slot * each..(slot + 1) * each].split_at_mut(stored);
        let observed = encoding.gaps(places[slot] as u32, input, steps, sample);
        normaliser.apply(sample);
        sample.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
        for (mark, observed) in marks.iter_mut().zip(observed) {
            *mark = f32::from(u8::from(observed));
        }
        labels[slot] = class as i32;
        lengths[slot] = steps.min(encoding.length);
    })?;
    Ok(Batch {
        size: places.len(),
        inputs: Inputs::Values(values),
        targets: Targets::Labels(labels),
        lengths: encoding.padded.then_some(lengths),
    })
}

/// Samples whose statistics are gathered by one thread. A fixed number, and parts are joined in their order: the result is
/// the same whatever the number of threads.
const GATHERED_TOGETHER: usize = 1_024;

fn moments(store: &SampleStore, training: &[u32], encoding: &SequenceEncoding) -> Result<Moments, DataError> {
    let none = || Moments::new(encoding.normalisation, encoding.channels, encoding.length);
    if encoding.normalisation == Normalisation::None {
        return Ok(none());
    }
    let gather = |places: &[u32]| {
        let mut moments = none();
        let wanted: Vec<usize> = places.iter().map(|&place| place as usize).collect();
        let mut values = vec![0.0f32; encoding.channels * encoding.length];
        store.visit(Split::Train, &wanted, |slot, input, label| {
            encoding.gaps(places[slot], input, read_label(label).1, &mut values);
            moments.add(&values);
        })?;
        Ok(moments)
    };
    let parts: Vec<Result<Moments, DataError>> = training.par_chunks(GATHERED_TOGETHER).map(gather).collect();
    parts.into_iter().try_fold(none(), |all, part| Ok(all.join(part?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use serde_json::json;

    use super::*;
    use crate::Library;
    use crate::library::CacheKey;
    use crate::sequences::encoding::{LABEL_BYTES, ValueEncoding, write_label};
    use vocabulary::SplitSizes;

    /// Four samples of one channel and four steps: sample `i` holds `10 i + step`, and is `i + 1` steps long.
    fn sequences(normalisation: Normalisation, drop: u8, padded: bool, train: &[u32]) -> Box<dyn Dataset> {
        let folder = tempfile::tempdir().unwrap();
        let encoding =
            SequenceEncoding { channels: 1, length: 4, values: ValueEncoding::Floats, normalisation, drop, padded };
        let key = CacheKey {
            name: "sequences".to_owned(),
            version: 1,
            spec: json!({}),
            input_bytes: encoding.input_bytes(),
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
        super::sequences("sequences", store, SplitIndices::new([train.to_vec(), vec![3], vec![2, 0]]), encoding, vec![])
            .unwrap()
    }

    fn read(sequences: &dyn Dataset, split: Split, positions: &[usize]) -> (Vec<f32>, Vec<i32>, Option<Vec<usize>>) {
        let batch = sequences.read(split, positions).unwrap();
        match (batch.inputs, batch.targets) {
            (Inputs::Values(values), Targets::Labels(labels)) => (values, labels, batch.lengths),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn positions_are_those_of_the_split_and_padding_is_zero() {
        let all = sequences(Normalisation::None, 0, true, &[1]);
        let (values, labels, lengths) = read(all.as_ref(), Split::Test, &[1, 0]);
        assert_eq!(values, [0.0, 0.0, 0.0, 0.0, 20.0, 21.0, 22.0, 0.0]);
        assert_eq!((labels, lengths), (vec![0, 2], Some(vec![1, 3])));
        let error = all.read(Split::Test, &[2]).unwrap_err();
        assert!(matches!(error, DataError::Position { split: "test", position: 2, len: 2, .. }), "{error}");
        let (values, _, lengths) = read(sequences(Normalisation::None, 0, false, &[1]).as_ref(), Split::Test, &[1]);
        assert_eq!((values, lengths), (vec![0.0, 1.0, 2.0, 3.0], None));
    }

    #[test]
    fn statistics_are_those_of_the_valid_training_steps() {
        // Samples 1 and 2: 10, 11, 20, 21, 22; mean 16.8, variance 33.7.
        let normalised = sequences(Normalisation::PerChannel, 0, true, &[1, 2]);
        let (values, ..) = read(normalised.as_ref(), Split::Validation, &[0]);
        let expected = (30.0 - 16.8) / (33.7f64.sqrt() + 1e-5);
        assert!((f64::from(values[0]) - expected).abs() < 1e-6, "{} {expected}", values[0]);
        let other = sequences(Normalisation::PerChannel, 0, true, &[1]);
        assert_ne!(read(other.as_ref(), Split::Validation, &[0]).0, values);
    }

    #[test]
    fn dropped_steps_are_zero_and_marked() {
        let dropped = sequences(Normalisation::PerStep, 50, false, &[0, 1, 2]);
        let (values, ..) = read(dropped.as_ref(), Split::Validation, &[0]);
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
