//! The layer of a Transformer's encoder: attention and a map at every position, each with a residual connection.

use burn::module::Module;
use burn::tensor::Tensor;

use super::multi_head::{MultiHeadAttention, MultiHeadSpec};
use crate::forward::DropoutKind;
use crate::layers::linear::Pointwise;
use crate::layers::norm::{Norm, NormKind};
use crate::{Forward, Init};
use kernels::Activation;

/// A linear map to more channels, GELU, dropout, and a linear map back.
#[derive(Module, Debug)]
pub struct FeedForward {
    /// To the inner channels.
    pub linear1: Pointwise,
    /// Back.
    pub linear2: Pointwise,
    #[module(skip)]
    dropout: f64,
}

impl FeedForward {
    /// Maps from `d_model` channels to `inner` ones and back.
    pub fn new(d_model: usize, inner: usize, dropout: f64, init: &mut Init) -> Self {
        let linear1 = Pointwise::torch(d_model, inner, init);
        Self { linear1, linear2: Pointwise::torch(inner, d_model, init), dropout }
    }

    /// `[batch, d_model, length]` to the same shape.
    pub fn forward(&self, x: Tensor<3>, ctx: &mut Forward<'_>) -> Tensor<3> {
        let h = self.linear1.forward(x, ctx.precision());
        let h = ctx.activate_and_drop(h, Activation::Gelu, self.dropout, DropoutKind::Element);
        self.linear2.forward(h, ctx.precision())
    }
}

/// Configuration of an [`EncoderLayer`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderLayerSpec {
    /// The attention.
    pub attention: MultiHeadSpec,
    /// Inner channels of the feed-forward network.
    pub inner: usize,
    /// What both norms normalise together.
    pub norm: NormKind,
    /// Normalise in front of either part rather than after its residual connection.
    pub prenorm: bool,
    /// Probability of dropping an element behind either part, and within the feed-forward network, while training.
    pub dropout: f64,
}

/// Attention and a feed-forward network, each with a residual connection and a norm of its own.
#[derive(Module, Debug)]
pub struct EncoderLayer {
    /// Of the attention.
    pub norm1: Norm,
    /// The map over positions.
    pub attention: MultiHeadAttention,
    /// Of the feed-forward network.
    pub norm2: Norm,
    /// The map at every position.
    pub feed_forward: FeedForward,
    #[module(skip)]
    prenorm: bool,
    #[module(skip)]
    dropout: f64,
}

impl EncoderLayer {
    /// A layer with linear maps drawn as PyTorch does.
    pub fn new(spec: &EncoderLayerSpec, init: &mut Init) -> Self {
        let d_model = spec.attention.d_model;
        Self {
            norm1: Norm::new(spec.norm, d_model, init),
            attention: MultiHeadAttention::new(&spec.attention, init),
            norm2: Norm::new(spec.norm, d_model, init),
            feed_forward: FeedForward::new(d_model, spec.inner, spec.dropout, init),
            prenorm: spec.prenorm,
            dropout: spec.dropout,
        }
    }

    /// `[batch, d_model, length]` to the same shape. Probes are taken as `layer`.
    pub fn forward(&self, x: Tensor<3>, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let x = self.around(x, &self.norm1, ctx, |x, ctx| {
            let y = self.attention.forward(x, ctx);
            ctx.probe(|| format!("{layer}.attention"), "activation", &y);
            y
        });
        let x = self.around(x, &self.norm2, ctx, |x, ctx| self.feed_forward.forward(x, ctx));
        ctx.probe(|| layer.to_owned(), "activation", &x);
        x
    }

    fn around(
        &self,
        x: Tensor<3>,
        norm: &Norm,
        ctx: &mut Forward<'_>,
        part: impl FnOnce(Tensor<3>, &mut Forward<'_>) -> Tensor<3>,
    ) -> Tensor<3> {
        let z = if self.prenorm { norm.forward(x.clone(), ctx) } else { x.clone() };
        let z = part(z, ctx);
        let x = ctx.dropout_tensor(z, self.dropout, DropoutKind::Element) + x;
        if self.prenorm { x } else { norm.forward(x, ctx) }
    }
}
