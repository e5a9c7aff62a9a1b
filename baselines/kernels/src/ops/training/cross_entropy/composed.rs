//! Cross-entropy from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::{IndexingUpdateOp, TensorData};

use super::labels::counted;
use crate::value::Value;

/// The mean.
pub(super) fn forward<B: Backend>(logits: FloatTensor<B>, labels: &[i32]) -> FloatTensor<B> {
    let Softmax { shifted, sum, index, weights, .. } = Softmax::<B>::new(logits, labels);
    let chosen = Value::<B>(B::float_gather(1, shifted.0, index));
    let losses = (Value::<B>(B::float_log(sum.0)) - chosen) * weights;
    Value::<B>(B::float_sum(losses.0)).reshape([1]).0
}

/// The gradient of the logits.
pub(super) fn backward<B: Backend>(logits: FloatTensor<B>, labels: &[i32], g: FloatTensor<B>) -> FloatTensor<B> {
    let Softmax { exponentials, sum, index, weights, .. } = Softmax::<B>::new(logits, labels);
    let weights = weights * Value::<B>(g).reshape([1, 1, 1]);
    let d = exponentials * (Value::<B>(B::float_recip(sum.0)) * weights.clone());
    B::float_scatter(1, d.0, index, weights.scale(-1.0).0, IndexingUpdateOp::Add)
}

/// Logits `[batch, classes, positions]` and labels as both passes need them.
struct Softmax<B: Backend> {
    /// Logits less the largest of their position.
    shifted: Value<B>,
    exponentials: Value<B>,
    /// Of the exponentials of a position: `[batch, 1, positions]`.
    sum: Value<B>,
    /// Labels, zero where they do not count: `[batch, 1, positions]`.
    index: IntTensor<B>,
    /// What a position counts in the mean: `[batch, 1, positions]`.
    weights: Value<B>,
}

impl<B: Backend> Softmax<B> {
    fn new(logits: FloatTensor<B>, labels: &[i32]) -> Self {
        let (shape, device, dtype) = (logits.shape(), logits.device(), logits.dtype());
        let of_positions = [shape[0], 1, shape[2]];
        let index: Vec<i32> = labels.iter().map(|&label| label.max(0)).collect();
        let index = B::int_from_data(TensorData::new(index, of_positions), &device);
        let share = 1.0 / counted(labels);
        let weights: Vec<f64> = labels.iter().map(|&label| if label >= 0 { share } else { 0.0 }).collect();
        let weights = TensorData::new(weights, of_positions).convert_dtype(dtype);
        let weights = Value::<B>(B::float_from_data(weights, &device));
        let shifted = Value::<B>(logits.clone()) - Value(B::float_max_dim(logits, 1));
        let exponentials = Value::<B>(B::float_exp(shifted.0.clone()));
        let sum = exponentials.clone().sum(1);
        Self { shifted, exponentials, sum, index, weights }
    }
}
