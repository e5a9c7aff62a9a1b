//! Family, size and initialisation of a kernel network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Family of a kernel network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KernelNetworkKind {
    /// Multiplicative, with Gabor filters that have a width per axis (FlexConv, CCNN).
    #[default]
    Magnet,
    /// Multiplicative, with Gabor filters of one width (Fathony et al. 2021).
    Gabor,
    /// Multiplicative, with sines (Fathony et al. 2021).
    Fourier,
    /// Sines all the way (Sitzmann et al. 2020).
    Siren,
    /// Sines and cosines of random frequencies, then ReLU (Tancik et al. 2020).
    RandomFourier,
    /// ReLU.
    Mlp,
}

impl KernelNetworkKind {
    pub(super) fn is_multiplicative(self) -> bool {
        matches!(self, Self::Magnet | Self::Gabor | Self::Fourier)
    }
}

/// How the weights of a kernel network start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KernelInit {
    /// As `off`, with the output divided by the root of the number of terms that the convolution sums (CCNN, section 4.2). Each
    /// model says what that keeps, and CKCNN divides by more.
    #[default]
    Corrected,
    /// As the paper of the network's family has it: FlexNet's for MAGNet, SIREN's own, Fathony's, PyTorch's default.
    Original,
    /// As the CCNN program draws them before its correction.
    Off,
}

/// Scale of the frequencies of the filters, beside their width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Frequency {
    /// 2π ω₀: turns per unit of position (CCNN).
    Omega0(f64),
    /// `input_scale` / √(layers + 1), in radians per unit of position (FlexNet).
    InputScale(f64),
}

/// Configuration of a [`KernelNetwork`](super::KernelNetwork).
#[derive(Debug, Clone, PartialEq)]
pub struct KernelNetworkSpec {
    /// Multiplicative network or perceptron, and its nonlinearity.
    pub kind: KernelNetworkKind,
    /// Axes of positions, 1 to 3.
    pub axes: usize,
    /// Hidden channels.
    pub hidden: usize,
    /// Kernel values per position.
    pub outputs: usize,
    /// Multiplicative layers (so one more filter), or linear maps of a perceptron including the first and the last.
    pub layers: usize,
    /// Scale of the frequencies.
    pub frequency: Frequency,
    /// Half-width of the region in which filters are centred.
    pub spread: f64,
    /// Whether filters lie on the causal side of position 1 rather than around 0.
    pub one_sided: bool,
    /// How weights are drawn; for [`KernelInit::Corrected`] see `output_gain`.
    pub init: KernelInit,
    /// Factor on the initial output weight.
    pub output_gain: f64,
}
