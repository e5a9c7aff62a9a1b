//! The layer of S4 with any map over a sequence in the place of its convolution: `S4Block(layer=…)` of `state-spaces/s4`.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Tensor;

use super::layer::SequenceLayer;
use crate::forward::DropoutKind;
use crate::layers::linear::Pointwise;
use crate::{Forward, Init, Measure};
use kernels::{Activation, glu};

/// A map over sequences from some channels to others.
pub trait Mixer: Module + ModuleDisplay {
    /// `[batch, in, length]` to `[batch, out, length]`.
    fn mix(&self, x: Tensor<3>, ctx: &mut Forward<'_>) -> Tensor<3>;

    /// See [`SequenceLayer::penalty`].
    fn penalty(&self) -> Option<Tensor<1>> {
        None
    }

    /// See [`SequenceLayer::measures`].
    fn measures(&self, _layer: &str) -> Vec<Measure> {
        Vec::new()
    }
}

/// A map over the sequence, GELU, dropout, and a gated linear map of the channels.
///
/// Unlike the convolution of S4, the map has no skip connection of its own.
#[derive(Module, Debug)]
pub struct Gated<M: Mixer> {
    /// The map over the sequence.
    pub layer: M,
    /// From its channels to twice those of the input, the second half gates.
    pub output_linear: Pointwise,
    #[module(skip)]
    dropout: f64,
}

impl<M: Mixer> Gated<M> {
    /// A layer of `d_model` channels around `layer`, which makes `outputs` of them.
    ///
    /// `dropout` is the probability of dropping a channel after GELU while training.
    pub fn new(layer: M, [outputs, d_model]: [usize; 2], dropout: f64, init: &mut Init) -> Self {
        Self { layer, output_linear: Pointwise::torch(outputs, 2 * d_model, init), dropout }
    }
}

impl<M: Mixer> SequenceLayer for Gated<M> {
    fn forward(&self, x: Tensor<3>, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let y = self.layer.mix(x, ctx);
        let y = ctx.activate_and_drop(y, Activation::Gelu, self.dropout, DropoutKind::Channel);
        let y = glu(self.output_linear.forward(y, ctx.precision()));
        ctx.probe(|| layer.to_owned(), "activation", &y);
        y
    }

    fn penalty(&self) -> Option<Tensor<1>> {
        self.layer.penalty()
    }

    fn measures(&self, layer: &str) -> Vec<Measure> {
        self.layer.measures(layer)
    }
}
