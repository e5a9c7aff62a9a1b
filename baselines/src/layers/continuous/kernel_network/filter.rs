//! Filters of the position: sines, with or without a Gaussian envelope.

use std::f64::consts::{PI, TAU};

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use rand::Rng;
use rand_distr::{Distribution, Gamma};

use super::spec::{Frequency, KernelInit, KernelNetworkKind, KernelNetworkSpec};
use crate::layers::linear::Pointwise;
use crate::{BuildError, Init};
use kernels::{GaborFilter, gabor};

/// Shape of the gamma distribution of the inverse widths.
const ALPHA: f64 = 6.0;

/// The filter exp(−½ Σ_d (γ_d (x_d − μ_d))²) · sin(W x + b) per hidden channel, or its sine alone.
#[derive(Module, Debug)]
pub struct Filter {
    /// Centres `[hidden, axes]`.
    pub mu: Option<Param<Tensor<2>>>,
    /// Inverse widths, `[hidden, axes]`, or `[hidden, 1]` where all axes share one.
    pub gamma: Option<Param<Tensor<2>>>,
    /// Frequencies `[hidden, axes]` and phases `[hidden]`.
    pub linear: Pointwise,
}

impl Filter {
    /// Filter `layer` of a multiplicative network.
    pub(super) fn new(spec: &KernelNetworkSpec, layer: usize, init: &mut Init) -> Result<Self, BuildError> {
        let (hidden, axes) = (spec.hidden, spec.axes);
        let (shape, bound) = match spec.kind {
            // Later layers are wider: the product of all envelopes keeps the scale of one.
            KernelNetworkKind::Magnet => (ALPHA / (layer + 1) as f64, 1.0 / (axes as f64).sqrt()),
            _ => (ALPHA / (spec.layers + 1) as f64, 1.0 / axes as f64),
        };
        let widths = match spec.kind {
            KernelNetworkKind::Magnet => axes,
            KernelNetworkKind::Gabor => 1,
            _ => 0,
        };
        let gamma = Gamma::new(shape, 1.0).map_err(|error| BuildError::new("kernel_layers", error.to_string()))?;
        let gamma = (0..hidden * widths).map(|_| gamma.sample(init.rng()) as f32).collect::<Vec<f32>>();
        let mu = (widths > 0).then(|| {
            let centres = (0..hidden * axes)
                .map(|_| {
                    let u: f64 = init.rng().random();
                    // On the causal side of the current position, except in the reference's special case.
                    let one_sided = spec.one_sided && spec.spread != 1.0;
                    (if one_sided { 1.0 - spec.spread * u } else { spec.spread * (2.0 * u - 1.0) }) as f32
                })
                .collect();
            init.values([hidden, axes], centres)
        });
        let scale = match spec.frequency {
            Frequency::Omega0(omega_0) => TAU * omega_0,
            Frequency::InputScale(scale) => scale / ((spec.layers + 1) as f64).sqrt(),
        };
        let frequencies = (0..hidden * axes)
            .map(|i| {
                let unit = bound * (2.0 * init.rng().random::<f64>() - 1.0);
                let width = match widths {
                    0 => 1.0,
                    1 => f64::from(gamma[i / axes]),
                    _ => f64::from(gamma[i]),
                };
                (unit * scale * width) as f32
            })
            .collect();
        let weight = init.values([hidden, axes], frequencies);
        let bias = match spec.init {
            KernelInit::Original => init.uniform([hidden], -PI, PI),
            KernelInit::Corrected | KernelInit::Off => init.constant([hidden], 0.0),
        };
        let gamma = (widths > 0).then(|| init.values([hidden, widths], gamma));
        Ok(Self { mu, gamma, linear: Pointwise { weight, bias } })
    }

    /// Sines of the random frequencies of `linear` alone.
    pub(super) fn sines(linear: Pointwise) -> Self {
        Self { mu: None, gamma: None, linear }
    }

    /// Its tensors, where it has an envelope.
    pub(super) fn gabor(&self) -> Option<GaborFilter> {
        let (mu, gamma) = (self.mu.as_ref()?.val(), self.gamma.as_ref()?.val());
        Some(GaborFilter { weight: self.linear.weight.val(), bias: self.linear.bias.val(), mu, gamma })
    }

    /// `[hidden, points]`, for positions `[axes, points]`.
    pub(super) fn forward(&self, positions: &Tensor<2>) -> Tensor<2> {
        match self.gabor() {
            Some(GaborFilter { weight, bias, mu, gamma }) => gabor(positions.clone(), weight, bias, mu, gamma),
            None => self.phase(positions).sin(),
        }
    }

    /// W x + b, as sums of outer products: exact in the last bit of the position, which high frequencies need.
    pub(super) fn phase(&self, positions: &Tensor<2>) -> Tensor<2> {
        let weight = self.linear.weight.val();
        let bias = self.linear.bias.val().unsqueeze_dim::<2>(1);
        let row = |d: usize| positions.clone().slice_dim(0, d..d + 1);
        (0..positions.dims()[0]).fold(bias, |sum, d| column(&weight, d) * row(d) + sum)
    }
}

/// Column `d` of `matrix`, or its only one.
fn column(matrix: &Tensor<2>, d: usize) -> Tensor<2> {
    match matrix.dims()[1] {
        1 => matrix.clone(),
        _ => matrix.clone().slice_dim(1, d..d + 1),
    }
}
