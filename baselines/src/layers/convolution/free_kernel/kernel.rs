//! Kernels with a weight for every tap, smoothed and under a soft threshold (Fu et al. 2023, arXiv 2302.06646).
//!
//! Source: github.com/HazyResearch/safari, `src/models/sequence/long_conv_kernel.py`.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::smoothing::{Smoother, Smoothing};
use crate::forward::DropoutKind;
use crate::{BuildError, Forward, Init, check};

/// How free kernels start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KernelStart {
    /// N(0, 1 / n) for n terms that a convolution sums: white inputs keep their variance.
    #[default]
    FanIn,
    /// N(0, 0.002²).
    Random,
    /// N(0, 0.02²) times `exp(−s · ⌊H / 2⌋^(i / H))` for channel i of H, at the share s of the kernel's reach.
    DoubleExponential,
}

/// Configuration of a [`FreeKernel`].
#[derive(Debug, Clone, PartialEq)]
pub struct FreeKernelSpec {
    /// Kernels per channel.
    pub channels: usize,
    /// Channels.
    pub d_model: usize,
    /// Per tap, how far it is from the current position as a part of the kernel's reach, 0 to 1.
    pub reach: Vec<f64>,
    /// Products that a convolution with one kernel, or with all of one output, sums up.
    pub terms: usize,
    /// Soft threshold λ.
    pub threshold: f64,
    /// Smoothing before the threshold.
    pub smoothing: Smoothing,
    /// Odd width of the smoothing, in taps or in frequencies.
    pub window: usize,
    /// Probability of dropping a tap while training.
    pub dropout: f64,
    /// Initial values.
    pub start: KernelStart,
    /// Smooth frequencies as the reference program does for an odd number of taps: the result has one tap less.
    pub reference_bugs: bool,
}

impl FreeKernelSpec {
    /// The reach of the taps of a causal kernel, from the current position to the oldest.
    pub fn causal_reach(taps: usize) -> Vec<f64> {
        (0..taps).map(|lag| lag as f64 / taps as f64).collect()
    }

    /// The settings of a kernel that are not for its size, checked as configurations name them.
    ///
    /// # Errors
    /// A setting is out of its range.
    pub(crate) fn check(threshold: f64, window: usize, dropout: f64) -> Result<(), BuildError> {
        check::not_negative("lam", threshold)?;
        check::at_least_one("smoothing_window", window)?;
        if window.is_multiple_of(2) {
            let message = format!("{window} is even, and a window needs a middle: use {}", window + 1);
            return Err(BuildError::new("smoothing_window", message));
        }
        check::probability("kernel_dropout", dropout)
    }
}

/// A weight for every tap.
#[derive(Module, Debug)]
pub struct FreeKernel {
    /// `[channels, d_model, taps]`
    pub kernel: Param<Tensor<3>>,
    #[module(skip)]
    threshold: f64,
    #[module(skip)]
    smoother: Smoother,
    #[module(skip)]
    dropout: f64,
}

impl FreeKernel {
    /// Draws a kernel.
    pub fn new(spec: &FreeKernelSpec, init: &mut Init) -> Self {
        let (h, taps) = (spec.d_model, spec.reach.len());
        let shape = [spec.channels, h, taps];
        let kernel = match spec.start {
            KernelStart::FanIn => init.normal(shape, (1.0 / spec.terms.max(1) as f64).sqrt()),
            KernelStart::Random => init.normal(shape, 0.002),
            KernelStart::DoubleExponential => {
                let rates = (0..h).map(|i| ((h / 2) as f64).powf(i as f64 / h as f64)).collect::<Vec<_>>();
                init.normal_by(shape, |i| 0.02 * (-spec.reach[i % taps] * rates[i / taps % h]).exp())
            }
        };
        let smoother = Smoother::new(spec.smoothing, spec.window, taps, spec.reference_bugs);
        Self { kernel, threshold: spec.threshold, smoother, dropout: spec.dropout }
    }

    /// The kernel that is convolved with, `[channels, d_model, taps]`: smoothed, then under the soft threshold
    /// `sign(k) · max(|k| − λ, 0)`, through which a tap that it sets to zero gets no gradient.
    pub fn sample(&self) -> Tensor<3> {
        let kernel = self.smoother.apply(self.kernel.val());
        if self.threshold == 0.0 {
            return kernel;
        }
        relu(kernel.clone() - self.threshold) - relu(-kernel - self.threshold)
    }

    /// The same with taps dropped while training.
    pub fn sample_and_drop(&self, ctx: &mut Forward<'_>) -> Tensor<3> {
        ctx.dropout_tensor(self.sample(), self.dropout, DropoutKind::Element)
    }
}
