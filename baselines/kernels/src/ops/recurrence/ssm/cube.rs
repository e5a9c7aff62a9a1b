//! The kernel of a diagonal state-space model on a GPU, in f32.
//!
//! What is ill-conditioned is kept out of floating point: the phase of a power, which grows with the length, is counted in
//! turns as a 32-bit fixed-point number whose multiples wrap around exactly. Sines, arctangents and logarithms are
//! polynomials, for graphics interfaces promise few digits of theirs. Nothing is held per state and sample.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use burn::backend::{Cube, TensorMetadata};
use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use super::rule::StepRule;
use crate::value::Value;

/// Threads of a cube; a power of two within the limits of every device.
const THREADS: usize = 128;
/// Most cubes along one axis, on every device.
const CUBES: usize = 65_535;
/// Below the square root of this magnitude the zero-order hold is taken from its series.
const SMALL: f32 = 0.09;
/// 2⁶⁴ / 2π.
const TURN: [u32; 2] = [0x28BE_60DB, 0x9391_054A];
/// Radians per unit of a fixed-point turn, 2π / 2³².
const RADIANS: f32 = 1.462_918_1e-9;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Model {
    rule: StepRule,
    states: usize,
}

impl Model {
    fn is(self, rule: StepRule) -> bool {
        self.rule == rule
    }
}

/// The kernel; `None` where the kernel does not apply.
pub(super) fn forward(rule: StepRule, length: usize, operands: &[CubeTensor; 4]) -> Option<CubeTensor> {
    let (model, rows) = applies(rule, operands, length)?;
    let kernel = like(&operands[0], Shape::from([rows, length]));
    let blocks = length.div_ceil(THREADS).min(CUBES) as u32;
    let [c_re, c_im, x_re, x_im] = operands.clone();
    let client = c_re.client.clone();
    // SAFETY: rows, states and samples are checked against the shapes given here.
    unsafe {
        forward_kernel::launch_unchecked(
            &client,
            CubeCount::Static(rows.min(CUBES) as u32, blocks, 1),
            CubeDim::new_1d(THREADS as u32),
            c_re.into_tensor_arg(),
            c_im.into_tensor_arg(),
            x_re.into_tensor_arg(),
            x_im.into_tensor_arg(),
            kernel.clone().into_tensor_arg(),
            model,
        );
    }
    Some(kernel)
}

/// The gradients that are `wanted`; `None` where the kernel does not apply.
pub(super) fn backward(
    rule: StepRule,
    operands: &[CubeTensor; 4],
    g: &CubeTensor,
    wanted: [bool; 4],
) -> Option<[Option<CubeTensor>; 4]> {
    let found = Value::<Cube>(slopes(rule, operands, g)?);
    let (rows, states) = (found.dim(1), found.dim(2));
    let part = |i: usize| found.clone().narrow(0, i..i + 1).reshape([rows, states]).0;
    Some([0, 1, 2, 3].map(|i| wanted[i].then(|| part(i))))
}

/// The gradients of all operands, `[4, rows, states]`; `None` where the kernel does not apply.
pub(super) fn slopes(rule: StepRule, operands: &[CubeTensor; 4], g: &CubeTensor) -> Option<CubeTensor> {
    let (model, rows) = applies(rule, operands, g.shape()[1])?;
    let found = like(&operands[0], Shape::from([4, rows, model.states]));
    let [c_re, c_im, x_re, x_im] = operands.clone();
    let client = c_re.client.clone();
    // SAFETY: rows, states and samples are checked against the shapes given here.
    unsafe {
        backward_kernel::launch_unchecked(
            &client,
            CubeCount::Static(rows.min(CUBES) as u32, model.states.min(CUBES) as u32, 1),
            CubeDim::new_1d(THREADS as u32),
            c_re.into_tensor_arg(),
            c_im.into_tensor_arg(),
            x_re.into_tensor_arg(),
            x_im.into_tensor_arg(),
            g.clone().into_tensor_arg(),
            found.clone().into_tensor_arg(),
            model,
        );
    }
    Some(found)
}

/// The model and its number of rows, where operands are in f32 and the states fit into shared memory.
fn applies(rule: StepRule, operands: &[CubeTensor; 4], length: usize) -> Option<(Model, usize)> {
    let shape = operands[0].shape();
    let (rows, states) = (shape[0], shape[1]);
    let hardware = &operands[0].client.properties().hardware;
    let fits = 4 * states.max(THREADS) * size_of::<f32>() <= hardware.max_shared_memory_size
        && THREADS <= hardware.max_units_per_cube as usize
        && u32::try_from(length).is_ok();
    let single = operands.iter().all(|operand| operand.dtype == DType::F32);
    (fits && single).then_some((Model { rule, states }, rows))
}

