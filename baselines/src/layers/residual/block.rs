//! Residual blocks around convolutions.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forward::DropoutKind;
use crate::inspect::views::Kernels;
use crate::layers::linear::Pointwise;
use crate::layers::norm::{Norm, NormKind};
use crate::{BuildError, Forward, GeneratedKernel, Init, ReadError};
use kernels::{Activation, activate_and_add, add_and_activate};

/// A convolution that keeps the positions, over one to three axes of them.
pub trait Convolution: Module + ModuleDisplay {
    /// `[batch, in, positions]` to `[batch, out, positions]`, with the positions of `shape` flattened.
    ///
    /// Probes are taken as `layer`.
    fn forward(&self, x: Tensor<3>, shape: &[usize], layer: &str, ctx: &mut Forward<'_>) -> Tensor<3>;

    /// See [`Body::deciding`](crate::Body::deciding); `None` where nothing is read.
    fn deciding(&self) -> Option<Tensor<1>> {
        None
    }

    /// Kernel values of a training input, `[kernels, taps]`.
    ///
    /// # Errors
    /// A value that decides what the kernels are cannot be read from the device.
    fn kernel(&self) -> Result<Tensor<2>, ReadError>;

    /// The kernels of a training input, and where their taps lie.
    ///
    /// # Errors
    /// A value that decides what the kernels are cannot be read from the device.
    fn view(&self) -> Result<Kernels, ReadError>;

    /// Mask, size and frequencies of kernels that a network generates, under the name `layer`; `None` for others.
    ///
    /// # Errors
    /// They cannot be read from the device.
    fn generated(&self, _layer: String) -> Result<Option<GeneratedKernel>, ReadError> {
        Ok(None)
    }
}

/// Form of a [`ResidualBlock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BlockKind {
    /// One convolution and one linear map: σ(linear1(drop(σ(conv1 x)))) + shortcut(x), the block of S4.
    #[default]
    S4,
    /// Two convolutions: σ(norm2(conv2(drop(σ(norm1(conv1 x))))) + shortcut(x)), He et al. 2015.
    ResNet,
    /// Two convolutions: σ(drop(σ(norm2(conv2(drop(σ(norm1(conv1 x))))))) + shortcut(x)), Bai et al. 2018.
    Tcn,
}

/// Configuration of a [`ResidualBlock`], without its convolutions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResidualSpec {
    /// Number of convolutions, and where norms and nonlinearities stand.
    pub kind: BlockKind,
    /// What every norm normalises together.
    pub norm: NormKind,
    /// In an S4 block: normalise before the convolution rather than after the sum.
    pub prenorm: bool,
    /// After every convolution, and after the sum where the form has one.
    pub nonlinearity: Activation,
    /// Probability of dropping while training.
    pub dropout: f64,
    /// What is dropped together.
    pub dropout_kind: DropoutKind,
}

/// A residual block: one or two convolutions and a shortcut.
#[derive(Module, Debug)]
pub struct ResidualBlock<C: Convolution> {
    /// The first convolution.
    pub conv1: C,
    /// The second, absent in an S4 block.
    pub conv2: Option<C>,
    /// Before the first convolution, after it or after the sum.
    pub norm1: Norm,
    /// After the second convolution.
    pub norm2: Option<Norm>,
    /// Channel mixer of an S4 block.
    pub linear1: Option<Pointwise>,
    /// Present where the numbers of channels differ.
    pub shortcut: Option<Pointwise>,
    #[module(skip)]
    spec: ResidualSpec,
}

/// Draws a linear map from so many channels to so many.
pub type DrawLinear = fn(usize, usize, &mut Init) -> Pointwise;

