//! Batch normalisation on the CPU, parallel over channels, whose rows stay in the cache from pass to pass; sums in f64.
#![allow(unsafe_code)]

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use crate::cpu::buffer::Buffer;
use crate::cpu::rows::{map_row, sum};
use crate::cpu::shared::Shared;
use crate::cpu::simd::level::{Loop, dispatch};
use crate::cpu::simd::real::Real;
use crate::cpu::tensor::{tensor, values};

pub(super) fn forward<T: Real>(operands: [FlexTensor; 3], epsilon: f64) -> [FlexTensor; 3] {
    let shape = operands[0].shape();
    let [x, gamma, beta] = operands.each_ref().map(values::<T>);
    let (batch, channels, length) = (shape[0], shape[1], shape[2]);
    let n = (batch * length) as f64;
    let mut y = Buffer::new(x.len());
    let out = Shared::new(&mut y);
    let of_channel = |channel: usize| {
        let rows = || (0..batch).map(|item| (item * channels + channel) * length);
        let row = |at: usize| &x[at..][..length];
        let mean = T::of(rows().map(|at| sum(row(at), T::ZERO, None)).sum::<f64>() / n);
        let squares = rows().map(|at| sum(row(at), mean, Some((row(at), mean))));
        let variance = T::of(squares.sum::<f64>() / n);
        let factor = gamma[channel] / (variance + T::of(epsilon)).sqrt();
        let offset = beta[channel] - mean * factor;
        for at in rows() {
            // SAFETY: rows do not overlap, and those of this channel belong to this task alone.
            let y = unsafe { out.slice(at, length) };
            map_row(y, row(at), factor, offset);
        }
        (mean, variance)
    };
    let (mean, variance): (Vec<T>, Vec<T>) = (0..channels).into_par_iter().map(of_channel).unzip();
    [tensor(y, shape), tensor(mean, [channels]), tensor(variance, [channels])]
}

pub(super) fn backward<T: Real>(saved: [FlexTensor; 4], g: FlexTensor, epsilon: f64) -> [FlexTensor; 3] {
    let shape = saved[0].shape();
    let [x, gamma, mean, variance] = saved.each_ref().map(values::<T>);
    let g = values::<T>(&g);
    let (batch, channels, length) = (shape[0], shape[1], shape[2]);
    let n = T::of((batch * length) as f64);
    let mut dx = Buffer::new(x.len());
    let out = Shared::new(&mut dx);
    let of_channel = |channel: usize| {
        let rows = || (0..batch).map(|item| (item * channels + channel) * length);
        let (x, g) = (|at: usize| &x[at..][..length], |at: usize| &g[at..][..length]);
        let inverse = T::ONE / (variance[channel] + T::of(epsilon)).sqrt();
        let d_beta = T::of(rows().map(|at| sum(g(at), T::ZERO, None)).sum());
        let products = rows().map(|at| sum(g(at), T::ZERO, Some((x(at), mean[channel]))));
        let d_gamma = T::of(products.sum()) * inverse;
        let factor = gamma[channel] * inverse;
        let slope = -factor * inverse * d_gamma / n;
        let offset = -factor * d_beta / n - slope * mean[channel];
        for at in rows() {
            // SAFETY: rows do not overlap, and those of this channel belong to this task alone.
            let y = unsafe { out.slice(at, length) };
            dispatch(Affine { y, a: g(at), b: x(at), factors: [factor, slope], offset });
        }
        (d_gamma, d_beta)
    };
    let (d_gamma, d_beta): (Vec<T>, Vec<T>) = (0..channels).into_par_iter().map(of_channel).unzip();
    [tensor(dx, shape), tensor(d_gamma, [channels]), tensor(d_beta, [channels])]
}

/// `y = factors[0] · a + factors[1] · b + offset`
struct Affine<'a, T> {
    y: &'a mut [T],
    a: &'a [T],
    b: &'a [T],
    factors: [T; 2],
    offset: T,
}

impl<T: Real> Loop for Affine<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let [first, second] = self.factors;
        let (y, a, b) = (self.y, self.a, self.b);
        for i in 0..y.len().min(a.len()).min(b.len()) {
            y[i] = first.fma::<LEVEL>(a[i], second.fma::<LEVEL>(b[i], self.offset));
        }
    }
}
