//! Factors and offsets per channel from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use crate::kernels::value::Value;

/// `x · scale + shift`, see [`super::ChannelAffineOps::scale_channels`].
pub fn forward<B: Backend>(x: FloatTensor<B>, scale: FloatTensor<B>, shift: FloatTensor<B>) -> FloatTensor<B> {
    let [x, scale, shift] = [x, scale, shift].map(Value::<B>);
    let c = x.dim(1);
    (x * scale.reshape([1, c, 1]) + shift.reshape([1, c, 1])).0
}

/// The backward pass, see [`super::ChannelAffineGrad::scale_channels_backward`].
pub fn backward<B: Backend>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    g: FloatTensor<B>,
    wanted: [bool; 3],
) -> [Option<FloatTensor<B>>; 3] {
    let [x, scale, g] = [x, scale, g].map(Value::<B>);
    let c = x.dim(1);
    let per_channel = |values: Value<B>| values.sum(2).sum(0).reshape([c]).0;
    let dx = wanted[0].then(|| (g.clone() * scale.reshape([1, c, 1])).0);
    let d_scale = wanted[1].then(|| per_channel(g.clone() * x));
    let d_shift = wanted[2].then(|| per_channel(g));
    [dx, d_scale, d_shift]
}
