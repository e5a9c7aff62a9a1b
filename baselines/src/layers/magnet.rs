//! MAGNet: the multiplicative, anisotropic Gabor network that generates the kernels of FlexConv.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use rand::Rng;
use rand_distr::{Distribution, Gamma};

use crate::layers::Pointwise;
use crate::{BuildError, Init};

/// Half-width of the region in which filters start, as a multiple of the mask's width.
const SPREAD: f64 = 1.667;

/// Shape and initial scale of a [`MagNet`].
#[derive(Debug, Clone, PartialEq)]
pub struct MagNetSpec {
    /// Axes of positions, 1 to 3.
    pub axes: usize,
    /// Hidden channels.
    pub hidden: usize,
    /// Kernel values per position.
    pub outputs: usize,
    /// Multiplicative layers, so one more filter.
    pub layers: usize,
    /// Frequency of the filters in turns per unit of position and of gamma.
    pub omega_0: f64,
    /// Initial width of the mask.
    pub mask_init: f64,
    /// Whether the current position is 1 rather than 0.
    pub causal: bool,
    /// Factor on the initial output weight.
    pub output_gain: f64,
}

/// h ← f₀(x); h ← fₗ(x) ⊙ (Wₗ h + bₗ) for every layer; out = W h + b, with Gabor filters fₗ.
#[derive(Module, Debug)]
pub struct MagNet {
    /// Gabor filters, one more than `linears`.
    pub filters: Vec<Gabor>,
    /// Hidden maps.
    pub linears: Vec<Pointwise>,
    /// Output map.
    pub output_linear: Pointwise,
}

/// f(x) = exp(−½ Σ_d (γ_d (x_d − μ_d))²) · sin(W x + b), per hidden channel.
#[derive(Module, Debug)]
pub struct Gabor {
    /// Centres `[hidden, axes]`.
    pub mu: Param<Tensor<2>>,
    /// Inverse widths `[hidden, axes]`.
    pub gamma: Param<Tensor<2>>,
    /// Frequencies `[hidden, axes]` and phases `[hidden]`.
    pub linear: Pointwise,
}

impl MagNet {
    /// Weights as the reference program draws them, the corrected initialisation being `spec.output_gain`.
    ///
    /// # Errors
    /// A spec without a filter.
    pub fn new(spec: &MagNetSpec, init: &mut Init) -> Result<Self, BuildError> {
        let filters = (0..=spec.layers).map(|l| Gabor::new(spec, l, init)).collect::<Result<_, _>>()?;
        let linears =
            (0..spec.layers).map(|_| Pointwise::kaiming_uniform(spec.hidden, spec.hidden, 1.0, init)).collect();
        let mut output_linear = Pointwise::kaiming_uniform(spec.hidden, spec.outputs, 0.0, init);
        let bound = (3.0 / spec.hidden as f64).sqrt() * spec.output_gain;
        output_linear.weight = init.uniform([spec.outputs, spec.hidden], -bound, bound);
        Ok(Self { filters, linears, output_linear })
    }

    /// Kernel values `[outputs, points]` at `positions`, `[axes, points]`.
    pub fn forward(&self, positions: &Tensor<2>) -> Tensor<2> {
        let [axes, points] = positions.dims();
        let rows = (0..axes).map(|d| positions.clone().slice([d..d + 1, 0..points])).collect::<Vec<_>>();
        let mut filters = self.filters.iter();
        let Some(first) = filters.next() else {
            return self
                .output_linear
                .apply(Tensor::ones([self.output_linear.weight.dims()[1], points], &positions.device()));
        };
        let hidden = filters
            .zip(&self.linears)
            .fold(first.forward(&rows), |hidden, (filter, linear)| filter.forward(&rows) * linear.apply(hidden));
        self.output_linear.apply(hidden)
    }
}

impl Gabor {
    fn new(spec: &MagNetSpec, layer: usize, init: &mut Init) -> Result<Self, BuildError> {
        let (hidden, axes) = (spec.hidden, spec.axes);
        let n = hidden * axes;
        // Later layers are wider: the product of all envelopes keeps the scale of one.
        let gamma = Gamma::new(6.0 / (layer + 1) as f64, 1.0)
            .map_err(|error| BuildError::new("kernel_layers", error.to_string()))?;
        let gamma = (0..n).map(|_| gamma.sample(init.rng()) as f32).collect::<Vec<f32>>();
        let spread = SPREAD * spec.mask_init;
        let mu = (0..n)
            .map(|_| {
                let u: f64 = init.rng().random();
                // On the causal side of the current position, except in the reference's special case.
                (if spec.causal && spread != 1.0 { 1.0 - spread * u } else { spread * (2.0 * u - 1.0) }) as f32
            })
            .collect();
        let bound = 1.0 / (axes as f64).sqrt();
        let frequencies = gamma
            .iter()
            .map(|&g| {
                let unit = bound * (2.0 * init.rng().random::<f64>() - 1.0);
                (unit * std::f64::consts::TAU * spec.omega_0 * f64::from(g)) as f32
            })
            .collect();
        let linear = Pointwise { weight: init.values([hidden, axes], frequencies), bias: init.constant([hidden], 0.0) };
        Ok(Self { mu: init.values([hidden, axes], mu), gamma: init.values([hidden, axes], gamma), linear })
    }

    /// `[hidden, points]`, for positions given as one row `[1, points]` per axis.
    fn forward(&self, rows: &[Tensor<2>]) -> Tensor<2> {
        let weight = self.linear.weight.val();
        let mut phase = self.linear.bias.val().unsqueeze_dim::<2>(1);
        let mut exponent: Option<Tensor<2>> = None;
        for (d, row) in rows.iter().enumerate() {
            let column = |matrix: &Tensor<2>| match rows.len() {
                1 => matrix.clone(),
                _ => matrix.clone().slice_dim(1, d..d + 1),
            };
            phase = column(&weight) * row.clone() + phase;
            let term = ((row.clone() - column(&self.mu.val())) * column(&self.gamma.val())).square();
            exponent = Some(match exponent {
                Some(sum) => sum + term,
                None => term,
            });
        }
        match exponent {
            Some(exponent) => (exponent * -0.5).exp() * phase.sin(),
            None => phase.sin(),
        }
    }
}
