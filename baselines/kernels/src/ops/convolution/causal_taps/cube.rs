//! Taps of causal convolutions on a GPU: one pass over the data each, in f32.

#![allow(clippy::manual_is_multiple_of, reason = "kernels have no such function")]
#![allow(unsafe_code, reason = "launches without bounds checks")]

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::gpu::{empty, per_element, row_major};

/// The taps; `None` where the kernel does not apply.
pub(super) fn forward(kernel: &CubeTensor, skip: &CubeTensor) -> Option<CubeTensor> {
    let [kernel, skip] = row_major([kernel, skip])?;
    let taps = empty(&kernel, kernel.shape());
    let (count, dim, n) = per_element(&taps);
    let client = taps.client.clone();
    let of_channel = kernel.shape()[1] as u32;
    // SAFETY: kernel and taps have n elements, skips one per channel, and the kernel leaves out threads beyond n.
    unsafe {
        forward_kernel::launch_unchecked(
            &client,
            count,
            dim,
            kernel.into_tensor_arg(),
            skip.into_tensor_arg(),
            taps.clone().into_tensor_arg(),
            of_channel,
            n,
        );
    }
    Some(taps)
}

/// The gradients of kernel and skip; `None` where the kernel does not apply.
pub(super) fn backward(g: &CubeTensor) -> Option<[CubeTensor; 2]> {
    let [g] = row_major([g])?;
    let shape = g.shape();
    let d_kernel = empty(&g, shape.clone());
    let d_skip = empty(&g, [shape[0], 1]);
    let (count, dim, n) = per_element(&g);
    // SAFETY: g and the kernel's gradient have n elements, skips one per channel, and the kernel leaves out threads beyond n.
    unsafe {
        backward_kernel::launch_unchecked(
            &d_kernel.client.clone(),
            count,
            dim,
            g.into_tensor_arg(),
            d_kernel.clone().into_tensor_arg(),
            d_skip.clone().into_tensor_arg(),
            shape[1] as u32,
            n,
        );
    }
    Some([d_kernel, d_skip])
}

/// The place of the same tap in the other order.
#[cube]
fn opposite(at: usize, taps: usize) -> usize {
    at / taps * taps + (taps - 1) - at % taps
}

#[cube(launch_unchecked)]
fn forward_kernel(kernel: &Tensor<f32>, skip: &Tensor<f32>, taps: &mut Tensor<f32>, of_channel: u32, n: u32) {
    if ABSOLUTE_POS < n as usize {
        let from = opposite(ABSOLUTE_POS, of_channel as usize);
        let mut value = kernel[from];
        if from % of_channel as usize == 0usize {
            value += skip[from / of_channel as usize];
        }
        taps[ABSOLUTE_POS] = value;
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(g: &Tensor<f32>, d_kernel: &mut Tensor<f32>, d_skip: &mut Tensor<f32>, of_channel: u32, n: u32) {
    if ABSOLUTE_POS < n as usize {
        let to = opposite(ABSOLUTE_POS, of_channel as usize);
        let slope = g[ABSOLUTE_POS];
        d_kernel[to] = slope;
        if to % of_channel as usize == 0usize {
            d_skip[to / of_channel as usize] = slope;
        }
    }
}
