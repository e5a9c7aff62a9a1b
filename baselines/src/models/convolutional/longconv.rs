//! The network of CCNN with free long kernels in place of generated ones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forward::DropoutKind;
use crate::layers::convolution::free_kernel::FreeKernelSpec;
use crate::layers::{
    BlockKind, Causal, FreeConv, FreeConvSpec, KernelSize, KernelStart, Nonlinearity, NormKind, Pointwise,
    ResidualNetwork, ResidualNetworkSpec, ResidualSpec, Smoothing,
};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init, ParameterGroup, Resolution, check};

/// Settings of [`LongConvolution`]; the defaults are those of CCNN-4,140, whose kernel networks it does without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LongConvolutionConfig {
    /// Residual blocks, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub blocks: usize,
    /// Channels, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub hidden: usize,
    /// Form of the residual blocks: `s4` (one convolution, one linear map), `resnet` or `tcn` (two convolutions).
    pub block: BlockKind,
    /// Whether `s4` blocks normalise before the convolution rather than after the sum.
    pub prenorm: bool,
    /// Taps of a kernel per axis: `auto`, `same`, `full` or a number.
    pub kernel_size: KernelSize,
    /// Soft threshold λ on the taps, at least 0: `sign(k) · max(|k| − λ, 0)`. The reference programs use 0.001 to 0.003;
    /// their default of 0.1 would be above every initial tap, and a tap below the threshold gets no gradient, so that without
    /// smoothing it stays zero for ever. The least of these leaves 98 % of the taps of a kernel of 784 alive at first.
    #[schemars(range(min = 0.0))]
    pub lam: f64,
    /// Smoothing of kernels along one axis before the threshold: `none`, `moving-average` (over taps) or `frequency`.
    pub smoothing: Smoothing,
    /// Odd width of the smoothing in taps or in frequencies, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub smoothing_window: usize,
    /// Probability of dropping a tap while training, 0 to 1 (exclusive).
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub kernel_dropout: f64,
    /// Factor on the learning rate of the kernels, at least 0; weight decay leaves them alone.
    #[schemars(range(min = 0.0))]
    pub kernel_learning_rate_factor: f64,
    /// How the kernels start: `fan-in` (N(0, 1 / terms of a convolution), the variance that CCNN's corrected kernel networks
    /// aim at), `random` (N(0, 0.002²)) or `double-exponential` (decaying, at another rate per channel).
    pub initialisation: KernelStart,
    /// A depthwise convolution and a channel mixer, rather than kernels for all pairs of channels.
    pub separable: bool,
    /// Nonlinearity after convolutions and blocks: `gelu` or `relu`.
    pub nonlinearity: Nonlinearity,
    /// Whether an output sees only the positions up to its own: `true`, `false`, or `auto` (sequences yes, images no).
    pub causal: Causal,
    /// Normalisation: `batch`, `layer` (over channels), `group` (one group per sample) or `none`.
    pub norm: NormKind,
    /// Probability of dropping within the blocks while training, 0 to 1 (exclusive).
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// What is dropped together.
    pub dropout_kind: DropoutKind,
    /// Factor on the sum of the norms of parameters and kernels that is added to the loss, at least 0.
    #[schemars(range(min = 0.0))]
    pub weight_penalty: f64,
}

impl Default for LongConvolutionConfig {
    fn default() -> Self {
        Self {
            blocks: 4,
            hidden: 140,
            block: BlockKind::S4,
            prenorm: true,
            kernel_size: KernelSize::default(),
            lam: 0.001,
            smoothing: Smoothing::None,
            smoothing_window: 7,
            kernel_dropout: 0.0,
            kernel_learning_rate_factor: 1.0,
            initialisation: KernelStart::FanIn,
            separable: true,
            nonlinearity: Nonlinearity::Gelu,
            causal: Causal::default(),
            norm: NormKind::Batch,
            dropout: 0.1,
            dropout_kind: DropoutKind::Channel,
            weight_penalty: 0.0,
        }
    }
}

/// CCNN without its kernel networks: the weights of the long kernels themselves are learnt.
#[derive(Debug)]
pub struct LongConvolution;

impl LongConvolutionConfig {
    /// The convolution from `inputs` channels of features of `shape`.
    fn conv(&self, inputs: usize, shape: &[usize]) -> Result<FreeConvSpec, BuildError> {
        let causal = self.causal.of(shape.len())?;
        let sizes = self.kernel_size.per_axis(shape, causal);
        let taps = sizes.iter().try_fold(1_usize, |taps, &size| taps.checked_mul(size));
        check::at_least_one("kernel_size", taps.unwrap_or(usize::MAX))?;
        if let Some(even) = sizes.iter().find(|&&n| !causal && n % 2 == 0) {
            let message = format!("{even} is even, and a kernel that is not causal needs a middle: use {}", even + 1);
            return Err(BuildError::new("kernel_size", message));
        }
        if self.smoothing != Smoothing::None && shape.len() > 1 {
            return Err(BuildError::new("smoothing", "is along one axis; leave it out for images, or use `none`"));
        }
        Ok(FreeConvSpec {
            inputs,
            outputs: self.hidden,
            sizes,
            causal,
            separable: self.separable,
            threshold: self.lam,
            smoothing: self.smoothing,
            window: self.smoothing_window,
            kernel_dropout: self.kernel_dropout,
            start: self.initialisation,
        })
    }
}

impl Baseline for LongConvolution {
    type Config = LongConvolutionConfig;
    type Body = ResidualNetwork<FreeConv>;

    const INFO: Info = Info {
        name: "longconv",
        summary: "Long convolutions with a free weight per tap, in the residual blocks of CCNN",
        source: "Fu et al. 2023, arXiv 2302.06646; github.com/HazyResearch/safari; blocks of Knigge et al. 2023",
        ranks: 1..=3,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        check::at_least_one("blocks", config.blocks)?;
        check::at_least_one("hidden", config.hidden)?;
        check::probability("dropout", config.dropout)?;
        check::not_negative("weight_penalty", config.weight_penalty)?;
        check::not_negative("kernel_learning_rate_factor", config.kernel_learning_rate_factor)?;
        FreeKernelSpec::check(config.lam, config.smoothing_window, config.kernel_dropout)?;
        let network = ResidualNetworkSpec {
            inputs: spec.channels,
            hidden: config.hidden,
            blocks: config.blocks,
            residual: ResidualSpec {
                kind: config.block,
                norm: config.norm,
                prenorm: config.prenorm,
                nonlinearity: config.nonlinearity.into(),
                dropout: config.dropout,
                dropout_kind: config.dropout_kind,
            },
            weight_penalty: config.weight_penalty,
        };
        let make = |inputs, init: &mut Init| Ok(FreeConv::new(&config.conv(inputs, &spec.shape)?, init));
        ResidualNetwork::build(&network, Pointwise::kaiming_normal, init, make, make)
    }

    fn groups(config: &Self::Config) -> Vec<ParameterGroup> {
        vec![ParameterGroup {
            learning_rate_factor: config.kernel_learning_rate_factor,
            weight_decay: Some(0.0),
            ..ParameterGroup::new("kernels", ["kernel.kernel"])
        }]
    }

    fn resolution() -> Resolution {
        Resolution::AsIs
    }

    fn label(config: &Self::Config) -> String {
        format!("longconv-{}-{}", config.blocks, config.hidden)
    }
}
