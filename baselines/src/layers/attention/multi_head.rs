//! Multi-head self-attention (Vaswani et al. 2017, arXiv 1706.03762).

use burn::module::Module;
use burn::tensor::Tensor;

use super::positions::Rotary;
use crate::layers::linear::Pointwise;
use crate::{Forward, Init};
use kernels::{Attention, scaled_dot_product};

/// Configuration of a [`MultiHeadAttention`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MultiHeadSpec {
    /// Channels.
    pub d_model: usize,
    /// Heads, which divide the channels, and what they look at.
    pub attention: Attention,
    /// Turn queries and keys by their positions.
    pub rotary: Option<Rotary>,
}

/// Self-attention of several heads, each with as many neighbouring channels, and a linear map of what they find.
///
/// Weights of attention are never dropped: a mask for every pair of positions would take memory that grows with the square of
/// the length.
#[derive(Module, Debug)]
pub struct MultiHeadAttention {
    /// To the queries.
    pub query: Pointwise,
    /// To the keys.
    pub key: Pointwise,
    /// To the values.
    pub value: Pointwise,
    /// From what the heads find.
    pub output: Pointwise,
    #[module(skip)]
    attention: Attention,
    #[module(skip)]
    rotary: Option<Rotary>,
}

impl MultiHeadAttention {
    /// Draws four linear maps, each for itself. (The reference program makes deep copies of one.)
    pub fn new(spec: &MultiHeadSpec, init: &mut Init) -> Self {
        let [query, key, value, output] = std::array::from_fn(|_| Pointwise::torch(spec.d_model, spec.d_model, init));
        Self { query, key, value, output, attention: spec.attention, rotary: spec.rotary }
    }

    /// `[batch, d_model, length]` to the same shape. No position looks at padding.
    pub fn forward(&self, x: Tensor<3>, ctx: &mut Forward<'_>) -> Tensor<3> {
        let [batch, _, length] = x.dims();
        let valid = ctx.padding_mask(&x).map(|mask| mask.reshape([batch, length]));
        let precision = ctx.precision();
        let turn = |x: Tensor<3>| match &self.rotary {
            Some(rotary) => rotary.turn(x),
            None => x,
        };
        let q = turn(self.query.forward(x.clone(), precision));
        let k = turn(self.key.forward(x.clone(), precision));
        let v = self.value.forward(x, precision);
        self.output.forward(scaled_dot_product([q, k, v], valid, self.attention, precision), precision)
    }
}
