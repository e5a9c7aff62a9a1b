//! The network as a chain of filters, maps and products.

use std::marker::PhantomData;

use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;

use super::{OTHER, PER_LAYER};
use crate::operation::prelude::*;
use crate::ops::kernel_network::gabor;
use crate::ops::linear::pointwise;
use crate::precision::Precision;
use crate::value::Value;

/// What a network is made of, on a backend: filters and linear maps with their gradients.
pub(super) trait Parts {
    type Backend: Kernels;

    /// The filter of positions, frequencies, phases, centres and inverse widths.
    fn filter(operands: [FloatTensor<Self::Backend>; 5]) -> FloatTensor<Self::Backend>;

    /// The gradients of the last four.
    fn filter_backward(
        operands: [FloatTensor<Self::Backend>; 5],
        g: FloatTensor<Self::Backend>,
    ) -> [FloatTensor<Self::Backend>; 4];

    /// `[1, outputs, points]` from `[1, inputs, points]`, weight and bias.
    fn map(operands: [FloatTensor<Self::Backend>; 3]) -> FloatTensor<Self::Backend>;

    /// The gradients of `[1, inputs, points]`, weight and bias, from the first two and that of the output.
    fn map_backward(
        saved: [FloatTensor<Self::Backend>; 2],
        g: FloatTensor<Self::Backend>,
    ) -> [Option<FloatTensor<Self::Backend>>; 3];
}

/// Parts from ordinary tensor operations.
pub(super) struct Composed<B>(PhantomData<B>);

impl<B: Kernels> Parts for Composed<B> {
    type Backend = B;

    fn filter(operands: [FloatTensor<B>; 5]) -> FloatTensor<B> {
        gabor::composed::forward::<B>(operands)
    }

    fn filter_backward(operands: [FloatTensor<B>; 5], g: FloatTensor<B>) -> [FloatTensor<B>; 4] {
        gabor::composed::backward::<B>(operands, g)
    }

    fn map(operands: [FloatTensor<B>; 3]) -> FloatTensor<B> {
        pointwise::composed::forward::<B>(operands, Precision::Float32)
    }

    fn map_backward(saved: [FloatTensor<B>; 2], g: FloatTensor<B>) -> [Option<FloatTensor<B>>; 3] {
        pointwise::composed::backward::<B>(saved, g, [true; 3], Precision::Float32)
    }
}

/// Parts by kernels for the CPU, in f32.
pub(super) struct OnFlex;

impl Parts for OnFlex {
    type Backend = Flex;

    fn filter(operands: [FlexTensor; 5]) -> FlexTensor {
        gabor::flex::forward(&operands)
    }

    fn filter_backward(operands: [FlexTensor; 5], g: FlexTensor) -> [FlexTensor; 4] {
        gabor::flex::backward(operands, g)
    }

    fn map(operands: [FlexTensor; 3]) -> FlexTensor {
        pointwise::flex::forward::<f32>(operands)
    }

    fn map_backward([x, weight]: [FlexTensor; 2], g: FlexTensor) -> [Option<FlexTensor>; 3] {
        pointwise::flex::backward::<f32>([x, weight, g], [true; 3])
    }
}

type Tensor<P> = FloatTensor<<P as Parts>::Backend>;

/// The network on a backend. What is kept between the passes, all `[hidden, points]`: h₀, and fₗ, zₗ = Wₗ h + bₗ and hₗ of every layer.
pub(super) struct Chain<P>(PhantomData<P>);

/// Tensors that are kept of a layer.
const KEPT: usize = 3;

impl<P: Parts> Chain<P> {
    fn layers(inputs: usize) -> usize {
        (inputs - OTHER) / PER_LAYER
    }

    /// Positions and the filter whose frequencies are input `first`.
    fn operands(inputs: &[Tensor<P>], first: usize) -> [Tensor<P>; 5] {
        [0, first, first + 1, first + 2, first + 3].map(|input| inputs[input].clone())
    }

