//! The order in which an epoch visits its samples, and the random streams that a seed gives a run.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The batches of one epoch, in an order that depends on (seed, epoch) alone.
pub(crate) struct EpochOrder {
    order: Vec<usize>,
    batch_size: usize,
}

impl EpochOrder {
    /// Shuffle `samples` positions for `epoch` (from 0). The incomplete last batch is dropped, unless it is the only one.
    pub(crate) fn new(samples: usize, batch_size: usize, seed: u64, epoch: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(epoch);
        let mut order: Vec<usize> = (0..samples).collect();
        order.shuffle(&mut rng);
        Self { order, batch_size: batch_size.min(samples.max(1)) }
    }

    /// Number of batches, an incomplete last one included.
    pub(crate) fn batches(&self) -> u64 {
        self.order.len().div_ceil(self.batch_size) as u64
    }

    /// Positions of batch `index`.
    pub(crate) fn batch(&self, index: u64) -> &[usize] {
        let start = index as usize * self.batch_size;
        &self.order[start.min(self.order.len())..(start + self.batch_size).min(self.order.len())]
    }
}

/// Seeds of the streams of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seeds {
    /// Initial weights.
    pub(crate) init: u64,
    /// Order of samples.
    pub(crate) order: u64,
    /// Dropout masks.
    pub(crate) dropout: u64,
    /// Augmentation of the first epoch.
    augmentation: u64,
}

impl Seeds {
    /// The streams of `seed`; each is a hash of the seed and its purpose.
    pub(crate) fn derive(seed: u64) -> Self {
        let stream = |purpose: &str| {
            let digest = Sha256::digest(format!("{purpose} {seed}").as_bytes());
            digest.iter().take(8).fold(0, |value, &byte| (value << 8) | u64::from(byte))
        };
        Self {
            init: stream("init"),
            order: stream("order"),
            dropout: stream("dropout"),
            augmentation: stream("augmentation"),
        }
    }

    /// Augmentation of `epoch` (from 0).
    pub(crate) fn augmentation(self, epoch: u64) -> u64 {
        self.augmentation.wrapping_add(epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_visits_every_whole_batch_once_in_an_order_of_its_own() {
        let order = EpochOrder::new(103, 10, 7, 0);
        let mut seen: Vec<usize> = (0..10).flat_map(|i| order.batch(i).to_vec()).collect();
        assert_eq!(seen.len(), 100);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 100);
        assert_ne!(order.batch(0), EpochOrder::new(103, 10, 7, 1).batch(0));
        assert_eq!((order.batches(), order.batch(10).len()), (11, 3));
        assert_eq!(order.batch(3), EpochOrder::new(103, 10, 7, 0).batch(3));
    }

    #[test]
    fn streams_differ_between_purposes_and_seeds_and_stay_the_same() {
        let (a, b) = (Seeds::derive(0), Seeds::derive(1));
        assert_eq!(a, Seeds::derive(0));
        let all = |s: Seeds| [s.init, s.order, s.dropout, s.augmentation(0), s.augmentation(1)];
        let mut all = [all(a), all(b)].concat();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
