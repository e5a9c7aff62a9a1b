//! Batch normalisation on the CPU: two passes over the input, parallel over rows of one channel, sums in f64.

use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::DType;
use rayon::prelude::*;

use super::{BatchNormGrad, BatchNormOps};
use crate::kernels::cpu::{finish, prepare, tensor, values};
use crate::kernels::profile;
use crate::kernels::room::Room;
use crate::kernels::rows::{map_rows, over_rows, sum};
use crate::kernels::simd::{Loop, Real, dispatch};

impl BatchNormOps for Flex {
    fn normalise_batch(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let _scope = profile::scope("batch norm");
        let dtype = x.dtype();
        let outputs = match dtype {
            DType::F64 => forward::<f64>([x, gamma, beta].map(prepare), epsilon),
            _ => forward::<f32>([x, gamma, beta].map(prepare), epsilon),
        };
        let [y, mean, variance] = outputs.map(|output| finish(output, dtype));
        (y, mean, variance)
    }
}

impl BatchNormGrad for Flex {
    fn normalise_batch_backward(
        x: FlexTensor,
        gamma: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        g: FlexTensor,
        epsilon: f64,
    ) -> [FlexTensor; 3] {
        let _scope = profile::scope("batch norm backward");
        let dtype = x.dtype();
        let operands = [x, gamma, mean, variance, g].map(prepare);
        let grads = match dtype {
            DType::F64 => backward::<f64>(operands, epsilon),
            _ => backward::<f32>(operands, epsilon),
        };
        grads.map(|grad| finish(grad, dtype))
    }
}

fn forward<T: Real>(operands: [FlexTensor; 3], epsilon: f64) -> [FlexTensor; 3] {
    let shape = operands[0].shape();
    let [x, gamma, beta] = operands.each_ref().map(values::<T>);
    let (channels, length) = (shape[1], shape[2]);
    let n = (shape[0] * length) as f64;
    let mean: Vec<T> = over_rows(channels, x.len() / length, |_, row| sum(&x[row * length..][..length], T::ZERO, None))
        .map(|sum| T::of(sum / n))
        .collect();
    let variance: Vec<T> = over_rows(channels, x.len() / length, |channel, row| {
        let x = &x[row * length..][..length];
        sum(x, mean[channel], Some((x, mean[channel])))
    })
    .map(|sum| T::of(sum / n))
    .collect();
    let y = map_rows(x, [channels, length], |channel| {
        let factor = gamma[channel] / (variance[channel] + T::of(epsilon)).sqrt();
        (factor, beta[channel] - mean[channel] * factor)
    });
    [tensor(y, shape), tensor(mean, [channels]), tensor(variance, [channels])]
}

fn backward<T: Real>(operands: [FlexTensor; 5], epsilon: f64) -> [FlexTensor; 3] {
    let shape = operands[0].shape();
    let [x, gamma, mean, variance, g] = operands.each_ref().map(values::<T>);
    let (channels, length) = (shape[1], shape[2]);
    let rows = x.len() / length;
    let n = T::of((shape[0] * length) as f64);
    let inverse: Vec<T> = variance.iter().map(|&v| T::ONE / (v + T::of(epsilon)).sqrt()).collect();
    let d_beta: Vec<T> =
        over_rows(channels, rows, |_, row| sum(&g[row * length..][..length], T::ZERO, None)).map(T::of).collect();
    let d_gamma: Vec<T> = over_rows(channels, rows, |channel, row| {
        let at = row * length..(row + 1) * length;
        sum(&g[at.clone()], T::ZERO, Some((&x[at], mean[channel])))
    })
    .zip(&inverse)
    .map(|(sum, &inverse)| T::of(sum) * inverse)
    .collect();
    let mut dx = Room::new(x.len());
    dx.par_chunks_mut(length).zip(x.par_chunks(length)).zip(g.par_chunks(length)).enumerate().for_each(
        |(row, ((dx, x), g))| {
            let channel = row % channels;
            let factor = gamma[channel] * inverse[channel];
            let slope = -factor * inverse[channel] * d_gamma[channel] / n;
            let offset = -factor * d_beta[channel] / n - slope * mean[channel];
            dispatch(Affine { y: dx, a: g, b: x, factors: [factor, slope], offset });
        },
    );
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
        for ((y, &a), &b) in self.y.iter_mut().zip(self.a).zip(self.b) {
            *y = first.fma::<LEVEL>(a, second.fma::<LEVEL>(b, self.offset));
        }
    }
}
