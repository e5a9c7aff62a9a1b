//! The network around maps over sequences: `example.py` of `state-spaces/s4`, and its backbone with a last normalisation.

use burn::module::Module;
use burn::tensor::Tensor;

use super::layer::SequenceLayer;
use crate::forward::DropoutKind;
use crate::layers::conventions::Conventions;
use crate::layers::linear::Pointwise;
use crate::layers::norm::{Norm, NormKind};
use crate::{
    Body, BodySpec, BuildError, Built, Features, Forward, Init, LayerView, Measure, ReadError, Readout, check,
};

/// Normalisation, dropout and residual connection around a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// Normalise in front of the layer, `x + f(norm(x))`, rather than after the residual connection, `norm(x + f(x))`.
    pub prenorm: bool,
    /// Probability of dropping a channel of the layer's output while training.
    pub dropout: f64,
}

impl Residual {
    /// `x`, `[batch, channels, length]`, after `layer`, which is called `name`, with its `norm`.
    pub fn around(
        &self,
        x: Tensor<3>,
        layer: &impl SequenceLayer,
        norm: &Norm,
        name: &str,
        ctx: &mut Forward<'_>,
    ) -> Tensor<3> {
        let z = if self.prenorm { norm.forward(x.clone(), ctx) } else { x.clone() };
        let z = layer.forward(z, name, ctx);
        let x = ctx.dropout_tensor(z, self.dropout, DropoutKind::Channel) + x;
        if self.prenorm { x } else { norm.forward(x, ctx) }
    }
}

/// Configuration of a [`Stack`], without its layers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StackSpec {
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the layers.
    pub d_model: usize,
    /// Number of layers.
    pub n_layers: usize,
    /// What stands around each.
    pub residual: Residual,
    /// What is normalised together.
    pub norm: NormKind,
    /// Normalise once more after the last layer.
    pub out_norm: bool,
    /// Whose normalisations and initial linear maps these are.
    pub conventions: Conventions,
}

impl StackSpec {
    /// A stack for the inputs of `task`, with settings from a configuration and without a last normalisation.
    ///
    /// # Errors
    /// A setting is out of its range; the error names it as configurations do.
    pub(crate) fn new(
        task: &BodySpec,
        d_model: usize,
        n_layers: usize,
        (norm, prenorm): (NormKind, bool),
        dropout: f64,
    ) -> Result<Self, BuildError> {
        check::at_least_one("d_model", d_model)?;
        check::at_least_one("n_layers", n_layers)?;
        check::probability("dropout", dropout)?;
        Ok(Self {
            inputs: task.channels,
            d_model,
            n_layers,
            residual: Residual { prenorm, dropout },
            norm,
            out_norm: false,
            conventions: Conventions::Torch,
        })
    }

    /// The same, with a last normalisation where the residual connections leave one out.
    pub(crate) fn normalised(self) -> Self {
        Self { out_norm: self.residual.prenorm, ..self }
    }
}

/// A linear encoder, then layers with normalisation, dropout and residual connections; a whole body.
#[derive(Module, Debug)]
pub struct Stack<L: SequenceLayer> {
    /// From the input to the channels of the layers.
    pub encoder: Pointwise,
    /// From the input to the output.
    pub layers: Vec<L>,
    /// One per layer.
    pub norms: Vec<Norm>,
    /// After the last layer.
    pub out_norm: Option<Norm>,
    #[module(skip)]
    residual: Residual,
}

impl<L: SequenceLayer> Stack<L> {
    /// A stack of layers that `layer` makes, read out by the mean over positions.
    pub fn build(spec: &StackSpec, init: &mut Init, layer: impl FnMut(&mut Init) -> L) -> Built<Self> {
        let body = Self::new(spec, init, layer);
        Built { body, features: spec.d_model, readout: Readout::Mean, head: spec.conventions.head() }
    }

    fn new(spec: &StackSpec, init: &mut Init, mut layer: impl FnMut(&mut Init) -> L) -> Self {
        let norm = |init: &mut Init| Norm::of(spec.conventions, spec.norm, spec.d_model, init);
        Self {
            encoder: spec.conventions.linear(spec.inputs, spec.d_model, init),
            layers: (0..spec.n_layers).map(|_| layer(init)).collect(),
            norms: (0..spec.n_layers).map(|_| norm(init)).collect(),
            out_norm: spec.out_norm.then(|| norm(init)),
            residual: spec.residual,
        }
    }

    fn named(&self) -> impl Iterator<Item = (String, &L)> {
        self.layers.iter().enumerate().map(|(i, layer)| (format!("layers.{i}"), layer))
    }
}

impl<L: SequenceLayer> Body for Stack<L> {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let mut x = self.encoder.forward(x.flatten(), ctx.precision());
        for ((name, layer), norm) in self.named().zip(&self.norms) {
            x = self.residual.around(x, layer, norm, &name, ctx);
        }
        Features::Line(match &self.out_norm {
            Some(norm) => norm.forward(x, ctx),
            None => x,
        })
    }

    fn penalty(&self, _head: &Pointwise) -> Result<Option<Tensor<1>>, ReadError> {
        Ok(self.layers.iter().filter_map(SequenceLayer::penalty).reduce(|sum, penalty| sum + penalty))
    }

    fn measures(&self) -> Result<Vec<Measure>, ReadError> {
        Ok(self.named().flat_map(|(name, layer)| layer.measures(&name)).collect())
    }

    fn views(&self, shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        let length = shape.iter().product();
        let views = self.named().map(|(name, layer)| layer.view(name, length));
        let shows = |view: &LayerView| view.kernels.is_some() || view.eigenvalues.is_some();
        Ok(views.collect::<Result<Vec<_>, _>>()?.into_iter().filter(shows).collect())
    }

    fn kernel_length(&self) -> Option<usize> {
        self.layers.first()?.kernel_length()
    }
}
