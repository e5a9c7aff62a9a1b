//! Weights of given lengths from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use crate::value::Value;

pub(super) fn forward<B: Backend>(directions: FloatTensor<B>, lengths: FloatTensor<B>) -> FloatTensor<B> {
    let scale = B::float_div(lengths, norms::<B>(directions.clone()));
    B::float_mul(directions, scale)
}

/// The gradients of directions and lengths.
pub(super) fn backward<B: Backend>(
    directions: FloatTensor<B>,
    lengths: FloatTensor<B>,
    g: FloatTensor<B>,
) -> [FloatTensor<B>; 2] {
    let inverse = Value::<B>(B::float_recip(norms::<B>(directions.clone())));
    let unit = Value::<B>(directions) * inverse.clone();
    let g = Value::<B>(g);
    let along = (g.clone() * unit.clone()).sum(1);
    let across = g - unit * along.clone();
    [(across * (Value::<B>(lengths) * inverse)).0, along.0]
}

/// Lengths of the rows, `[outputs, 1]`.
fn norms<B: Backend>(directions: FloatTensor<B>) -> FloatTensor<B> {
    let directions = Value::<B>(directions);
    B::float_sqrt((directions.clone() * directions).sum(1).0)
}
