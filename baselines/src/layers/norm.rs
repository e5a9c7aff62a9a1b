//! Normalisation as PyTorch defines it, or Flax.

use burn::module::{Module, Param, RunningState};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layers::conventions::Conventions;
use crate::{Forward, Init};

/// What is normalised together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// Every channel over the batch and all positions; running statistics in evaluation (epsilon 1e-5).
    #[default]
    Batch,
    /// Every position of a sample over its channels (epsilon 1e-5, in Flax 1e-6).
    Layer,
    /// Every sample over its channels and positions: group normalisation with one group (epsilon 1e-12).
    Group,
    /// Nothing.
    None,
}

/// Normalisation of `[batch, channels, positions]` with a learnt scale and shift per channel.
#[derive(Module, Debug)]
pub struct Norm {
    /// Scale `[channels]`, at first one.
    pub weight: Option<Param<Tensor<1>>>,
    /// Shift `[channels]`, at first zero.
    pub bias: Option<Param<Tensor<1>>>,
    /// Running mean `[channels]` of batch normalisation.
    pub running_mean: Option<RunningState<Tensor<1>>>,
    /// Running variance `[channels]` of batch normalisation, in PyTorch the unbiased one.
    pub running_var: Option<RunningState<Tensor<1>>>,
    #[module(skip)]
    kind: NormKind,
    #[module(skip)]
    conventions: Conventions,
}

impl Norm {
    /// A normalisation of `channels` channels.
    pub fn new(kind: NormKind, channels: usize, init: &mut Init) -> Self {
        Self::of(Conventions::Torch, kind, channels, init)
    }

    /// The same with the epsilon of layer normalisation and the running statistics of some program.
    pub fn of(conventions: Conventions, kind: NormKind, channels: usize, init: &mut Init) -> Self {
        let affine = kind != NormKind::None;
        let running = kind == NormKind::Batch;
        let mut constant = |present: bool, value| present.then(|| init.constant([channels], value));
        let (weight, bias) = (constant(affine, 1.0), constant(affine, 0.0));
        let state = |value| running.then(|| RunningState::new(Tensor::full([channels], value, init.device())));
        Self { weight, bias, running_mean: state(0.0), running_var: state(1.0), kind, conventions }
    }

    /// Normalises `x`, `[batch, channels, positions]`.
    ///
    /// In training, batch normalisation takes the statistics of the batch, padding included as in PyTorch, and updates its
    /// running ones. Group normalisation leaves padding out of its statistics.
    pub fn forward(&self, x: Tensor<3>, ctx: &Forward<'_>) -> Tensor<3> {
        let (Some(weight), Some(bias)) = (&self.weight, &self.bias) else { return x };
        let (weight, bias) = (weight.val(), bias.val());
        match (self.kind, &self.running_mean, &self.running_var) {
            (NormKind::Batch, Some(mean), Some(variance)) if ctx.is_training() => {
                let [batch, _, positions] = x.dims();
                let n = (batch * positions) as f64;
                let (y, batch_mean, batch_variance) = kernels::batch_norm(x, weight, bias, 1e-5);
                let running = [mean, variance].map(|state| state.value_sync().inner());
                let batch = [batch_mean, batch_variance].map(Tensor::inner);
                let (weight, correction) = (self.conventions.batch_weight(), self.conventions.variance_factor(n));
                let [new_mean, new_variance] = kernels::running_statistics(running, batch, weight, correction);
                track(mean, new_mean);
                track(variance, new_variance);
                y
            }
            (NormKind::Batch, Some(mean), Some(variance)) => {
                let scale = weight / (variance.value_sync() + 1e-5).sqrt();
                let shift = bias - mean.value_sync() * scale.clone();
                kernels::channel_affine(x, scale, shift)
            }
            (NormKind::Group, ..) if let Some(mask) = ctx.padding_mask(&x) => {
                kernels::channel_affine(normalise_valid(x, mask, 1e-12), weight, bias)
            }
            (NormKind::Group, ..) => {
                let [batch, channels, positions] = x.dims();
                let flat = kernels::layer_norm(x.reshape([batch, channels * positions, 1]), 1e-12);
                kernels::channel_affine(flat.reshape([batch, channels, positions]), weight, bias)
            }
            _ => kernels::channel_affine(kernels::layer_norm(x, self.conventions.layer_epsilon()), weight, bias),
        }
    }
}

/// Every sample over its channels and the positions where `mask`, `[batch, 1, positions]`, is 1; elsewhere zero.
fn normalise_valid(x: Tensor<3>, mask: Tensor<3>, epsilon: f64) -> Tensor<3> {
    let channels = x.dims()[1];
    let count = mask.clone().sum_dim(2) * channels as f64;
    let sum = |of: Tensor<3>| of.sum_dim(2).sum_dim(1) / count.clone();
    let mean = sum(x.clone() * mask.clone());
    let centred = (x - mean) * mask;
    let variance = sum(centred.clone().square());
    centred / (variance + epsilon).sqrt()
}

fn track(state: &RunningState<Tensor<1>>, updated: Tensor<1>) {
    let autodiff = state.value_sync().is_autodiff();
    state.update(if autodiff { updated.autodiff() } else { updated });
    // Folds the update in, so that records and copies taken later see it.
    state.value_sync();
}

/// Division of every position of a sample by the root of the mean square of its channels, and a learnt scale per channel
/// (Zhang and Sennrich 2019, arXiv 1910.07467; `torch.nn.RMSNorm`).
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// Scale `[channels]`, at first one.
    pub weight: Param<Tensor<1>>,
}

impl RmsNorm {
    /// A normalisation of `channels` channels.
    pub fn new(channels: usize, init: &mut Init) -> Self {
        Self { weight: init.constant([channels], 1.0) }
    }

    /// Normalises `x`, `[batch, channels, positions]`, with an epsilon of 2⁻²³, that of single precision.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let weight = self.weight.val();
        let shift = weight.zeros_like();
        kernels::channel_affine(kernels::rms_norm(x, f64::from(f32::EPSILON)), weight, shift)
    }
}
