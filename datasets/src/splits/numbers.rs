//! Random streams of generated samples.

use vocabulary::{Split, SplitSizes};

/// Each split of a generated set has its own range of sample numbers, so that no sample of one moves when another grows.
pub const NUMBERS_PER_SPLIT: u64 = 1 << 40;

/// Number of the sample at `position` of a whole set (training, validation, test): the range of its split, then its place
/// in the split. Random numbers of a sample come from its own stream, [`sample_stream`](crate::library::sample_stream).
pub fn sample_number(sizes: &SplitSizes, position: u64) -> u64 {
    let (range, place) = place(sizes, position);
    range * NUMBERS_PER_SPLIT + place
}

/// As [`sample_number`], for tasks whose samples were numbered through all splits when they were first published: in a set of
/// the `usual` sizes or smaller, every sample is the one that it is in the set of those sizes, whose numbers are consecutive.
/// What a larger split has beyond them comes from a range of its own.
pub(crate) fn usual_number(usual: &SplitSizes, sizes: &SplitSizes, position: u64) -> u64 {
    let (range, place) = place(sizes, position);
    let before: u64 = Split::ALL.into_iter().take(range as usize).map(|split| usual.get(split) as u64).sum();
    match Split::ALL.get(range as usize) {
        Some(split) if place < usual.get(*split) as u64 => before + place,
        _ => (range + 1) * NUMBERS_PER_SPLIT + place,
    }
}

/// Range and place in it of the sample at `position` of a whole set.
fn place(sizes: &SplitSizes, mut position: u64) -> (u64, u64) {
    for (range, split) in Split::ALL.into_iter().enumerate() {
        let size = sizes.get(split) as u64;
        if position < size {
            return (range as u64, position);
        }
        position -= size;
    }
    (Split::ALL.len() as u64, position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_split_do_not_depend_on_the_others() {
        let sizes = SplitSizes { train: 10, validation: 2, test: 3 };
        let numbers: Vec<u64> = (0..15).map(|position| sample_number(&sizes, position)).collect();
        assert_eq!(numbers[..2], [0, 1]);
        assert_eq!(numbers[10..], [1 << 40, (1 << 40) + 1, 2 << 40, (2 << 40) + 1, (2 << 40) + 2]);
        let larger = SplitSizes { train: 1_000, ..sizes };
        assert_eq!(sample_number(&larger, 1_002), 2 << 40);
    }

    #[test]
    fn sets_of_the_usual_sizes_are_numbered_through() {
        let usual = SplitSizes { train: 4, validation: 2, test: 3 };
        let numbers = |sizes: &SplitSizes, count| -> Vec<u64> {
            (0..count).map(|position| usual_number(&usual, sizes, position)).collect()
        };
        assert_eq!(numbers(&usual, 9), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(numbers(&SplitSizes { train: 1, validation: 1, test: 2 }, 4), [0, 4, 6, 7]);
        let larger = numbers(&SplitSizes { train: 5, validation: 3, test: 4 }, 12);
        assert_eq!([&larger[..4], &larger[5..7], &larger[8..11]].concat(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!([larger[4], larger[7], larger[11]], [(1 << 40) + 4, (2 << 40) + 2, (3 << 40) + 3]);
    }
}
