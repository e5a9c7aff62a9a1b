//! Masks by a GPU: a thread per block of 16 words of the stream.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their numbers one by one")]

use burn_cubecl::cubecl::{self, calculate_cube_count_elemwise, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::{DropoutMask, host};
use crate::gpu::{empty, suits};

/// Words of a block.
const BLOCK: usize = 16;
/// Pairs of rounds, over columns and over diagonals.
const ROUNDS: usize = 4;

/// The mask where `like` is; `None` where the kernel does not apply.
pub(super) fn mask(like: &CubeTensor, mask: DropoutMask) -> Option<CubeTensor> {
    let n = u32::try_from(mask.elements()).ok().filter(|&n| n > 0 && suits(like))?;
    let values = empty(like, mask.shape);
    let blocks = (n as usize).div_ceil(BLOCK);
    let dim = CubeDim::new(&like.client, blocks);
    let [k0, k1, k2, k3, k4, k5, k6, k7] = host::key(mask.seed);
    // SAFETY: the mask has n elements, and the kernel writes none beyond them.
    unsafe {
        mask_kernel::launch_unchecked(
            &like.client,
            calculate_cube_count_elemwise(&like.client, blocks, dim),
            dim,
            values.clone().into_tensor_arg(),
            n,
            mask.threshold(),
            mask.factor(),
            k0,
            k1,
            k2,
            k3,
            k4,
            k5,
            k6,
            k7,
            mask.stream as u32,
            (mask.stream >> 32) as u32,
        );
    }
    Some(values)
}

#[cube]
fn rotated(x: u32, #[comptime] by: u32) -> u32 {
    (x << by) | (x >> comptime!(32 - by))
}

/// The quarter round on the words `a`, `b`, `c` and `d` of the state.
#[cube]
fn quarter(
    state: &mut Array<u32>,
    #[comptime] a: usize,
    #[comptime] b: usize,
    #[comptime] c: usize,
    #[comptime] d: usize,
) {
    state[a] += state[b];
    state[d] = rotated(state[d] ^ state[a], 16u32);
    state[c] += state[d];
    state[b] = rotated(state[b] ^ state[c], 12u32);
    state[a] += state[b];
    state[d] = rotated(state[d] ^ state[a], 8u32);
    state[c] += state[d];
    state[b] = rotated(state[b] ^ state[c], 7u32);
}

/// ChaCha (Bernstein 2008) with 8 rounds; `k0` to `k7` are the key, `low` and `high` the number of the stream.
#[cube(launch_unchecked)]
fn mask_kernel(
    values: &mut Tensor<f32>,
    n: u32,
    threshold: u32,
    factor: f32,
    k0: u32,
    k1: u32,
    k2: u32,
    k3: u32,
    k4: u32,
    k5: u32,
    k6: u32,
    k7: u32,
    low: u32,
    high: u32,
) {
    let first = ABSOLUTE_POS * BLOCK;
    if first < n as usize {
        let mut start = Array::<u32>::new(BLOCK);
        // "expand 32-byte k"
        start[0] = 0x6170_7865u32;
        start[1] = 0x3320_646eu32;
        start[2] = 0x7962_2d32u32;
        start[3] = 0x6b20_6574u32;
        start[4] = k0;
        start[5] = k1;
        start[6] = k2;
        start[7] = k3;
        start[8] = k4;
        start[9] = k5;
        start[10] = k6;
        start[11] = k7;
        // The elements of a tensor never need more blocks than a 32-bit number counts.
        start[12] = ABSOLUTE_POS as u32;
        start[13] = 0u32;
        start[14] = low;
        start[15] = high;
        let mut state = Array::<u32>::new(BLOCK);
        #[unroll]
        for i in 0..BLOCK {
            state[i] = start[i];
        }
        for _ in 0..ROUNDS {
            quarter(&mut state, 0usize, 4usize, 8usize, 12usize);
            quarter(&mut state, 1usize, 5usize, 9usize, 13usize);
            quarter(&mut state, 2usize, 6usize, 10usize, 14usize);
            quarter(&mut state, 3usize, 7usize, 11usize, 15usize);
            quarter(&mut state, 0usize, 5usize, 10usize, 15usize);
            quarter(&mut state, 1usize, 6usize, 11usize, 12usize);
            quarter(&mut state, 2usize, 7usize, 8usize, 13usize);
            quarter(&mut state, 3usize, 4usize, 9usize, 14usize);
        }
        #[unroll]
        for i in 0..BLOCK {
            if first + i < n as usize {
                let word = state[i] + start[i];
                values[first + i] = select(word <= threshold, factor, 0.0f32);
            }
        }
    }
}
