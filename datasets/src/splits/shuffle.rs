//! A seeded random order.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// The numbers `0..count` in a random order that is the same everywhere: Fisher–Yates from the last place to the second,
/// place `i` exchanged with place `⌊u · (i + 1) / 2⁶⁴⌋`, where `u` are successive 64-bit words of ChaCha8 seeded with
/// `seed_from_u64(seed)`, stream 0.
pub fn shuffle(count: usize, seed: u64) -> Vec<u32> {
    let mut stream = ChaCha8Rng::seed_from_u64(seed);
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
    use crate::splits::balanced::OFFICIAL_SEED;

    const SHA256: &str = "e2f6feb6594f9aa71f6429242937b455a87c847a8cc1298961b022a0384edc83";

    #[test]
    fn the_order_is_a_permutation_and_does_not_change() {
        let order = shuffle(60_000, OFFICIAL_SEED);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(place, &index)| place == index as usize));
        let mut hasher = Sha256::new();
        for index in &order {
            hasher.update(index.to_le_bytes());
        }
        assert_eq!(format!("{:x}", hasher.finalize()), SHA256);
        assert_ne!(order, shuffle(60_000, OFFICIAL_SEED + 1));
    }
}