fn like(tensor: &CubeTensor, shape: Shape) -> CubeTensor {
    empty_device_contiguous_dtype(tensor.client.clone(), tensor.device.clone(), shape, tensor.dtype)
}

/// `radians` in units of 2⁻³² turns, modulo a turn.
#[cube]
fn turns(radians: f32) -> u32 {
    let bits = u32::reinterpret(radians);
    let exponent = (bits >> 23u32) & 0xFFu32;
    let mantissa = (bits & 0x7F_FFFFu32) | 0x80_0000u32;
    // The mantissa times 2⁶⁴ / 2π, in three words.
    let low = mantissa * comptime!(TURN[1]);
    let carried = u32::mul_hi(mantissa, comptime!(TURN[1]));
    let product = mantissa * comptime!(TURN[0]);
    let middle = product + carried;
    let high = u32::mul_hi(mantissa, comptime!(TURN[0])) + select(middle < product, 1u32, 0u32);
    // |radians| = mantissa · 2^(exponent − 150), so that shifting by 182 − exponent leaves units of 2⁻³² turns.
    let mut turns = 0u32;
    if exponent > 86u32 && exponent < 182u32 {
        let shift = 182u32 - exponent;
        if shift >= 64u32 {
            turns = high >> (shift - 64u32);
        } else {
            if shift > 32u32 {
                turns = (middle >> (shift - 32u32)) | (high << (64u32 - shift));
            } else {
                if shift == 32u32 {
                    turns = middle;
                } else {
                    turns = (low >> shift) | (middle << (32u32 - shift));
                }
            }
        }
    }
    select(radians < 0.0f32, 0u32 - turns, turns)
}

/// Cosine and sine of an angle in units of 2⁻³² turns (coefficients of Cephes, S. Moshier).
#[cube]
fn circle(turns: u32) -> (f32, f32) {
    let quarter = (turns + 0x2000_0000u32) >> 30u32;
    let r = f32::cast_from(i32::reinterpret(turns - (quarter << 30u32))) * RADIANS;
    let z = r * r;
    let s = ((-1.951_529_6e-4f32 * z + 8.332_161e-3f32) * z - 0.166_666_55f32) * z * r + r;
    let c = ((2.443_315_7e-5f32 * z - 1.388_731_6e-3f32) * z + 4.166_664_6e-2f32) * z * z - 0.5f32 * z + 1.0f32;
    let turned = (quarter & 1u32) == 1u32;
    let cos = select(turned, s, c);
    let sin = select(turned, c, s);
    (select(quarter == 1u32 || quarter == 2u32, -cos, cos), select(quarter >= 2u32, -sin, sin))
}

/// The arctangent of a value in [−1, 1] (coefficients of Cephes).
#[cube]
fn arctangent(t: f32) -> f32 {
    let size = t.abs();
    let large = size > 0.414_213_56f32;
    let t1 = select(large, (size - 1.0f32) / (size + 1.0f32), size);
    let z = t1 * t1;
    let series = ((8.053_744_5e-2f32 * z - 0.138_776_86f32) * z + 0.199_777_1f32) * z - 0.333_329_5f32;
    let angle = series * z * t1 + t1 + select(large, FRAC_PI_4, 0.0f32);
    select(t < 0.0f32, -angle, angle)
}

/// φ, its derivative by x, that of λ, and λ, real and imaginary parts; see [`StepRule`].
#[cube]
fn factor(x_re: f32, x_im: f32, #[comptime] model: Model) -> Array<f32> {
    let mut out = Array::<f32>::new(8usize);
    out[0] = 1.0f32;
    out[1] = 0.0f32;
    out[2] = 0.0f32;
    out[3] = 0.0f32;
    out[4] = 1.0f32;
    out[5] = 0.0f32;
    out[6] = x_re;
    out[7] = x_im;
    if comptime!(model.is(StepRule::Zoh)) {
        zero_order_hold(x_re, x_im, &mut out);
    }
    if comptime!(model.is(StepRule::Bilinear)) {
        bilinear(x_re, x_im, &mut out);
    }
    out
}

