//! Random streams of generated samples.

use crate::task::{Split, SplitSizes};

/// Each split of a generated set has its own range of sample numbers, so that no sample of one moves when another grows.
pub const NUMBERS_PER_SPLIT: u64 = 1 << 40;

/// Number of the sample at `position` of a whole set (training, validation, test): the range of its split, then its place
/// in the split. Random numbers of a sample come from its own stream, [`sample_stream`](crate::library::sample_stream).
pub fn sample_number(sizes: &SplitSizes, mut position: u64) -> u64 {
    for (range, split) in Split::ALL.into_iter().enumerate() {
        let size = sizes.get(split) as u64;
        if position < size {
            return range as u64 * NUMBERS_PER_SPLIT + position;
        }
        position -= size;
    }
    Split::ALL.len() as u64 * NUMBERS_PER_SPLIT + position
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
}
