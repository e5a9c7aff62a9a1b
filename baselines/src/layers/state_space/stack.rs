//! The network around state-space layers: `example.py` of `state-spaces/s4`.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Tensor;

use crate::forward::DropoutKind;
use crate::layers::linear::Pointwise;
use crate::layers::norm::{Norm, NormKind};
use crate::{
    Body, BodySpec, BuildError, Built, Features, Forward, HeadInit, Init, LayerView, ReadError, Readout, check,
};

/// A map over sequences that keeps their shape.
pub trait SequenceLayer: Module + ModuleDisplay {
    /// `[batch, channels, length]` to the same shape. Probes are taken as `layer`.
    fn forward(&self, x: Tensor<3>, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3>;

    /// What the layer shows as `layer`, for inputs of `length` samples; see [`Body::views`].
    ///
    /// # Errors
    /// A value that decides what is shown cannot be read from the device.
    fn view(&self, layer: String, _length: usize) -> Result<LayerView, ReadError> {
        Ok(LayerView { layer, kernels: None, eigenvalues: None })
    }

    /// See [`Body::kernel_length`].
    fn kernel_length(&self) -> Option<usize> {
        None
    }
}

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
}

impl StackSpec {
    /// A stack for the inputs of `task`, with settings from a configuration.
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
        let residual = Residual { prenorm, dropout };
        Ok(Self { inputs: task.channels, d_model, n_layers, residual, norm, out_norm: false })
    }
}

/// Checks that states come in conjugate pairs and that steps have a range.
///
/// # Errors
/// A number is out of its range; the error names it as configurations do.
pub fn check_states(d_state: usize, dt_min: f64, dt_max: f64) -> Result<(), BuildError> {
    /// The matrices of HiPPO are of this size squared, in 64 bits.
    const MOST: usize = 1 << 12;
    if d_state > MOST {
        return Err(BuildError::new("d_state", format!("must be at most {MOST}, found {d_state}")));
    }
    if d_state == 0 || d_state % 2 == 1 {
        let message = format!("{d_state} states do not come in conjugate pairs; use an even number, at least 2");
        return Err(BuildError::new("d_state", message));
    }
    check::positive("dt_min", dt_min)?;
    check::positive("dt_max", dt_max)?;
    if dt_max < dt_min {
        return Err(BuildError::new("dt_max", format!("must be at least `dt_min`, {dt_min}")));
    }
    Ok(())
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
        Built { body, features: spec.d_model, readout: Readout::Mean, head: HeadInit::Torch }
    }

    fn new(spec: &StackSpec, init: &mut Init, mut layer: impl FnMut(&mut Init) -> L) -> Self {
        Self {
            encoder: Pointwise::torch(spec.inputs, spec.d_model, init),
            layers: (0..spec.n_layers).map(|_| layer(init)).collect(),
            norms: (0..spec.n_layers).map(|_| Norm::new(spec.norm, spec.d_model, init)).collect(),
            out_norm: spec.out_norm.then(|| Norm::new(spec.norm, spec.d_model, init)),
            residual: spec.residual,
        }
    }
}

impl<L: SequenceLayer> Body for Stack<L> {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let mut x = self.encoder.forward(x.flatten(), ctx.precision());
        for (i, (layer, norm)) in self.layers.iter().zip(&self.norms).enumerate() {
            x = self.residual.around(x, layer, norm, &format!("layers.{i}"), ctx);
        }
        Features::Line(match &self.out_norm {
            Some(norm) => norm.forward(x, ctx),
            None => x,
        })
    }

    fn views(&self, shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        let length = shape.iter().product();
        self.layers.iter().enumerate().map(|(i, layer)| layer.view(format!("layers.{i}"), length)).collect()
    }

    fn kernel_length(&self) -> Option<usize> {
        self.layers.first()?.kernel_length()
    }
}
