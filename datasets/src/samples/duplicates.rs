//! Identical samples in different splits: what is in the training part should not be in the test.

use std::collections::{HashMap, hash_map::Entry};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::library::DataError;
use crate::progress::Progress;
use crate::task::{Batch, Dataset, Inputs, Targets};
use vocabulary::Split;

/// Inputs that are remembered at a time (about 100 bytes each); more are looked at in several passes.
const REMEMBERED: usize = 2_000_000;
/// Bytes of inputs that are read at a time.
const READ_BYTES: usize = 16 << 20;
/// Most examples of each kind.
const EXAMPLES: usize = 5;

/// Identical samples of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// Samples per split: training, validation, test.
    pub samples: [usize; 3],
    /// Samples per split whose input stands already earlier in the same split.
    pub within: [u64; 3],
    /// Pairs of splits.
    pub across: Vec<Overlap>,
}

/// What two splits have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overlap {
    /// One split.
    pub first: Split,
    /// The other.
    pub second: Split,
    /// Samples of the second whose input, bit for bit, is also one of the first.
    pub samples: u64,
    /// How many of those have another target than the first such sample of the first split.
    pub other_target: u64,
    /// Positions in the first and the second split.
    pub examples: Vec<(usize, usize)>,
}

struct Seen {
    /// First position in each split.
    places: [Option<usize>; 3],
    /// Hash of the target there.
    targets: [u64; 3],
}

/// Compares every input of `data` with every other, by hash. The whole input of a sample counts as it reaches the model:
/// both rows of a pair, padding, and the number of valid steps. Takes at most about 300 MB, whatever the size of the set.
///
/// # Errors
/// Samples that cannot be read.
pub fn find(data: &dyn Dataset, what: &str, progress: &dyn Progress) -> Result<Duplicates, DataError> {
    find_with(data, what, progress, REMEMBERED)
}

fn find_with(
    data: &dyn Dataset,
    what: &str,
    progress: &dyn Progress,
    remembered: usize,
) -> Result<Duplicates, DataError> {
    let samples = Split::ALL.map(|split| data.len(split));
    let total: usize = samples.iter().sum();
    let passes = total.div_ceil(remembered).max(1) as u64;
    let overlap = |first, second| Overlap { first, second, samples: 0, other_target: 0, examples: vec![] };
    let mut across = vec![
        overlap(Split::Train, Split::Validation),
        overlap(Split::Train, Split::Test),
        overlap(Split::Validation, Split::Test),
    ];
    let mut within = [0; 3];
    progress.begin(&format!("comparing samples of {what}"), total as u64 * passes);
    for pass in 0..passes {
        let mut seen: HashMap<u128, Seen> = HashMap::new();
        for (part, &split) in Split::ALL.iter().enumerate() {
            let mut start = 0;
            let mut at_once = 1;
            while start < samples[part] {
                let positions: Vec<usize> = (start..samples[part].min(start + at_once)).collect();
                let batch = match data.read(split, &positions) {
                    Ok(batch) => batch,
                    Err(error) => {
                        progress.finish();
                        return Err(error);
                    }
                };
                for (slot, &position) in positions.iter().enumerate() {
                    let input = input_hash(&batch, slot);
                    if (input % u128::from(passes)) as u64 != pass {
                        continue;
                    }
                    let target = target_hash(&batch, slot);
                    match seen.entry(input) {
                        Entry::Vacant(place) => {
                            let mut first = Seen { places: [None; 3], targets: [0; 3] };
                            first.places[part] = Some(position);
                            first.targets[part] = target;
                            place.insert(first);
                        }
                        Entry::Occupied(mut place) => {
                            let known = place.get_mut();
                            for overlap in across.iter_mut().filter(|overlap| overlap.second == split) {
                                let earlier = overlap.first as usize;
                                if let Some(other) = known.places[earlier] {
                                    overlap.samples += 1;
                                    overlap.other_target += u64::from(known.targets[earlier] != target);
                                    if overlap.examples.len() < EXAMPLES {
                                        overlap.examples.push((other, position));
                                    }
                                }
                            }
                            if known.places[part].is_some() {
                                within[part] += 1;
                            } else {
                                known.places[part] = Some(position);
                                known.targets[part] = target;
                            }
                        }
                    }
                }
                progress.advance(positions.len() as u64);
                start += positions.len();
                let bytes = inputs_length(&batch.inputs) * 4 / batch.size.max(1);
                at_once = (READ_BYTES / bytes.max(1)).clamp(1, 4_096);
            }
        }
    }
    progress.finish();
    Ok(Duplicates { samples, within, across })
}

