//! Pointwise maps from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::tensor::FloatTensor;

use crate::product::ProductOps;
use crate::value::Value;

/// `[batch, out, positions]`, see [`super::PointwiseOps::map_channels`].
pub fn forward<B: ProductOps>(x: FloatTensor<B>, weight: FloatTensor<B>, bias: FloatTensor<B>) -> FloatTensor<B> {
    let [x, weight, bias] = [x, weight, bias].map(Value::<B>);
    let (o, i) = (weight.dim(0), weight.dim(1));
    (weight.reshape([1, o, i]).product(x) + bias.reshape([1, o, 1])).0
}

/// The backward pass, see [`super::PointwiseGrad::map_channels_backward`].
pub fn backward<B: ProductOps>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    g: FloatTensor<B>,
    wanted: [bool; 3],
) -> [Option<FloatTensor<B>>; 3] {
    let [x, weight, g] = [x, weight, g].map(Value::<B>);
    let (o, i) = (weight.dim(0), weight.dim(1));
    let dx = wanted[0].then(|| weight.permute(&[1, 0]).reshape([1, i, o]).product(g.clone()).0);
    let d_weight = wanted[1].then(|| g.clone().product(x.permute(&[0, 2, 1])).sum(0).reshape([o, i]).0);
    let d_bias = wanted[2].then(|| g.sum(2).sum(0).reshape([o]).0);
    [dx, d_weight, d_bias]
}