/// The φ of the zero-order hold and its derivative, into the first four places of [`factor`].
#[cube]
fn zero_order_hold(x_re: f32, x_im: f32, out: &mut Array<f32>) {
    let square = x_re * x_re + x_im * x_im;
    if square < SMALL {
        // Σ xʲ / (j + 1)! and its derivative ½ Σ …, by Horner's rule with the ratios of neighbouring coefficients.
        let mut re = 1.0f32;
        let mut im = 0.0f32;
        let mut slope_re = 1.0f32;
        let mut slope_im = 0.0f32;
        for i in 0..9u32 {
            let k = f32::cast_from(9u32 - i);
            let ratio = 1.0f32 / (k + 1.0f32);
            let next = 1.0f32 + (re * x_re - im * x_im) * ratio;
            im = (re * x_im + im * x_re) * ratio;
            re = next;
            let ratio = (k + 1.0f32) / (k * (k + 2.0f32));
            let next = 1.0f32 + (slope_re * x_re - slope_im * x_im) * ratio;
            slope_im = (slope_re * x_im + slope_im * x_re) * ratio;
            slope_re = next;
        }
        out[0] = re;
        out[1] = im;
        out[2] = 0.5f32 * slope_re;
        out[3] = 0.5f32 * slope_im;
    } else {
        let (cos, sin) = circle(turns(x_im));
        let size = x_re.exp();
        let scale = 1.0f32 / square;
        let e_re = size * cos;
        let e_im = size * sin;
        let phi_re = ((e_re - 1.0f32) * x_re + e_im * x_im) * scale;
        let phi_im = (e_im * x_re - (e_re - 1.0f32) * x_im) * scale;
        let d_re = e_re - phi_re;
        let d_im = e_im - phi_im;
        out[0] = phi_re;
        out[1] = phi_im;
        out[2] = (d_re * x_re + d_im * x_im) * scale;
        out[3] = (d_im * x_re - d_re * x_im) * scale;
    }
}

/// What [`factor`] returns for the bilinear transform.
#[cube]
fn bilinear(x_re: f32, x_im: f32, out: &mut Array<f32>) {
    let square = x_re * x_re + x_im * x_im;
    // φ = 1 / (1 − x/2)
    let d_re = 1.0f32 - 0.5f32 * x_re;
    let d_im = -0.5f32 * x_im;
    let scale = 1.0f32 / (d_re * d_re + d_im * d_im);
    let phi_re = d_re * scale;
    let phi_im = -d_im * scale;
    out[0] = phi_re;
    out[1] = phi_im;
    out[2] = 0.5f32 * (phi_re * phi_re - phi_im * phi_im);
    out[3] = phi_re * phi_im;
    // λ' = 1 / (1 − x²/4)
    let q_re = 1.0f32 - 0.25f32 * (x_re * x_re - x_im * x_im);
    let q_im = -0.5f32 * x_re * x_im;
    let scale = 1.0f32 / (q_re * q_re + q_im * q_im);
    out[4] = q_re * scale;
    out[5] = -q_im * scale;
    // The real part of λ = 2 artanh(x/2) is artanh(s), without cancellation for slow decay.
    let s = x_re / (1.0f32 + 0.25f32 * square);
    let z = s * s;
    if z < 0.04f32 {
        let mut sum = 0.076_923_08f32;
        for i in 0..6u32 {
            sum = sum * z + 1.0f32 / f32::cast_from(11u32 - 2u32 * i);
        }
        out[6] = sum * s;
    } else {
        out[6] = 0.5f32 * ((1.0f32 + s) / (1.0f32 - s)).ln();
    }
    // The imaginary part is the angle of (1 + x/2) times the conjugate of (1 − x/2).
    let y = x_im.abs();
    let q = 1.0f32 - 0.25f32 * square;
    let size = q.abs();
    let steep = y > size;
    let slope = arctangent(select(steep, q / y, y / size));
    let angle = select(steep, FRAC_PI_2 - slope, select(q < 0.0f32, PI - slope, slope));
    out[7] = select(x_im < 0.0f32, -angle, angle);
}

/// `K[r, l] = 2 Re Σₙ c φ exp(l λ)` for operands `[rows, states]`.
#[cube(launch_unchecked)]
fn forward_kernel(
    c_re: &Tensor<f32>,
    c_im: &Tensor<f32>,
    x_re: &Tensor<f32>,
    x_im: &Tensor<f32>,
    kernel: &mut Tensor<f32>,
    #[comptime] model: Model,
) {
    let states = comptime!(model.states);
    let mut weight_re = Shared::<[f32]>::new_slice(states);
    let mut weight_im = Shared::<[f32]>::new_slice(states);
    let mut decay = Shared::<[f32]>::new_slice(states);
    let mut speed = Shared::<[u32]>::new_slice(states);
    let length = kernel.shape(1);

    let mut row = CUBE_POS_X as usize;
    while row < kernel.shape(0) {
        let mut state = UNIT_POS as usize;
        while state < states {
            let re = c_re[row * c_re.stride(0) + state * c_re.stride(1)];
            let im = c_im[row * c_im.stride(0) + state * c_im.stride(1)];
            let x = x_re[row * x_re.stride(0) + state * x_re.stride(1)];
            let y = x_im[row * x_im.stride(0) + state * x_im.stride(1)];
            let parts = factor(x, y, model);
            weight_re[state] = re * parts[0] - im * parts[1];
            weight_im[state] = re * parts[1] + im * parts[0];
            decay[state] = parts[6];
            speed[state] = turns(parts[7]);
            state += THREADS;
        }
        sync_cube();
        let mut l = CUBE_POS_Y as usize * THREADS + UNIT_POS as usize;
        while l < length {
            let mut sum = 0.0f32;
            let steps = l as u32;
            let time = f32::cast_from(steps);
            for state in 0..states {
                let (cos, sin) = circle(speed[state] * steps);
                let size = (decay[state] * time).exp();
                sum += size * (weight_re[state] * cos - weight_im[state] * sin);
            }
            let at = row * kernel.stride(0) + l * kernel.stride(1);
            kernel[at] = 2.0f32 * sum;
            l += CUBE_COUNT_Y as usize * THREADS;
        }
        sync_cube();
        row += CUBE_COUNT_X as usize;
    }
}

