//! The network around minimal recurrences: `minLM.py` of `lucidrains/minGRU-pytorch`, or the residual blocks of S4.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rnn::{MinRnn, MinRnnSpec};
use crate::forward::DropoutKind;
use crate::layers::either::Either;
use crate::layers::linear::Pointwise;
use crate::layers::norm::{NormKind, RmsNorm};
use crate::layers::stack::{Gated, Stack, StackSpec};
use crate::{Body, BodySpec, BuildError, Built, Features, Forward, HeadInit, Init, Readout, check};
use kernels::{Activation, Alignment, MinCell, channel_bias, long_conv1d};

/// What stands around every minimal recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MinRnnBlock {
    /// RMS normalisation and a residual connection, and after them a feed-forward map with its own.
    #[default]
    FeedForward,
    /// The block of S4: normalisation, recurrence, GELU, a gated linear map and a residual connection.
    Residual,
}

/// Settings of the minimal recurrent baselines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MinRnnConfig {
    /// Channels, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub d_model: usize,
    /// Blocks, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub n_layers: usize,
    /// States per channel, greater than 0; their number is rounded down. Other than 1, a linear map leads back to the channels.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub expansion: f64,
    /// What stands around every recurrence: `feed-forward` (as in the reference program) or `residual` (as in S4 and CCNN).
    pub block: MinRnnBlock,
    /// Hidden channels of a feed-forward map per channel, greater than 0; their number is rounded down. Of `feed-forward`
    /// blocks.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub ff_mult: f64,
    /// Taps of a causal depthwise convolution in front of every recurrence, at least 1; null for none. Of `feed-forward`
    /// blocks.
    pub conv_kernel_size: Option<usize>,
    /// Of `residual` blocks: normalise in front of the recurrence, and once after the last, rather than after the residual
    /// connection.
    pub prenorm: bool,
    /// Of `residual` blocks: normalisation, `batch`, `layer`, `group` or `none`.
    pub norm: NormKind,
    /// Probability of dropping a channel while training, 0 to 1 (exclusive).
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// What the head reads: the last output or the mean over all.
    pub readout: Readout,
}

impl Default for MinRnnConfig {
    fn default() -> Self {
        Self {
            d_model: 128,
            n_layers: 4,
            expansion: 1.5,
            block: MinRnnBlock::FeedForward,
            ff_mult: 4.0,
            conv_kernel_size: None,
            prenorm: true,
            norm: NormKind::Batch,
            dropout: 0.1,
            readout: Readout::Mean,
        }
    }
}

impl MinRnnConfig {
    /// Settings that the blocks of this configuration have no use for.
    pub fn unused(&self) -> Vec<&'static str> {
        match self.block {
            MinRnnBlock::FeedForward => vec!["prenorm", "norm"],
            MinRnnBlock::Residual => vec!["ff_mult", "conv_kernel_size"],
        }
    }

    /// Short name of this configuration, for a baseline called `name`.
    pub fn label(&self, name: &str) -> String {
        let block = match self.block {
            MinRnnBlock::FeedForward => "",
            MinRnnBlock::Residual => "residual-",
        };
        format!("{name}-{block}{}-{}", self.n_layers, self.d_model)
    }
}

/// The bodies of minimal recurrent networks.
pub type MinRnnBody = Either<MinLm, Stack<Gated<MinRnn>>>;

impl MinRnnBody {
    /// Builds a network of `cell`.
    ///
    /// # Errors
    /// A setting is out of its range.
    pub fn build(
        cell: MinCell,
        config: &MinRnnConfig,
        spec: &BodySpec,
        init: &mut Init,
    ) -> Result<Built<Self>, BuildError> {
        let norm = (config.norm, config.prenorm);
        let stack = StackSpec::new(spec, config.d_model, config.n_layers, norm, config.dropout)?.normalised();
        let d_inner = multiple("expansion", config.d_model, config.expansion)?;
        let hidden = multiple("ff_mult", config.d_model, config.ff_mult)?;
        config.conv_kernel_size.map_or(Ok(()), |taps| check::at_least_one("conv_kernel_size", taps))?;
        let rnn = MinRnnSpec { cell, d_model: config.d_model, d_inner, project: false };
        Ok(match config.block {
            MinRnnBlock::FeedForward => {
                let spec = MinLmSpec {
                    inputs: spec.channels,
                    n_layers: config.n_layers,
                    rnn: MinRnnSpec { project: config.expansion != 1.0, ..rnn },
                    hidden,
                    taps: config.conv_kernel_size,
                    dropout: config.dropout,
                };
                let body = Either::First(MinLm::new(&spec, init));
                Built { body, features: config.d_model, readout: config.readout, head: HeadInit::Torch }
            }
            MinRnnBlock::Residual => {
                let sizes = [d_inner, config.d_model];
                let layer = |init: &mut Init| Gated::new(MinRnn::new(&rnn, init), sizes, config.dropout, init);
                let Built { body, features, head, .. } = Stack::build(&stack, init, layer);
                Built { body: Either::Second(body), features, readout: config.readout, head }
            }
        })
    }
}

