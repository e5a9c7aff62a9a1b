//! Weighted sums from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use crate::value::Value;

/// `Σ weights · x` over the last axis, which keeps length one.
pub fn forward<B: Backend>(x: FloatTensor<B>, weights: FloatTensor<B>) -> FloatTensor<B> {
    (Value::<B>(x) * Value(weights)).sum(2).0
}

/// `g · weights`
pub fn backward<B: Backend>(weights: FloatTensor<B>, g: FloatTensor<B>) -> FloatTensor<B> {
    (Value::<B>(g) * Value(weights)).0
}
