//! CKCNN: continuous kernel convolutions over a whole sequence.

use burn::module::Module;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forward::DropoutKind;
use crate::layers::continuous::generated::{generated_kernels, kernel_norms, views, weight_penalty};
use crate::layers::continuous::odd_fft;
use crate::layers::{CkConv, CkConvSpec, KernelInit, Norm, NormKind, Pointwise};
use crate::{
    Baseline, Body, BodySpec, BuildError, Built, Features, Forward, GeneratedKernel, HeadInit, Info, Init, LayerView,
    Measure, ReadError, Readout, Resolution, check, reference,
};
use kernels::{Activation, add_and_activate};

/// Settings of [`Ckcnn`]; the defaults are those of sequential MNIST.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CkcnnConfig {
    /// Residual blocks of two convolutions, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub blocks: usize,
    /// Channels, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub hidden: usize,
    /// Hidden channels of the kernel networks, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub kernel_hidden: usize,
    /// Frequency of the kernel networks, greater than 0, in radians per unit of the grid [−1, 1].
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub omega_0: f64,
    /// How the kernel networks start: `off` (as the published weights did, from PyTorch's default), `original` (SIREN's
    /// own initialisation, which the reference program means but loses) or `corrected` (not in the paper: as `off`, each
    /// kernel network scaled by what its sampled kernels make of constant inputs, for the first convolution of white ones).
    /// On noise of 784 steps, 30 channels and without normalisation, the outputs of the 8 convolutions of 4 blocks then have
    /// variances of 0.1 to 1.2 (2e2 to 1e38 under `off`), and logits a standard deviation of 0.1 (1e18). Dividing by the root of
    /// the number of terms, as CCNN does, is not enough here: after a ReLU channels have a mean, the taps of these kernels
    /// have one too, and their sum grows with the length rather than its root (variances of 0.2 to 3e5).
    pub initialisation: KernelInit,
    /// Normalisation after every convolution: `group` (one group per sample), `batch`, `layer` or `none`.
    pub norm: NormKind,
    /// Probability of dropping while training, 0 to 1 (exclusive).
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// What is dropped together.
    pub dropout_kind: DropoutKind,
    /// Factor on the sum of the norms of kernels and biases that is added to the loss, at least 0.
    #[schemars(range(min = 0.0))]
    pub weight_penalty: f64,
    /// Reproduce the reference program where it is wrong: convolutions of sequences of odd length.
    #[serde(rename = "faithful")]
    pub reference_bugs: bool,
}

impl Default for CkcnnConfig {
    fn default() -> Self {
        Self {
            blocks: 2,
            hidden: 30,
            kernel_hidden: 32,
            omega_0: 31.091_957_394_638_97,
            initialisation: KernelInit::Off,
            norm: NormKind::Group,
            dropout: 0.1,
            dropout_kind: DropoutKind::Element,
            weight_penalty: 0.0,
            reference_bugs: false,
        }
    }
}

/// The CKCNN: blocks of CKConv → norm → ReLU → dropout, twice, with a shortcut; read out at the last step.
#[derive(Debug)]
pub struct Ckcnn;

/// The body of [`Ckcnn`].
#[derive(Module, Debug)]
pub struct CkcnnBody {
    /// From the first block to the last.
    pub backbone: Vec<CkBlock>,
    #[module(skip)]
    weight_penalty: f64,
}

/// The block of CKCNN: relu(drop(relu(norm2(conv2(drop(relu(norm1(conv1 x))))))) + shortcut(x)).
#[derive(Module, Debug)]
pub struct CkBlock {
    /// First convolution.
    pub cconv1: CkConv,
    /// Second convolution.
    pub cconv2: CkConv,
    /// After the first convolution.
    pub norm1: Norm,
    /// After the second convolution.
    pub norm2: Norm,
    /// Present where the numbers of channels differ.
    pub shortcut: Option<Pointwise>,
    #[module(skip)]
    dropout: (f64, DropoutKind),
}