/// ⌊`factor` · `channels`⌋.
fn multiple(field: &str, channels: usize, factor: f64) -> Result<usize, BuildError> {
    check::positive(field, factor)?;
    let number = (channels as f64 * factor) as usize;
    match number {
        0 => Err(BuildError::new(field, format!("{factor} of {channels} channels is less than one; use a larger one"))),
        _ => check::at_least_one(field, number).map(|()| number),
    }
}

/// Sizes of a [`MinLm`].
struct MinLmSpec {
    inputs: usize,
    n_layers: usize,
    rnn: MinRnnSpec,
    /// Hidden channels of the feed-forward maps.
    hidden: usize,
    /// Taps of the convolutions, if there are any.
    taps: Option<usize>,
    dropout: f64,
}

/// The network of `minLM.py` between embedding and logits; a whole body.
#[derive(Module, Debug)]
pub struct MinLm {
    /// From the input to the channels of the layers, absent where it has as many.
    pub encoder: Option<Pointwise>,
    /// From the input to the output.
    pub layers: Vec<MinLmLayer>,
    /// After the last layer.
    pub norm: RmsNorm,
}

impl MinLm {
    fn new(spec: &MinLmSpec, init: &mut Init) -> Self {
        let d_model = spec.rnn.d_model;
        Self {
            encoder: (spec.inputs != d_model).then(|| Pointwise::torch(spec.inputs, d_model, init)),
            layers: (0..spec.n_layers).map(|_| MinLmLayer::new(spec, init)).collect(),
            norm: RmsNorm::new(d_model, init),
        }
    }
}

impl Body for MinLm {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let mut x = x.flatten();
        if let Some(encoder) = &self.encoder {
            x = encoder.forward(x, ctx.precision());
        }
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, ctx);
            ctx.probe(|| format!("layers.{i}"), "activation", &x);
        }
        Features::Line(self.norm.forward(x))
    }
}

/// A recurrence and a feed-forward map, each with RMS normalisation in front and a residual connection.
#[derive(Module, Debug)]
pub struct MinLmLayer {
    /// In front of the recurrence, with a residual connection of its own and no normalisation.
    pub conv: Option<CausalSeparable>,
    /// In front of the recurrence.
    pub norm1: RmsNorm,
    /// The recurrence.
    pub rnn: MinRnn,
    /// In front of the feed-forward map.
    pub norm2: RmsNorm,
    /// To the hidden channels; GELU follows.
    pub linear1: Pointwise,
    /// From the hidden channels.
    pub linear2: Pointwise,
    #[module(skip)]
    dropout: f64,
}

impl MinLmLayer {
    fn new(spec: &MinLmSpec, init: &mut Init) -> Self {
        let d_model = spec.rnn.d_model;
        Self {
            conv: spec.taps.map(|taps| CausalSeparable::new(d_model, taps, init)),
            norm1: RmsNorm::new(d_model, init),
            rnn: MinRnn::new(&spec.rnn, init),
            norm2: RmsNorm::new(d_model, init),
            linear1: Pointwise::torch(d_model, spec.hidden, init),
            linear2: Pointwise::torch(spec.hidden, d_model, init),
            dropout: spec.dropout,
        }
    }

    /// `[batch, channels, length]` to the same shape.
    fn forward(&self, mut x: Tensor<3>, ctx: &mut Forward<'_>) -> Tensor<3> {
        let precision = ctx.precision();
        if let Some(conv) = &self.conv {
            x = x.clone() + conv.forward(x, ctx);
        }
        let [y, _] = self.rnn.forward_from(self.norm1.forward(x.clone()), None, precision);
        x = ctx.dropout_tensor(y, self.dropout, DropoutKind::Channel) + x;
        let y = Activation::Gelu.apply(self.linear1.forward(self.norm2.forward(x.clone()), precision));
        ctx.dropout_tensor(self.linear2.forward(y, precision), self.dropout, DropoutKind::Channel) + x
    }
}

/// A causal convolution of every channel by itself, then a linear map of the channels, without a nonlinearity between.
#[derive(Module, Debug)]
pub struct CausalSeparable {
    /// Taps, the oldest first, `[channels, taps]`.
    pub weight: Param<Tensor<2>>,
    /// `[channels]`
    pub bias: Param<Tensor<1>>,
    /// Of the channels.
    pub pointwise: Pointwise,
}

impl CausalSeparable {
    /// Draws all weights and biases U(±1/√fan_in), PyTorch's default.
    fn new(channels: usize, taps: usize, init: &mut Init) -> Self {
        let bound = 1.0 / (taps as f64).sqrt();
        Self {
            weight: init.uniform([channels, taps], -bound, bound),
            bias: init.uniform([channels], -bound, bound),
            pointwise: Pointwise::torch(channels, channels, init),
        }
    }

    fn forward(&self, x: Tensor<3>, ctx: &Forward<'_>) -> Tensor<3> {
        let y = channel_bias(long_conv1d(x, self.weight.val(), Alignment::Causal), self.bias.val());
        self.pointwise.forward(y, ctx.precision())
    }
}