/// Gradients of the four operands, `[4, rows, states]`, from that of the kernel. A cube takes one state.
#[cube(launch_unchecked)]
fn backward_kernel(
    c_re: &Tensor<f32>,
    c_im: &Tensor<f32>,
    x_re: &Tensor<f32>,
    x_im: &Tensor<f32>,
    g: &Tensor<f32>,
    out: &mut Tensor<f32>,
    #[comptime] model: Model,
) {
    let states = comptime!(model.states);
    let length = g.shape(1);
    // Σ g exp(lλ), real and imaginary, and the same with a factor l.
    let mut sums = Shared::<[f32]>::new_slice(comptime!(4 * THREADS));
    let unit = UNIT_POS as usize;

    let mut row = CUBE_POS_X as usize;
    while row < g.shape(0) {
        let mut state = CUBE_POS_Y as usize;
        while state < states {
            let x = x_re[row * x_re.stride(0) + state * x_re.stride(1)];
            let y = x_im[row * x_im.stride(0) + state * x_im.stride(1)];
            let parts = factor(x, y, model);
            let speed = turns(parts[7]);
            let mut plain_re = 0.0f32;
            let mut plain_im = 0.0f32;
            let mut scaled_re = 0.0f32;
            let mut scaled_im = 0.0f32;
            let mut l = unit;
            while l < length {
                let steps = l as u32;
                let time = f32::cast_from(steps);
                let (cos, sin) = circle(speed * steps);
                let size = (parts[6] * time).exp() * g[row * g.stride(0) + l * g.stride(1)];
                plain_re += size * cos;
                plain_im += size * sin;
                scaled_re += size * cos * time;
                scaled_im += size * sin * time;
                l += THREADS;
            }
            sums[unit] = plain_re;
            sums[THREADS + unit] = plain_im;
            sums[2 * THREADS + unit] = scaled_re;
            sums[3 * THREADS + unit] = scaled_im;
            sync_cube();
            let mut half = comptime!(THREADS / 2).runtime();
            while half > 0usize {
                if unit < half {
                    sums[unit] += sums[unit + half];
                    sums[THREADS + unit] += sums[THREADS + unit + half];
                    sums[2 * THREADS + unit] += sums[2 * THREADS + unit + half];
                    sums[3 * THREADS + unit] += sums[3 * THREADS + unit + half];
                }
                sync_cube();
                half /= 2usize;
            }
            if unit == 0usize {
                let re = c_re[row * c_re.stride(0) + state * c_re.stride(1)];
                let im = c_im[row * c_im.stride(0) + state * c_im.stride(1)];
                let plain_re = sums[0];
                let plain_im = sums[comptime!(THREADS)];
                let scaled_re = sums[comptime!(2 * THREADS)];
                let scaled_im = sums[comptime!(3 * THREADS)];
                // dc = 2 φ plain, dx = 2 c (φ' plain + φ λ' scaled); the kernel is the real part of something holomorphic.
                let by_re = parts[0] * parts[4] - parts[1] * parts[5];
                let by_im = parts[0] * parts[5] + parts[1] * parts[4];
                let sum_re = parts[2] * plain_re - parts[3] * plain_im + by_re * scaled_re - by_im * scaled_im;
                let sum_im = parts[2] * plain_im + parts[3] * plain_re + by_re * scaled_im + by_im * scaled_re;
                let at = row * out.stride(1) + state * out.stride(2);
                let next = out.stride(0);
                out[at] = 2.0f32 * (parts[0] * plain_re - parts[1] * plain_im);
                out[at + next] = -2.0f32 * (parts[0] * plain_im + parts[1] * plain_re);
                out[at + 2 * next] = 2.0f32 * (re * sum_re - im * sum_im);
                out[at + 3 * next] = -2.0f32 * (re * sum_im + im * sum_re);
            }
            sync_cube();
            state += CUBE_COUNT_Y as usize;
        }
        row += CUBE_COUNT_X as usize;
    }
}
