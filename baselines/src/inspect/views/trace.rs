//! A forward pass whose input can be differentiated.

use burn::tensor::Tensor;

use crate::Readout;

/// What [`Model::trace`](crate::Model::trace) gives, under autodiff.
#[derive(Debug)]
pub struct Trace {
    /// The input after embedding, before anything else, `[batch, channels, positions]`.
    pub embedded: Tensor<3>,
    /// Positions per axis of it.
    pub shape: Vec<usize>,
    /// Valid positions per row; `None` without padding.
    pub lengths: Option<Vec<usize>>,
    /// What the body makes of it, `[batch, features, positions]`.
    pub features: Tensor<3>,
    /// Positions per axis of those.
    pub feature_shape: Vec<usize>,
    /// Valid ones of them per row; `None` without padding.
    pub feature_lengths: Option<Vec<usize>>,
    /// Logits or predictions, `[samples, outputs]`; `None` where every position has some.
    pub answers: Option<Tensor<2>>,
    /// How features become answers.
    pub readout: Readout,
}
