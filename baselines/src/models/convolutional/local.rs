//! The network of CCNN with kernels of few taps: what it can do without a long memory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forward::DropoutKind;
use crate::layers::{
    BlockKind, FreeConv, FreeConvSpec, KernelStart, Nonlinearity, NormKind, Pointwise, ResidualNetwork,
    ResidualNetworkSpec, ResidualSpec, Smoothing,
};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init, Readout, Resolution, check};

/// Taps of a kernel per axis, at least and at most.
const SIZES: std::ops::RangeInclusive<usize> = 3..=61;

/// Settings of [`Local`].
///
/// An output of the body sees the inputs up to `blocks · convolutions per block · (kernel_size − 1) / 2` positions away along
/// every axis, with one convolution per block of `s4` and two of `resnet` and `tcn`; a causal one sees twice as far, and back
/// only. The mean over positions that the head reads is over the whole input, without regard to order; read out at the last
/// position, a causal network knows no more than the end of the sequence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocalConfig {
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
    /// Taps of a kernel per axis, an odd number from 3 to 61.
    #[schemars(range(min = 3, max = 61))]
    pub kernel_size: usize,
    /// A depthwise convolution and a channel mixer, rather than kernels for all pairs of channels.
    pub separable: bool,
    /// Nonlinearity after convolutions and blocks: `gelu` or `relu`.
    pub nonlinearity: Nonlinearity,
    /// Whether an output sees only the positions up to its own; sequences only.
    pub causal: bool,
    /// What the head reads: the `mean` over positions, or the `last` position of a sequence.
    pub readout: Readout,
    /// Normalisation: `batch`, `layer` (over channels) or `none`. (`group` is over all positions.)
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

impl Default for LocalConfig {
    fn default() -> Self {
        Self {
            blocks: 4,
            hidden: 140,
            block: BlockKind::S4,
            prenorm: true,
            kernel_size: 5,
            separable: true,
            nonlinearity: Nonlinearity::Gelu,
            causal: false,
            readout: Readout::Mean,
            norm: NormKind::Batch,
            dropout: 0.1,
            dropout_kind: DropoutKind::Channel,
            weight_penalty: 0.0,
        }
    }
}

impl LocalConfig {
    /// Positions along an axis, back and ahead, that an output of the body depends on.
    pub fn receptive_field(&self) -> [usize; 2] {
        let per_block = match self.block {
            BlockKind::S4 => 1,
            BlockKind::ResNet | BlockKind::Tcn => 2,
        };
        let taps = self.blocks * per_block * (self.kernel_size.saturating_sub(1));
        if self.causal { [taps, 0] } else { [taps / 2; 2] }
    }

    fn check(&self, axes: usize) -> Result<(), BuildError> {
        check::at_least_one("blocks", self.blocks)?;
        check::at_least_one("hidden", self.hidden)?;
        check::probability("dropout", self.dropout)?;
        check::not_negative("weight_penalty", self.weight_penalty)?;
        if !SIZES.contains(&self.kernel_size) || self.kernel_size.is_multiple_of(2) {
            let message =
                format!("{} is not an odd number from 3 to 61; `longconv` has longer kernels", self.kernel_size);
            return Err(BuildError::new("kernel_size", message));
        }
        if self.norm == NormKind::Group {
            let message = "`group` is over all positions, which a local network does not see; use `batch` or `layer`";
            return Err(BuildError::new("norm", message));
        }
        if self.causal && axes != 1 {
            return Err(BuildError::new("causal", "only sequences can be causal; use `false` for images"));
        }
        if self.readout == Readout::Last && axes != 1 {
            return Err(BuildError::new("readout", "only sequences have a last position; use `mean` for images"));
        }
        Ok(())
    }
}

/// CCNN with a bounded receptive field, between maps at every position.
#[derive(Debug)]
pub struct Local;

impl Baseline for Local {
    type Config = LocalConfig;
    type Body = ResidualNetwork<FreeConv>;

    const INFO: Info = Info {
        name: "local",
        summary: "Convolutions of few taps in the residual blocks of CCNN: a bounded receptive field",
        source: "Miralles-González et al. 2025, arXiv 2501.14850; blocks of Knigge et al. 2023, arXiv 2301.10540",
        ranks: 1..=3,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        let axes = spec.rank();
        config.check(axes)?;
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
        let conv = |inputs, taps| FreeConvSpec {
            inputs,
            outputs: config.hidden,
            sizes: vec![taps; axes],
            causal: config.causal,
            separable: config.separable,
            threshold: 0.0,
            smoothing: Smoothing::None,
            window: 1,
            kernel_dropout: 0.0,
            start: KernelStart::FanIn,
        };
        // The first convolution is a map at every position, so that the blocks alone make the receptive field.
        let map = |inputs| FreeConvSpec { separable: false, ..conv(inputs, 1) };
        let stem = |inputs, init: &mut Init| Ok(FreeConv::new(&map(inputs), init));
        let make = |inputs, init: &mut Init| Ok(FreeConv::new(&conv(inputs, config.kernel_size), init));
        let built = ResidualNetwork::build(&network, Pointwise::kaiming_normal, init, stem, make)?;
        Ok(Built { readout: config.readout, ..built })
    }

    fn resolution() -> Resolution {
        Resolution::AsIs
    }

    fn label(config: &Self::Config) -> String {
        format!("local-{}-{}-k{}", config.blocks, config.hidden, config.kernel_size)
    }
}
