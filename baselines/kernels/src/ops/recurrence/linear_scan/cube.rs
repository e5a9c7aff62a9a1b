//! Linear recurrences on a GPU, in f32: a thread per row, which walks through time with its state in a register. Reads do not
//! wait for the state, so that many are under way at a time.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::cubecl::{self, calculate_cube_count_elemwise, prelude::*};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

/// The states; `None` where the kernel does not apply.
pub(super) fn forward(a: &CubeTensor, b: &CubeTensor) -> Option<CubeTensor> {
    let rows = rows(&[a, b])?;
    let h = like(a);
    let dim = CubeDim::new(&a.client, rows);
    // SAFETY: all have a's shape, and the kernel leaves out threads beyond its rows.
    unsafe {
        forward_kernel::launch_unchecked(
            &a.client,
            calculate_cube_count_elemwise(&a.client, rows, dim),
            dim,
            a.clone().into_tensor_arg(),
            b.clone().into_tensor_arg(),
            h.clone().into_tensor_arg(),
        );
    }
    Some(h)
}

/// The gradients of coefficients and inputs; `None` where the kernel does not apply.
pub(super) fn backward(a: &CubeTensor, h: &CubeTensor, g: &CubeTensor) -> Option<[CubeTensor; 2]> {
    let rows = rows(&[a, h, g])?;
    let (da, db) = (like(a), like(a));
    let dim = CubeDim::new(&a.client, rows);
    // SAFETY: all have a's shape, and the kernel leaves out threads beyond its rows.
    unsafe {
        backward_kernel::launch_unchecked(
            &a.client,
            calculate_cube_count_elemwise(&a.client, rows, dim),
            dim,
            a.clone().into_tensor_arg(),
            h.clone().into_tensor_arg(),
            g.clone().into_tensor_arg(),
            da.clone().into_tensor_arg(),
            db.clone().into_tensor_arg(),
        );
    }
    Some([da, db])
}

/// Samples times channels, where all of the tensors are in f32.
fn rows(tensors: &[&CubeTensor]) -> Option<usize> {
    let shape = tensors[0].shape();
    tensors.iter().all(|tensor| tensor.dtype == DType::F32).then_some(shape[0] * shape[1])
}

fn like(x: &CubeTensor) -> CubeTensor {
    empty_device_contiguous_dtype(x.client.clone(), x.device.clone(), x.shape(), x.dtype)
}

/// Where the row of a thread begins.
#[cube]
fn start(row: usize, channels: usize, of_sample: usize, of_channel: usize) -> usize {
    row / channels * of_sample + row % channels * of_channel
}

#[cube(launch_unchecked)]
fn forward_kernel(a: &Tensor<f32>, b: &Tensor<f32>, h: &mut Tensor<f32>) {
    let channels = a.shape(1);
    if ABSOLUTE_POS < a.shape(0) * channels {
        let of_a = start(ABSOLUTE_POS, channels, a.stride(0), a.stride(1));
        let of_b = start(ABSOLUTE_POS, channels, b.stride(0), b.stride(1));
        let of_h = start(ABSOLUTE_POS, channels, h.stride(0), h.stride(1));
        let step = h.stride(2);
        let mut state = 0.0f32;
        for t in 0..a.shape(2) {
            state = a[of_a + t * a.stride(2)] * state + b[of_b + t * b.stride(2)];
            h[of_h + t * step] = state;
        }
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(a: &Tensor<f32>, h: &Tensor<f32>, g: &Tensor<f32>, da: &mut Tensor<f32>, db: &mut Tensor<f32>) {
    let channels = a.shape(1);
    if ABSOLUTE_POS < a.shape(0) * channels {
        let of_a = start(ABSOLUTE_POS, channels, a.stride(0), a.stride(1));
        let of_h = start(ABSOLUTE_POS, channels, h.stride(0), h.stride(1));
        let of_g = start(ABSOLUTE_POS, channels, g.stride(0), g.stride(1));
        let of_da = start(ABSOLUTE_POS, channels, da.stride(0), da.stride(1));
        let of_db = start(ABSOLUTE_POS, channels, db.stride(0), db.stride(1));
        let step_da = da.stride(2);
        let step_db = db.stride(2);
        let length = a.shape(2);
        // What reaches a state from later ones, and the coefficient of the step after it.
        let mut later = 0.0f32;
        let mut next = 0.0f32;
        for step in 0..length {
            let t = length - 1 - step;
            later = next * later + g[of_g + t * g.stride(2)];
            let mut before = 0.0f32;
            if t > 0 {
                before = h[of_h + (t - 1) * h.stride(2)];
            }
            da[of_da + t * step_da] = later * before;
            db[of_db + t * step_db] = later;
            next = a[of_a + t * a.stride(2)];
        }
    }
}
