//! Pointwise maps from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::tensor::FloatTensor;

use crate::operation::Kernels;
use crate::precision::Precision;
use crate::value::Value;

/// `[batch, out, positions]` from input, weight and bias.
pub(in crate::ops) fn forward<B: Kernels>(inputs: [FloatTensor<B>; 3], precision: Precision) -> FloatTensor<B> {
    let [x, weight, bias] = inputs.map(Value::<B>);
    let (o, i) = (weight.dim(0), weight.dim(1));
    (weight.reshape([1, o, i]).matmul(x, precision) + bias.reshape([1, o, 1])).0
}

/// The gradients of input, weight and bias that are `wanted`, from input and weight.
pub(in crate::ops) fn backward<B: Kernels>(
    saved: [FloatTensor<B>; 2],
    g: FloatTensor<B>,
    wanted: [bool; 3],
    precision: Precision,
) -> [Option<FloatTensor<B>>; 3] {
    let [x, weight] = saved.map(Value::<B>);
    let g = Value::<B>(g);
    let (o, i) = (weight.dim(0), weight.dim(1));
    let dx = wanted[0].then(|| weight.permute(&[1, 0]).reshape([1, i, o]).matmul(g.clone(), precision).0);
    let d_weight = wanted[1].then(|| g.clone().matmul(x.permute(&[0, 2, 1]), precision).sum(0).reshape([o, i]).0);
    let d_bias = wanted[2].then(|| g.sum(2).sum(0).reshape([o]).0);
    [dx, d_weight, d_bias]
}