    fn multiply(a: &Tensor<P>, b: &Tensor<P>) -> Tensor<P> {
        P::Backend::float_mul(a.clone(), b.clone())
    }

    fn as_item(x: &Tensor<P>) -> Tensor<P> {
        let shape = x.shape();
        P::Backend::float_reshape(x.clone(), [1, shape[0], shape[1]].into())
    }

    fn as_matrix(x: Tensor<P>) -> Tensor<P> {
        let shape = x.shape();
        P::Backend::float_reshape(x, [shape[1], shape[2]].into())
    }

    /// A linear map of `h` whose weight is input `first`.
    fn map(inputs: &[Tensor<P>], first: usize, h: &Tensor<P>) -> Tensor<P> {
        Self::as_matrix(P::map([Self::as_item(h), inputs[first].clone(), inputs[first + 1].clone()]))
    }

    /// The kernel values, and after them what is kept.
    pub(super) fn forward(inputs: &[Tensor<P>], keep: bool) -> Vec<Tensor<P>> {
        let mut h = P::filter(Self::operands(inputs, 3));
        let mut kept = vec![h.clone()];
        for layer in 0..Self::layers(inputs.len()) {
            let first = OTHER + PER_LAYER * layer;
            let filter = P::filter(Self::operands(inputs, first));
            let z = Self::map(inputs, first + 4, &h);
            h = Self::multiply(&filter, &z);
            if keep {
                kept.extend([filter, z, h.clone()]);
            }
        }
        let values = Self::map(inputs, 1, &h);
        std::iter::once(values).chain(kept.into_iter().filter(|_| keep)).collect()
    }

    /// Inputs and what a forward pass keeps.
    pub(super) fn again(inputs: Vec<Tensor<P>>) -> Vec<Tensor<P>> {
        let kept = Self::forward(&inputs, true).split_off(1);
        inputs.into_iter().chain(kept).collect()
    }

    /// The gradients of all inputs, that of the positions only if `positions`, from the `count` inputs with what is kept after them.
    pub(super) fn backward(saved: &[Tensor<P>], count: usize, g: Tensor<P>, positions: bool) -> Vec<Option<Tensor<P>>> {
        let (inputs, kept) = saved.split_at(count);
        let layers = Self::layers(count);
        let mut gradients: Vec<Option<Tensor<P>>> = inputs.iter().map(|_| None).collect();
        let mut by_position = Vec::new();
        let filter_backward = |first: usize, g: Tensor<P>, gradients: &mut Vec<Option<Tensor<P>>>| {
            let found = P::filter_backward(Self::operands(inputs, first), g.clone());
            found.into_iter().enumerate().for_each(|(i, gradient)| gradients[first + i] = Some(gradient));
            positions.then(|| gabor::composed::backward_positions::<P::Backend>(Self::operands(inputs, first), g))
        };
        let map_backward = |first: usize, h: &Tensor<P>, g: Tensor<P>, gradients: &mut Vec<Option<Tensor<P>>>| {
            let [dh, weight, bias] = P::map_backward([Self::as_item(h), inputs[first].clone()], Self::as_item(&g));
            (gradients[first], gradients[first + 1]) = (weight, bias);
            dh.map_or(g, Self::as_matrix)
        };
        let mut dh = map_backward(1, &kept[KEPT * layers], g, &mut gradients);
        for layer in (0..layers).rev() {
            let first = OTHER + PER_LAYER * layer;
            let [before, filter, z] = [0, 1, 2].map(|i| &kept[KEPT * layer + i]);
            by_position.extend(filter_backward(first, Self::multiply(&dh, z), &mut gradients));
            dh = map_backward(first + 4, before, Self::multiply(&dh, filter), &mut gradients);
        }
        by_position.extend(filter_backward(3, dh, &mut gradients));
        let sum = by_position.into_iter().map(Value::<P::Backend>).reduce(|sum, more| sum + more);
        gradients[0] = sum.map(|sum| sum.0);
        gradients
    }
}
