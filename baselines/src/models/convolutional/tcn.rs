//! The temporal convolutional network: causal convolutions whose dilation doubles from block to block.

use burn::module::Module;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forward::DropoutKind;
use crate::layers::{CausalConv, Pointwise};
use crate::{
    Baseline, Body, BodySpec, BuildError, Built, Features, Forward, HeadInit, Info, Init, LayerView, ReadError,
    Readout, check,
};
use kernels::{Activation, add_and_activate};

/// Standard deviation of the initial weights of a shortcut.
///
/// The original program draws those of the convolutions the same way, but its weight normalisation overwrites them before the
/// first pass with the default that it started from.
const STD: f64 = 0.01;

/// Largest number of levels, beyond which the dilation has no meaning for any sequence.
const MOST_LEVELS: usize = 30;

/// Settings of [`Tcn`]; the defaults are those of sequential MNIST.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TcnConfig {
    /// Residual blocks, 1 to 30; block `i` has dilation 2^i.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub levels: usize,
    /// Channels, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub hidden: usize,
    /// Taps of every convolution, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub kernel_size: usize,
    /// Probability of dropping a channel after a convolution while training, 0 to 1 (exclusive).
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub dropout: f64,
}

impl Default for TcnConfig {
    fn default() -> Self {
        Self { levels: 8, hidden: 25, kernel_size: 7, dropout: 0.05 }
    }
}

impl TcnConfig {
    /// Positions that the last output sees: 1 + 2 (kernel − 1)(2^levels − 1).
    pub fn receptive_field(&self) -> usize {
        1 + 2 * (self.kernel_size - 1) * ((1 << self.levels) - 1)
    }
}

/// Residual blocks of two dilated causal convolutions with normalised weights; read out at the last step.
#[derive(Debug)]
pub struct Tcn;

/// The body of [`Tcn`].
#[derive(Module, Debug)]
pub struct TcnBody {
    /// From the first block to the last.
    pub network: Vec<TemporalBlock>,
}

/// The block of the TCN: relu(drop(relu(conv2(drop(relu(conv1 x))))) + shortcut(x)).
#[derive(Module, Debug)]
pub struct TemporalBlock {
    /// First convolution.
    pub conv1: CausalConv,
    /// Second convolution.
    pub conv2: CausalConv,
    /// Present where the numbers of channels differ.
    pub downsample: Option<Pointwise>,
    #[module(skip)]
    dropout: f64,
}

impl TemporalBlock {
    fn new([inputs, outputs]: [usize; 2], dilation: usize, config: &TcnConfig, init: &mut Init) -> Self {
        Self {
            conv1: CausalConv::torch([inputs, outputs], config.kernel_size, dilation, init),
            conv2: CausalConv::torch([outputs, outputs], config.kernel_size, dilation, init),
            downsample: (inputs != outputs).then(|| Pointwise::normal(inputs, outputs, STD, init)),
            dropout: config.dropout,
        }
    }

    /// `[batch, in, length]` to `[batch, out, length]`.
    pub fn forward(&self, x: Tensor<3>, ctx: &mut Forward<'_>) -> Tensor<3> {
        // Whole channels are dropped, as in the paper (section 3.4, spatial dropout).
        let (p, kind) = (self.dropout, DropoutKind::Channel);
        let h = ctx.activate_and_drop(self.conv1.forward(x.clone()), Activation::Relu, p, kind);
        let h = ctx.activate_and_drop(self.conv2.forward(h), Activation::Relu, p, kind);
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.forward(x, ctx.precision()),
            None => x,
        };
        add_and_activate(h, shortcut, Activation::Relu)
    }
}

impl Baseline for Tcn {
    type Config = TcnConfig;
    type Body = TcnBody;

    const INFO: Info = Info {
        name: "tcn",
        summary: "Temporal convolutional network: dilated causal convolutions",
        source: "Bai et al. 2018, arXiv 1803.01271",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        check::at_least_one("levels", config.levels)?;
        if config.levels > MOST_LEVELS {
            return Err(BuildError::new("levels", format!("must be at most {MOST_LEVELS}")));
        }
        check::at_least_one("hidden", config.hidden)?;
        check::at_least_one("kernel_size", config.kernel_size)?;
        check::probability("dropout", config.dropout)?;
        let network = (0..config.levels)
            .map(|i| {
                let inputs = if i == 0 { spec.channels } else { config.hidden };
                TemporalBlock::new([inputs, config.hidden], 1 << i, config, init)
            })
            .collect();
        let body = TcnBody { network };
        Ok(Built { body, features: config.hidden, readout: Readout::Last, head: HeadInit::Torch })
    }

    fn label(config: &Self::Config) -> String {
        format!("tcn-{}-{}", config.levels, config.hidden)
    }
}

impl Body for TcnBody {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let mut x = x.flatten();
        for (i, block) in self.network.iter().enumerate() {
            x = block.forward(x, ctx);
            ctx.probe(|| format!("network.{i}"), "activation", &x);
        }
        Features::Line(x)
    }

    fn views(&self, _shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        let convolutions = self.network.iter().enumerate().flat_map(|(i, block)| {
            [("conv1", &block.conv1), ("conv2", &block.conv2)].map(|(name, conv)| (format!("network.{i}.{name}"), conv))
        });
        Ok(convolutions.map(|(layer, conv)| LayerView::of_kernels(layer, conv.view())).collect())
    }
}