impl<C: Convolution> ResidualBlock<C> {
    /// A block from `inputs` to `outputs` channels, with convolutions to `outputs` channels that `conv` makes for so many
    /// inputs, and linear maps that `linear` draws.
    ///
    /// # Errors
    /// Those of `conv`.
    pub fn new(
        [inputs, outputs]: [usize; 2],
        spec: ResidualSpec,
        linear: DrawLinear,
        init: &mut Init,
        conv: impl Fn(usize, &mut Init) -> Result<C, BuildError>,
    ) -> Result<Self, BuildError> {
        let conv1 = conv(inputs, init)?;
        let (conv2, norm1, norm2, linear1) = match spec.kind {
            BlockKind::S4 => {
                let normed = if spec.prenorm { inputs } else { outputs };
                (None, Norm::new(spec.norm, normed, init), None, Some(linear(outputs, outputs, init)))
            }
            BlockKind::ResNet | BlockKind::Tcn => {
                let second = conv(outputs, init)?;
                let [norm1, norm2] = std::array::from_fn(|_| Norm::new(spec.norm, outputs, init));
                (Some(second), norm1, Some(norm2), None)
            }
        };
        let shortcut = (inputs != outputs).then(|| linear(inputs, outputs, init));
        Ok(Self { conv1, conv2, norm1, norm2, linear1, shortcut, spec })
    }

    /// `[batch, in, positions]` to `[batch, out, positions]`, with the positions of `shape` flattened.
    ///
    /// Probes are taken as `layer`.
    pub fn forward(&self, x: Tensor<3>, shape: &[usize], layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let (curve, p, kind) = (self.spec.nonlinearity, self.spec.dropout, self.spec.dropout_kind);
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.forward(x.clone(), ctx.precision()),
            None => x.clone(),
        };
        let name = format!("{layer}.conv1");
        let out = match (&self.conv2, &self.norm2, &self.linear1) {
            (Some(conv2), Some(norm2), _) => {
                let h = self.norm1.forward(self.conv1.forward(x, shape, &name, ctx), ctx);
                let h = ctx.activate_and_drop(h, curve, p, kind);
                let h = norm2.forward(conv2.forward(h, shape, &format!("{layer}.conv2"), ctx), ctx);
                let h = if self.spec.kind == BlockKind::Tcn { ctx.activate_and_drop(h, curve, p, kind) } else { h };
                add_and_activate(h, shortcut, curve)
            }
            (_, _, linear1) => {
                let h = if self.spec.prenorm { self.norm1.forward(x, ctx) } else { x };
                let h = self.conv1.forward(h, shape, &name, ctx);
                let h = ctx.activate_and_drop(h, curve, p, kind);
                let out = match linear1 {
                    Some(linear1) => activate_and_add(linear1.forward(h, ctx.precision()), shortcut, curve),
                    None => h + shortcut,
                };
                if self.spec.prenorm { out } else { self.norm1.forward(out, ctx) }
            }
        };
        ctx.probe(|| layer.to_owned(), "activation", &out);
        out
    }
}

/// The convolutions of a network by their names: `conv1`, then those of `blocks`, from `blocks.0.conv1` on.
pub(crate) fn convolutions<'a, C: Convolution>(
    conv1: Option<&'a C>,
    blocks: &'a [ResidualBlock<C>],
) -> impl Iterator<Item = (String, &'a C)> {
    let blocks = blocks.iter().enumerate().flat_map(|(i, block)| {
        let convolutions = std::iter::once(&block.conv1).chain(&block.conv2).enumerate();
        convolutions.map(move |(j, conv)| (format!("blocks.{i}.conv{}", j + 1), conv))
    });
    conv1.map(|conv| ("conv1".to_owned(), conv)).into_iter().chain(blocks)
}

/// What [`Convolution::deciding`] gives for all of the named `convolutions`.
pub(crate) fn deciding<'a, C: Convolution + 'a>(
    convolutions: impl Iterator<Item = (String, &'a C)>,
) -> Vec<(String, Tensor<1>)> {
    convolutions.filter_map(|(layer, conv)| Some((layer, conv.deciding()?))).collect()
}
