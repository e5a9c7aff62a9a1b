//! Irregularly observed sequences: a share of the steps of every sample is dropped, in all channels at once.
//!
//! Source: Kidger et al., "Neural Controlled Differential Equations", arXiv 2005.08926, and Romero et al., "CKConv", arXiv
//! 2102.02611, who drop 30, 50 or 70 %. Dropped values do not enter the statistics of a normalisation, become zero after
//! it, and a last channel says 1 where a step was observed and 0 where it was not.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use crate::config::{ConfigError, within};

/// Version of [`observed`]; part of the version of every task that drops steps.
pub const VERSION: &str = "drop1";
/// Seed of [`observed`].
const SEED: u64 = 56_789;
/// Largest share that may be dropped, in percent.
pub const MOST: u8 = 90;

/// Which of the `length` steps of the sample with number `index` in its data set are observed when `percent` of them are
/// dropped, version `drop1`.
///
/// `⌊length · percent / 100⌋` steps are dropped. They are the first places of a random order of `0..length`: place `i`
/// (from 0 on) is exchanged with place `i + ⌊u · (length − i) / 2⁶⁴⌋`, where `u` are successive 64-bit words of ChaCha8
/// seeded with `seed_from_u64(56789)`, stream `index`. What a sample loses depends on its number alone, not on the split it
/// is in.
pub fn observed(index: u64, length: usize, percent: u8) -> Vec<bool> {
    let dropped = length * usize::from(percent.min(100)) / 100;
    if dropped == 0 {
        return vec![true; length];
    }
    let mut stream = ChaCha8Rng::seed_from_u64(SEED);
    stream.set_stream(index);
    let mut order: Vec<u32> = (0..length as u32).collect();
    let mut observed = vec![true; length];
    for place in 0..dropped {
        let other = place + ((u128::from(stream.next_u64()) * (length - place) as u128) >> 64) as usize;
        order.swap(place, other);
        observed[order[place] as usize] = false;
    }
    observed
}

/// Makes every channel of `values` (`[channels, length]`) NaN where a step is not observed.
pub fn conceal(values: &mut [f32], observed: &[bool]) {
    for channel in values.chunks_exact_mut(observed.len().max(1)) {
        for (value, _) in channel.iter_mut().zip(observed).filter(|(_, observed)| !**observed) {
            *value = f32::NAN;
        }
    }
}

/// Refuses a share in percent that is too large, naming the setting `drop`.
pub(crate) fn check(percent: u8) -> Result<(), ConfigError> {
    within("drop", usize::from(percent), 0..=usize::from(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_share_is_dropped_and_every_sample_has_its_own_gaps() {
        for (length, percent, dropped) in [(161, 30, 48), (16_000, 70, 11_200), (182, 50, 91), (3, 30, 0), (0, 50, 0)] {
            let seen = observed(7, length, percent);
            assert_eq!(seen.iter().filter(|&&seen| !seen).count(), dropped, "{length} {percent}");
        }
        assert_ne!(observed(0, 100, 50), observed(1, 100, 50));
        assert_eq!(observed(5, 100, 50), observed(5, 100, 50));
        assert!(observed(5, 100, 0).iter().all(|&seen| seen));
    }

    #[test]
    fn more_is_dropped_by_dropping_further_steps_and_all_steps_alike() {
        let (few, many) = (observed(3, 200, 30), observed(3, 200, 70));
        assert!(few.iter().zip(&many).all(|(few, many)| *few || !*many));
        // Each of 20 steps is dropped in half of 4000 samples: standard deviation 0.0079 of a share.
        let mut shares = [0.0f64; 20];
        for index in 0..4_000 {
            for (share, seen) in shares.iter_mut().zip(observed(index, 20, 50)) {
                *share += f64::from(u8::from(seen)) / 4_000.0;
            }
        }
        assert!(shares.iter().all(|share| (share - 0.5).abs() < 0.04), "{shares:?}");
    }

    #[test]
    fn the_order_does_not_change() {
        let gaps: Vec<usize> =
            observed(2, 20, 30).iter().enumerate().filter(|(_, seen)| !**seen).map(|(step, _)| step).collect();
        assert_eq!(gaps, PINNED);
    }

    const PINNED: [usize; 6] = [0, 1, 4, 7, 8, 9];

    #[test]
    fn concealed_steps_are_nan_in_all_channels() {
        let mut values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        conceal(&mut values, &[true, false, true]);
        assert_eq!(values.map(f32::is_nan), [false, true, false, false, true, false]);
    }
}
