//! What surrounds the diagonal kernel of S4D on a GPU, in f32: one launch each way.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::gpu::{empty, per_element, row_major};

/// Parts of the output vectors times the step, then of the eigenvalues times the step, `[rows, states]`; `None` where the kernel does
/// not apply.
pub(super) fn prepare(parameters: [&CubeTensor; 4], rate: f64) -> Option<[CubeTensor; 4]> {
    let [log_dt, log_a, a_im, c] = row_major(parameters)?;
    let operands = [(); 4].map(|()| empty(&log_a, log_a.shape()));
    let [c_re, c_im, x_re, x_im] = operands.clone();
    let (count, dim, n) = per_element(&log_a);
    let states = log_a.shape()[1] as u32;
    // SAFETY: all have n elements, steps one per row and outputs two per element, and the kernel leaves out threads beyond n.
    unsafe {
        prepare_kernel::launch_unchecked(
            &c.client.clone(),
            count,
            dim,
            log_dt.into_tensor_arg(),
            log_a.into_tensor_arg(),
            a_im.into_tensor_arg(),
            c.into_tensor_arg(),
            c_re.into_tensor_arg(),
            c_im.into_tensor_arg(),
            x_re.into_tensor_arg(),
            x_im.into_tensor_arg(),
            rate as f32,
            states,
            n,
        );
    }
    Some(operands)
}

/// The gradients of the parameters from those of the operands, `[4, rows, states]`; `None` where the kernel does not apply.
pub(super) fn finish(
    parameters: [&CubeTensor; 4],
    operands: &[CubeTensor; 4],
    slopes: &CubeTensor,
    rate: f64,
) -> Option<[CubeTensor; 4]> {
    let gradients = parameters.map(|parameter| empty(parameter, parameter.shape()));
    let [log_dt] = row_major([parameters[0]])?;
    let [slopes] = row_major([slopes])?;
    let [d_log_dt, d_log_a, d_a_im, d_c] = gradients.clone();
    let [c_re, c_im, x_re, x_im] = operands.clone();
    let (count, dim, rows) = per_element(&log_dt);
    let states = x_re.shape()[1] as u32;
    // SAFETY: a thread per row; every index is below the number of rows times that of states.
    unsafe {
        finish_kernel::launch_unchecked(
            &slopes.client.clone(),
            count,
            dim,
            log_dt.into_tensor_arg(),
            c_re.into_tensor_arg(),
            c_im.into_tensor_arg(),
            x_re.into_tensor_arg(),
            x_im.into_tensor_arg(),
            slopes.into_tensor_arg(),
            d_log_dt.into_tensor_arg(),
            d_log_a.into_tensor_arg(),
            d_a_im.into_tensor_arg(),
            d_c.into_tensor_arg(),
            rate as f32,
            states,
            rows,
        );
    }
    Some(gradients)
}

#[cube(launch_unchecked)]
fn prepare_kernel(
    log_dt: &Tensor<f32>,
    log_a: &Tensor<f32>,
    a_im: &Tensor<f32>,
    c: &Tensor<f32>,
    c_re: &mut Tensor<f32>,
    c_im: &mut Tensor<f32>,
    x_re: &mut Tensor<f32>,
    x_im: &mut Tensor<f32>,
    rate: f32,
    states: u32,
    n: u32,
) {
    if ABSOLUTE_POS < n as usize {
        let dt = log_dt[ABSOLUTE_POS / states as usize].exp() * rate;
        c_re[ABSOLUTE_POS] = c[ABSOLUTE_POS * 2usize] * dt;
        c_im[ABSOLUTE_POS] = c[ABSOLUTE_POS * 2usize + 1usize] * dt;
        x_re[ABSOLUTE_POS] = -(log_a[ABSOLUTE_POS].exp()) * dt;
        x_im[ABSOLUTE_POS] = a_im[ABSOLUTE_POS] * dt;
    }
}

#[cube(launch_unchecked)]
fn finish_kernel(
    log_dt: &Tensor<f32>,
    c_re: &Tensor<f32>,
    c_im: &Tensor<f32>,
    x_re: &Tensor<f32>,
    x_im: &Tensor<f32>,
    slopes: &Tensor<f32>,
    d_log_dt: &mut Tensor<f32>,
    d_log_a: &mut Tensor<f32>,
    d_a_im: &mut Tensor<f32>,
    d_c: &mut Tensor<f32>,
    rate: f32,
    states: u32,
    rows: u32,
) {
    if ABSOLUTE_POS < rows as usize {
        let dt = log_dt[ABSOLUTE_POS].exp() * rate;
        let part = (rows * states) as usize;
        let mut by_step = 0.0f32;
        for state in 0..states {
            let at = ABSOLUTE_POS * states as usize + state as usize;
            let by_c_re = slopes[at];
            let by_c_im = slopes[part + at];
            let by_log_a = slopes[2usize * part + at] * x_re[at];
            let by_x_im = slopes[3usize * part + at];
            by_step += by_c_re * c_re[at] + by_c_im * c_im[at] + by_log_a + by_x_im * x_im[at];
            d_c[at * 2usize] = by_c_re * dt;
            d_c[at * 2usize + 1usize] = by_c_im * dt;
            d_log_a[at] = by_log_a;
            d_a_im[at] = by_x_im * dt;
        }
        d_log_dt[ABSOLUTE_POS] = by_step;
    }
}
