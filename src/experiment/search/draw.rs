//! Streams of random numbers that a seed of a search gives.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// A number that depends on `purpose` and `seed` alone.
pub(super) fn derived(purpose: &str, seed: u64) -> u64 {
    let digest = Sha256::digest(format!("{purpose} {seed}").as_bytes());
    digest.iter().take(8).fold(0, |value, &byte| (value << 8) | u64::from(byte))
}

/// Point `index` of `dimensions` independent uniform numbers in [0, 1). Every point has a stream of its own.
pub(super) fn uniform(seed: u64, index: u32, dimensions: usize) -> Vec<f64> {
    let mut stream = ChaCha8Rng::seed_from_u64(derived("search random", seed));
    stream.set_stream(u64::from(index));
    (0..dimensions).map(|_| stream.random()).collect()
}
