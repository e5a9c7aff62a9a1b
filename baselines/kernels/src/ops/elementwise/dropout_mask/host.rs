//! Masks by the CPU, in parallel.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

use super::DropoutMask;

/// Elements per task.
const CHUNK: usize = 1 << 16;
/// Words that are taken from the stream at a time: one by one, they cost more to take than to generate.
const WORDS: usize = 256;

pub(super) fn values(mask: DropoutMask) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(mask.seed);
    rng.set_stream(mask.stream);
    let (threshold, factor) = (mask.threshold(), mask.factor());
    let mut values = vec![0.0_f32; mask.elements()];
    values.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, values)| {
        // Every element takes one word of the stream, so that tasks start in its middle.
        let mut rng = rng.clone();
        rng.set_word_pos((chunk * CHUNK) as u128);
        let mut bytes = [0_u8; WORDS * size_of::<u32>()];
        for values in values.chunks_mut(WORDS) {
            rng.fill_bytes(&mut bytes);
            for (value, word) in values.iter_mut().zip(bytes.as_chunks().0) {
                *value = if u32::from_le_bytes(*word) <= threshold { factor } else { 0.0 };
            }
        }
    });
    values
}

/// The words of the key of a stream.
#[cfg(feature = "cube")]
pub(super) fn key(seed: u64) -> [u32; 8] {
    let bytes = ChaCha8Rng::seed_from_u64(seed).get_seed();
    std::array::from_fn(|word| u32::from_le_bytes(std::array::from_fn(|byte| bytes[4 * word + byte])))
}
