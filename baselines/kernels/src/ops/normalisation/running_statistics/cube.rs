//! Running statistics on a GPU: one launch for both, in f32.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::gpu::{empty, per_element, row_major};

/// Mean and variance after the batch; `None` where the kernel does not apply.
pub(super) fn updated(statistics: [&CubeTensor; 4], weight: f64, correction: f64) -> Option<[CubeTensor; 2]> {
    let [mean, variance, batch_mean, batch_variance] = row_major(statistics)?;
    let updated = [(); 2].map(|()| empty(&mean, mean.shape()));
    let [new_mean, new_variance] = updated.clone();
    let (count, dim, n) = per_element(&mean);
    // SAFETY: all have n elements, and the kernel leaves out threads beyond them.
    unsafe {
        updated_kernel::launch_unchecked(
            &mean.client.clone(),
            count,
            dim,
            mean.into_tensor_arg(),
            variance.into_tensor_arg(),
            batch_mean.into_tensor_arg(),
            batch_variance.into_tensor_arg(),
            new_mean.into_tensor_arg(),
            new_variance.into_tensor_arg(),
            (1.0 - weight) as f32,
            weight as f32,
            (weight * correction) as f32,
            n,
        );
    }
    Some(updated)
}

#[cube(launch_unchecked)]
fn updated_kernel(
    mean: &Tensor<f32>,
    variance: &Tensor<f32>,
    batch_mean: &Tensor<f32>,
    batch_variance: &Tensor<f32>,
    new_mean: &mut Tensor<f32>,
    new_variance: &mut Tensor<f32>,
    rest: f32,
    weight: f32,
    variance_weight: f32,
    n: u32,
) {
    if ABSOLUTE_POS < n as usize {
        new_mean[ABSOLUTE_POS] = mean[ABSOLUTE_POS] * rest + batch_mean[ABSOLUTE_POS] * weight;
        new_variance[ABSOLUTE_POS] = variance[ABSOLUTE_POS] * rest + batch_variance[ABSOLUTE_POS] * variance_weight;
    }
}
