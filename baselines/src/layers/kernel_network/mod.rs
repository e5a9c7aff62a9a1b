//! Kernel networks: small networks from positions to kernel values.
//!
//! [`KernelNetwork`] covers the families that the reference programs offer. Multiplicative filter networks (MAGNet, Gabor,
//! Fourier; Fathony et al. 2021) multiply a filter of the position into every layer; perceptrons (SIREN, random Fourier
//! features, ReLU) see the position at their first layer alone.

mod draw;
mod filter;

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::filter::Filter;
use crate::layers::Pointwise;
use crate::read::read;
use crate::{BuildError, Init, ReadError};

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
    fn is_multiplicative(self) -> bool {
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

/// What the frequencies of the filters are multiplied by, beside their width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Frequency {
    /// 2π ω₀: turns per unit of position (CCNN).
    Omega0(f64),
    /// `input_scale` / √(layers + 1), in radians per unit of position (FlexNet).
    InputScale(f64),
}

/// Shape and initial scale of a [`KernelNetwork`].
#[derive(Debug, Clone, PartialEq)]
pub struct KernelNetworkSpec {
    /// Family.
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

/// A network from positions `[axes, points]` to kernel values `[outputs, points]`.
///
/// Multiplicative: h ← f₀(x); h ← fₗ(x) ⊙ (Wₗ h + bₗ) for every layer; out = W h + b, with filters fₗ. Perceptron:
/// h ← σ(Wₗ h + bₗ), from the position or its random Fourier features; out = W h + b.
#[derive(Module, Debug)]
pub struct KernelNetwork {
    /// Filters of the position: one more than `linears` if multiplicative, else the random Fourier features, if any.
    pub filters: Vec<Filter>,
    /// Hidden maps.
    pub linears: Vec<Pointwise>,
    /// Output map.
    pub output_linear: Pointwise,
    #[module(skip)]
    kind: KernelNetworkKind,
    /// Factor within the sines of a SIREN.
    #[module(skip)]
    omega_0: f64,
}

impl KernelNetwork {
    /// Weights as `spec.init` says.
    ///
    /// # Errors
    /// A number of layers or of hidden channels that the family does not allow.
    pub fn new(spec: &KernelNetworkSpec, init: &mut Init) -> Result<Self, BuildError> {
        let omega_0 = match spec.frequency {
            Frequency::Omega0(omega_0) => omega_0,
            Frequency::InputScale(scale) => scale,
        };
        let (filters, linears) = if spec.kind.is_multiplicative() {
            let filters = (0..=spec.layers).map(|l| Filter::new(spec, l, init)).collect::<Result<_, _>>()?;
            (filters, draw::multiplicative_linears(spec, init))
        } else {
            draw::perceptron(spec, omega_0, init)?
        };
        let output_linear = draw::output(spec, omega_0, init);
        Ok(Self { filters, linears, output_linear, kind: spec.kind, omega_0 })
    }

    /// Kernel values `[outputs, points]` at `positions`, `[axes, points]`.
    pub fn forward(&self, positions: &Tensor<2>) -> Tensor<2> {
        let mut filters = self.filters.iter();
        let hidden = match (self.kind, filters.next()) {
            (KernelNetworkKind::RandomFourier, Some(features)) => {
                let phase = features.phase(positions);
                self.rectified(Tensor::cat(vec![phase.clone().cos(), phase.sin()], 0))
            }
            (_, Some(first)) => {
                filters.zip(&self.linears).fold(first.forward(positions), |hidden, (filter, linear)| {
                    filter.forward(positions) * linear.apply(hidden)
                })
            }
            (KernelNetworkKind::Siren, None) => self
                .linears
                .iter()
                .fold(positions.clone(), |hidden, linear| linear.apply(hidden).mul_scalar(self.omega_0).sin()),
            (_, None) => self.rectified(positions.clone()),
        };
        self.output_linear.apply(hidden)
    }

    /// Magnitudes of the frequencies of the position at the bottom of the network, in radians per unit of position, one row
    /// of axes per filter: W of every Gabor filter, sine or random Fourier feature, ω₀ W of a SIREN's first map. (A
    /// multiplicative network also makes sums of them.) Empty for a perceptron with ReLU.
    ///
    /// # Errors
    /// They cannot be read from the device.
    pub fn frequencies(&self) -> Result<Vec<Vec<f64>>, ReadError> {
        let rows = |linear: &Pointwise, factor: f64| {
            let weight = linear.weight.val();
            let [_, axes] = weight.dims();
            let values = read(weight, "the frequencies of a kernel network")?;
            let values: Vec<f64> = values.into_iter().map(|w| (f64::from(w) * factor).abs()).collect();
            Ok(values.chunks(axes.max(1)).map(<[f64]>::to_vec).collect::<Vec<_>>())
        };
        match (self.kind, self.linears.first()) {
            (KernelNetworkKind::Siren, Some(first)) => rows(first, self.omega_0),
            _ => {
                let filters = self.filters.iter().map(|filter| rows(&filter.linear, 1.0));
                Ok(filters.collect::<Result<Vec<_>, _>>()?.concat())
            }
        }
    }

    fn rectified(&self, x: Tensor<2>) -> Tensor<2> {
        self.linears.iter().fold(x, |hidden, linear| relu(linear.apply(hidden)))
    }
}
