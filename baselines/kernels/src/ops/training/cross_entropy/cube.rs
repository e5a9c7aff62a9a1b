//! Cross-entropy on a GPU, in f32: a thread per position, then one cube that adds up. Sums are in a fixed order.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::Cube;
use burn::backend::TensorMetadata;
use burn::backend::ops::IntTensorOps;
use burn::tensor::TensorData;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::labels::counted;
use crate::gpu::{cube_sum, empty, has_cubes_of, per_element, row_major};

/// Threads of the cube that adds up; a power of two within the limits of every device.
const THREADS: usize = 256;

/// The mean; `None` where the kernels do not apply.
pub(super) fn forward(logits: &CubeTensor, labels: &[i32]) -> Option<CubeTensor> {
    let [logits] = row_major([logits])?;
    if !has_cubes_of(&logits, THREADS) {
        return None;
    }
    let losses = empty(&logits, [labels.len()]);
    let mean = empty(&logits, [1]);
    let client = logits.client.clone();
    let (count, dim, n) = per_element(&losses);
    // SAFETY: a label and a loss per position, labels are below the number of classes, and the kernel leaves out threads beyond n.
    unsafe {
        losses_kernel::launch_unchecked(
            &client,
            count,
            dim,
            logits.clone().into_tensor_arg(),
            uploaded(&logits, labels).into_tensor_arg(),
            losses.clone().into_tensor_arg(),
            n,
        );
    }
    // SAFETY: every index is below n.
    unsafe {
        mean_kernel::launch_unchecked(
            &client,
            CubeCount::Static(1, 1, 1),
            CubeDim::new_1d(THREADS as u32),
            losses.into_tensor_arg(),
            mean.clone().into_tensor_arg(),
            (1.0 / counted(labels)) as f32,
            n,
        );
    }
    Some(mean)
}

/// The gradient of the logits; `None` where the kernel does not apply.
pub(super) fn backward(logits: &CubeTensor, labels: &[i32], g: &CubeTensor) -> Option<CubeTensor> {
    let [logits, g] = row_major([logits, g])?;
    let d = empty(&logits, logits.shape());
    let labels_tensor = uploaded(&logits, labels);
    let (count, dim, n) = per_element(&labels_tensor);
    // SAFETY: a label per position, labels are below the number of classes, and the kernel leaves out threads beyond n.
    unsafe {
        backward_kernel::launch_unchecked(
            &d.client.clone(),
            count,
            dim,
            logits.into_tensor_arg(),
            labels_tensor.into_tensor_arg(),
            g.into_tensor_arg(),
            d.clone().into_tensor_arg(),
            (1.0 / counted(labels)) as f32,
            n,
        );
    }
    Some(d)
}

fn uploaded(logits: &CubeTensor, labels: &[i32]) -> CubeTensor {
    Cube::int_from_data(TensorData::new(labels.to_vec(), [labels.len()]), &logits.device())
}

/// Where the logits of a position begin, the largest of them, and the sum of the exponentials of the differences to it.
#[cube]
fn softmax(logits: &Tensor<f32>, position: usize) -> (usize, f32, f32) {
    let classes = logits.shape(1);
    let positions = logits.shape(2);
    let first = position / positions * classes * positions + position % positions;
    let mut most = logits[first];
    for class in 1..classes {
        most = most.max(logits[first + class * positions]);
    }
    let mut sum = 0.0f32;
    for class in 0..classes {
        sum += (logits[first + class * positions] - most).exp();
    }
    (first, most, sum)
}

#[cube(launch_unchecked)]
fn losses_kernel(logits: &Tensor<f32>, labels: &Tensor<i32>, losses: &mut Tensor<f32>, n: u32) {
    if ABSOLUTE_POS < n as usize {
        let (first, most, sum) = softmax(logits, ABSOLUTE_POS);
        let label = labels[ABSOLUTE_POS];
        let mut loss = 0.0f32;
        if label >= 0i32 {
            loss = sum.ln() - (logits[first + label as usize * logits.shape(2)] - most);
        }
        losses[ABSOLUTE_POS] = loss;
    }
}

#[cube(launch_unchecked)]
fn mean_kernel(losses: &Tensor<f32>, mean: &mut Tensor<f32>, share: f32, n: u32) {
    let mut sums = Shared::<[f32]>::new_slice(THREADS);
    let mut sum = 0.0f32;
    let mut i = UNIT_POS as usize;
    while i < n as usize {
        sum += losses[i];
        i += THREADS;
    }
    let sum = cube_sum(sum, &mut sums, THREADS);
    if UNIT_POS == 0u32 {
        mean[0] = sum * share;
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(
    logits: &Tensor<f32>,
    labels: &Tensor<i32>,
    g: &Tensor<f32>,
    d: &mut Tensor<f32>,
    share: f32,
    n: u32,
) {
    if ABSOLUTE_POS < n as usize {
        let (first, most, sum) = softmax(logits, ABSOLUTE_POS);
        let positions = logits.shape(2);
        let label = labels[ABSOLUTE_POS];
        let weight = select(label >= 0i32, share * g[0], 0.0f32);
        for class in 0..logits.shape(1) {
            let at = first + class * positions;
            let mut slope = (logits[at] - most).exp() / sum;
            if class as i32 == label {
                slope -= 1.0f32;
            }
            d[at] = slope * weight;
        }
    }
}
