//! Independent random streams of one seed.

use sha2::{Digest, Sha256};

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
    fn streams_differ_between_purposes_and_seeds_and_stay_the_same() {
        let (a, b) = (Seeds::derive(0), Seeds::derive(1));
        assert_eq!(a, Seeds::derive(0));
        let all = |s: Seeds| [s.init, s.order, s.dropout, s.augmentation(0), s.augmentation(1)];
        let mut all = [all(a), all(b)].concat();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
