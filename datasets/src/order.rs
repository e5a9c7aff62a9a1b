//! Versioned orders in which the samples of a data set are dealt to the splits.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// Version of [`split_order`].
pub(crate) const SPLIT_VERSION: &str = "split-1";
/// Seed of [`split_order`].
const SPLIT_SEED: u64 = 20_240_601;

/// The order in which training samples are dealt to the splits, version `split-1`: Fisher–Yates from the last place to the
/// second, place `i` exchanged with place `⌊u · (i + 1) / 2⁶⁴⌋`, where `u` are successive 64-bit words of ChaCha8 seeded
/// with `seed_from_u64(20240601)`, stream 0. Training takes from the front, validation from the back.
pub(crate) fn split_order(count: usize) -> Vec<u32> {
    let mut stream = ChaCha8Rng::seed_from_u64(SPLIT_SEED);
    let mut order: Vec<u32> = (0..count as u32).collect();
    for place in (1..count).rev() {
        let other = (u128::from(stream.next_u64()) * (place as u128 + 1)) >> 64;
        order.swap(place, other as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    const SPLIT_SHA256: &str = "e2f6feb6594f9aa71f6429242937b455a87c847a8cc1298961b022a0384edc83";

    #[test]
    fn the_split_is_a_permutation_and_does_not_change() {
        let order = split_order(60_000);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(place, &index)| place == index as usize));
        let mut hasher = Sha256::new();
        for index in &order {
            hasher.update(index.to_le_bytes());
        }
        assert_eq!(format!("{:x}", hasher.finalize()), SPLIT_SHA256);
    }
}