fn inputs_length(inputs: &Inputs) -> usize {
    match inputs {
        Inputs::Values(values) => values.len(),
        Inputs::Tokens(tokens) => tokens.len(),
    }
}

/// The part of `slot` in an array that all samples share equally.
fn row<T>(all: &[T], size: usize, slot: usize) -> &[T] {
    let each = all.len() / size.max(1);
    &all[slot * each..(slot + 1) * each]
}

fn input_hash(batch: &Batch, slot: usize) -> u128 {
    let mut hasher = Sha256::new();
    match &batch.inputs {
        Inputs::Values(values) => {
            row(values, batch.size, slot).iter().for_each(|value| hasher.update(value.to_le_bytes()))
        }
        Inputs::Tokens(tokens) => {
            row(tokens, batch.size, slot).iter().for_each(|token| hasher.update(token.to_le_bytes()))
        }
    }
    if let Some(lengths) = &batch.lengths {
        row(lengths, batch.size, slot).iter().for_each(|&length| hasher.update((length as u64).to_le_bytes()));
    }
    let hash = hasher.finalize();
    hash.first_chunk::<16>().map_or(0, |bytes| u128::from_le_bytes(*bytes))
}

fn target_hash(batch: &Batch, slot: usize) -> u64 {
    let mut hasher = Sha256::new();
    match &batch.targets {
        Targets::Labels(labels) => {
            row(labels, batch.size, slot).iter().for_each(|label| hasher.update(label.to_le_bytes()))
        }
        Targets::Values(values) => {
            row(values, batch.size, slot).iter().for_each(|value| hasher.update(value.to_le_bytes()))
        }
    }
    let hash = hasher.finalize();
    hash.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Samples whose input and label are given by one number each.
    struct Numbers([Vec<(i32, i32)>; 3]);

    impl Dataset for Numbers {
        fn len(&self, split: Split) -> usize {
            self.0[split as usize].len()
        }

        fn content_hash(&self) -> &str {
            ""
        }

        fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError> {
            let chosen: Vec<(i32, i32)> = positions.iter().map(|&position| self.0[split as usize][position]).collect();
            Ok(Batch {
                size: chosen.len(),
                // Two rows per sample, as pairs have them.
                inputs: Inputs::Tokens(chosen.iter().flat_map(|&(input, _)| [1, 2, input, 1, 2, 0]).collect()),
                targets: Targets::Labels(chosen.iter().map(|&(_, label)| label).collect()),
                lengths: Some(chosen.iter().flat_map(|_| [3, 2]).collect()),
            })
        }
    }

    #[test]
    fn identical_inputs_are_found_across_and_within_splits_in_any_number_of_passes() {
        let train: Vec<(i32, i32)> = (0..1_000).map(|index| (index, index % 10)).chain([(5, 5), (6, 0)]).collect();
        let validation = vec![(2_000, 0), (7, 7), (8, 1), (7, 7)];
        let test = vec![(7, 0), (2_000, 0), (3_000, 1)];
        let data = Numbers([train, validation, test]);
        for remembered in [10, 300, 1_000_000] {
            let mut found = find_with(&data, "numbers", &(), remembered).unwrap();
            found.across.iter_mut().for_each(|overlap| overlap.examples.sort_unstable());
            assert_eq!(found.samples, [1_002, 4, 3]);
            assert_eq!(found.within, [2, 1, 0]);
            let overlap = |first, second, samples, other_target, examples: &[(usize, usize)]| Overlap {
                first,
                second,
                samples,
                other_target,
                examples: examples.to_vec(),
            };
            assert_eq!(
                found.across,
                [
                    overlap(Split::Train, Split::Validation, 3, 1, &[(7, 1), (7, 3), (8, 2)]),
                    overlap(Split::Train, Split::Test, 1, 1, &[(7, 0)]),
                    overlap(Split::Validation, Split::Test, 2, 1, &[(0, 1), (1, 0)]),
                ]
            );
        }
    }
}