impl CkBlock {
    /// A block from `inputs` channels to those of `config`, for training inputs of `length` positions.
    ///
    /// The inputs come out of another block if `rectified`.
    ///
    /// # Errors
    /// See [`CkConv::new`].
    pub fn new(
        inputs: usize,
        length: usize,
        rectified: bool,
        config: &CkcnnConfig,
        init: &mut Init,
    ) -> Result<Self, ReadError> {
        let hidden = config.hidden;
        let spec = |inputs, rectified| CkConvSpec {
            inputs,
            outputs: hidden,
            length,
            kernel_hidden: config.kernel_hidden,
            omega_0: config.omega_0,
            init: config.initialisation,
            rectified,
            reference_bugs: config.reference_bugs,
        };
        let cconv1 = CkConv::new(&spec(inputs, rectified), init)?;
        let cconv2 = CkConv::new(&spec(hidden, true), init)?;
        Ok(Self {
            cconv1,
            cconv2,
            norm1: Norm::new(config.norm, hidden, init),
            norm2: Norm::new(config.norm, hidden, init),
            shortcut: (inputs != hidden).then(|| Pointwise::torch(inputs, hidden, init)),
            dropout: (config.dropout, config.dropout_kind),
        })
    }

    /// `[batch, in, length]` to `[batch, hidden, length]`. Probes are taken as `layer`.
    pub fn forward(&self, x: Tensor<3>, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let (p, kind) = self.dropout;
        let h = self.cconv1.forward(x.clone(), &format!("{layer}.cconv1"), ctx);
        let h = ctx.activate_and_drop(self.norm1.forward(h, ctx), Activation::Relu, p, kind);
        let h = self.cconv2.forward(h, &format!("{layer}.cconv2"), ctx);
        let h = ctx.activate_and_drop(self.norm2.forward(h, ctx), Activation::Relu, p, kind);
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.forward(x, ctx.precision()),
            None => x,
        };
        let out = add_and_activate(h, shortcut, Activation::Relu);
        ctx.probe(|| layer.to_owned(), "activation", &out);
        out
    }
}

impl Baseline for Ckcnn {
    type Config = CkcnnConfig;
    type Body = CkcnnBody;

    const INFO: Info = Info {
        name: "ckcnn",
        summary: "Continuous kernel convolutions generated by SIRENs, as long as the sequence",
        source: "Romero et al. 2021, arXiv 2102.02611; github.com/dwromero/ckconv",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        check::at_least_one("blocks", config.blocks)?;
        check::at_least_one("hidden", config.hidden)?;
        check::at_least_one("kernel_hidden", config.kernel_hidden)?;
        check::positive("omega_0", config.omega_0)?;
        check::probability("dropout", config.dropout)?;
        check::not_negative("weight_penalty", config.weight_penalty)?;
        odd_fft::check(config.reference_bugs, &spec.shape)?;
        let length = spec.shape.iter().product();
        let backbone = (0..config.blocks)
            .map(|i| CkBlock::new(if i == 0 { spec.channels } else { config.hidden }, length, i > 0, config, init))
            .collect::<Result<_, _>>()?;
        let body = CkcnnBody { backbone, weight_penalty: config.weight_penalty };
        Ok(Built { body, features: config.hidden, readout: Readout::Last, head: HeadInit::Normal { std: 0.01 } })
    }

    fn reference_name(_config: &Self::Config, _rank: usize, name: &str) -> Option<String> {
        Some(reference::ckconv(name))
    }

    fn reference_shape(_config: &Self::Config, rank: usize, name: &str, shape: &[usize]) -> Vec<usize> {
        reference::as_convolution_but_head(name, shape, rank)
    }

    fn resolution() -> Resolution {
        Resolution::Continuous
    }

    fn label(config: &Self::Config) -> String {
        format!("ckcnn-{}-{}", config.blocks, config.hidden)
    }
}

impl Body for CkcnnBody {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let mut x = x.flatten();
        for (i, block) in self.backbone.iter().enumerate() {
            x = block.forward(x, &format!("backbone.{i}"), ctx);
        }
        Features::Line(x)
    }

    fn views(&self, _shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        views(self.convolutions())
    }

    fn generated_kernels(&self) -> Result<Vec<GeneratedKernel>, ReadError> {
        generated_kernels(self.convolutions())
    }

    fn penalty(&self, _head: &Pointwise) -> Result<Option<Tensor<1>>, ReadError> {
        weight_penalty(self.convolutions(), self.weight_penalty)
    }

    fn measures(&self) -> Result<Vec<Measure>, ReadError> {
        kernel_norms(self.convolutions())
    }
}

impl CkcnnBody {
    /// Every convolution by its name.
    fn convolutions(&self) -> impl Iterator<Item = (String, &CkConv)> {
        self.backbone.iter().enumerate().flat_map(|(i, block)| {
            [("cconv1", &block.cconv1), ("cconv2", &block.cconv2)]
                .map(|(name, conv)| (format!("backbone.{i}.{name}"), conv))
        })
    }
}
