//! Factors and offsets per channel from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use crate::value::Value;

/// `x · scale + shift`
pub(super) fn forward<B: Backend>(x: FloatTensor<B>, scale: FloatTensor<B>, shift: FloatTensor<B>) -> FloatTensor<B> {
    let [x, scale, shift] = [x, scale, shift].map(Value::<B>);
    let c = x.dim(1);
    (x * scale.reshape([1, c, 1]) + shift.reshape([1, c, 1])).0
}

/// The gradients of [`forward`] that are `wanted`.
pub(super) fn backward<B: Backend>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    g: FloatTensor<B>,
    wanted: [bool; 3],
) -> [Option<FloatTensor<B>>; 3] {
    let [x, scale, g] = [x, scale, g].map(Value::<B>);
    let c = x.dim(1);
    let dx = wanted[0].then(|| (g.clone() * scale.reshape([1, c, 1])).0);
    let d_scale = wanted[1].then(|| sum::<B>((g.clone() * x).0));
    let d_shift = wanted[2].then(|| sum::<B>(g.0));
    [dx, d_scale, d_shift]
}

/// `x + shift`
pub(super) fn shift<B: Backend>(x: FloatTensor<B>, shift: FloatTensor<B>) -> FloatTensor<B> {
    let (x, shift) = (Value::<B>(x), Value::<B>(shift));
    let c = x.dim(1);
    (x + shift.reshape([1, c, 1])).0
}

/// Sums over samples and positions.
pub(super) fn sum<B: Backend>(g: FloatTensor<B>) -> FloatTensor<B> {
    let g = Value::<B>(g);
    let c = g.dim(1);
    g.sum(2).sum(0).reshape([c]).0
}
