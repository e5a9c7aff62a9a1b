//! The network from positions to kernel values.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::draw;
use super::filter::Filter;
use super::spec::{Frequency, KernelNetworkKind, KernelNetworkSpec};
use crate::layers::linear::Pointwise;
use crate::read::read;
use crate::{BuildError, Init, ReadError};
use kernels::{MOST_LAYERS, filter_network};

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
    /// A network with weights drawn by `spec.init`.
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
        if let Some(values) = self.of_filters(positions) {
            return values;
        }
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

    /// [`forward`](Self::forward) in one operation, where the network is one of Gabor filters and has few layers.
    fn of_filters(&self, positions: &Tensor<2>) -> Option<Tensor<2>> {
        let few = (1..=MOST_LAYERS).contains(&self.linears.len());
        if !few || !matches!(self.kind, KernelNetworkKind::Magnet | KernelNetworkKind::Gabor) {
            return None;
        }
        let mut gabors = self.filters.iter().map(Filter::gabor).collect::<Option<Vec<_>>>()?.into_iter();
        let (first, output) = (gabors.next()?, self.output_linear.tensors());
        let layers = gabors.zip(self.linears.iter().map(Pointwise::tensors)).collect();
        Some(filter_network(positions.clone(), first, layers, output))
    }

    /// Magnitudes of the frequencies at the bottom of the network, in radians per unit of position, a row of axes per filter.
    ///
    /// They are W of every Gabor filter, sine or random Fourier feature, and ω₀ W of a SIREN's first map. (A multiplicative
    /// network also makes sums of them.) Empty for a perceptron with ReLU.
    ///
    /// # Errors
    /// The weights cannot be read from the device.
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
