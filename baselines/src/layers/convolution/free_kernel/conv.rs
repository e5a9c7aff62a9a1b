//! The convolution of CCNN with a free kernel in place of a generated one.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::kernel::{FreeKernel, FreeKernelSpec, KernelStart};
use super::smoothing::Smoothing;
use crate::inspect::views::Kernels;
use crate::layers::convolution::same::{dense, depthwise};
use crate::layers::linear::Pointwise;
use crate::layers::residual::block::Convolution;
use crate::{Forward, Init, ReadError};
use kernels::{Alignment, channel_bias};

/// Configuration of a [`FreeConv`].
#[derive(Debug, Clone, PartialEq)]
pub struct FreeConvSpec {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Taps per axis: of one axis and odd unless it is causal.
    pub sizes: Vec<usize>,
    /// Whether an output sees only the positions up to its own, rather than as many on both sides.
    pub causal: bool,
    /// A depthwise convolution and a channel mixer, rather than kernels for all pairs of channels.
    pub separable: bool,
    /// Soft threshold λ on the taps; 0 for none.
    pub threshold: f64,
    /// Smoothing along the taps of one axis.
    pub smoothing: Smoothing,
    /// Odd width of the smoothing.
    pub window: usize,
    /// Probability of dropping a tap while training.
    pub kernel_dropout: f64,
    /// Initial values of the kernel.
    pub start: KernelStart,
}

impl FreeConvSpec {
    fn kernel(&self) -> FreeKernelSpec {
        let taps = self.sizes.iter().product();
        let (d_model, terms) =
            if self.separable { (self.inputs, taps) } else { (self.inputs * self.outputs, self.inputs * taps) };
        FreeKernelSpec {
            channels: 1,
            d_model,
            reach: if self.causal { FreeKernelSpec::causal_reach(taps) } else { centred_reach(&self.sizes) },
            terms,
            threshold: self.threshold,
            smoothing: self.smoothing,
            window: self.window,
            dropout: self.kernel_dropout,
            start: self.start,
            reference_bugs: false,
        }
    }
}

/// Per tap the largest distance from the middle along an axis, as a part of the reach along it; the last axis fastest.
fn centred_reach(sizes: &[usize]) -> Vec<f64> {
    let taps: usize = sizes.iter().product();
    let of = |tap: usize| {
        let mut rest = tap;
        let along = sizes.iter().rev().map(|&size| {
            let distance = (rest % size).abs_diff(size / 2);
            rest /= size;
            distance as f64 / (size / 2 + 1) as f64
        });
        along.fold(0.0, f64::max)
    };
    (0..taps).map(of).collect()
}

/// A convolution with a weight for every tap: "same" length, causal or centred.
#[derive(Module, Debug)]
pub struct FreeConv {
    /// The taps: those of a causal kernel from the current position back, of a centred one from the first to the last.
    pub kernel: FreeKernel,
    /// Added after the convolution: `[inputs]` if separable, else `[outputs]`.
    pub bias: Param<Tensor<1>>,
    /// Present if separable.
    pub channel_mixer: Option<Pointwise>,
    #[module(skip)]
    sizes: Vec<usize>,
    #[module(skip)]
    causal: bool,
}

impl FreeConv {
    /// A convolution with the biases and the mixer of CCNN.
    pub fn new(spec: &FreeConvSpec, init: &mut Init) -> Self {
        Self {
            kernel: FreeKernel::new(&spec.kernel(), init),
            bias: init.constant([if spec.separable { spec.inputs } else { spec.outputs }], 0.0),
            channel_mixer: spec.separable.then(|| Pointwise::kaiming_normal(spec.inputs, spec.outputs, init)),
            sizes: spec.sizes.clone(),
            causal: spec.causal,
        }
    }

    fn alignment(&self) -> Alignment {
        if self.causal { Alignment::Causal } else { Alignment::Centred }
    }

    /// `kernel`, `[1, kernels, taps]`, as it is convolved with, the oldest tap first: `[kernels, taps]`.
    fn in_order(&self, kernel: Tensor<3>) -> Tensor<2> {
        let kernel = kernel.squeeze_dim::<2>(0);
        if self.causal { kernel.flip([1]) } else { kernel }
    }
}

impl Convolution for FreeConv {
    fn forward(&self, x: Tensor<3>, shape: &[usize], layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let kernel = self.in_order(self.kernel.sample_and_drop(ctx));
        let x = if self.causal { x } else { ctx.mask_padding(x) };
        let taps = kernel.dims()[1];
        let terms = taps * if self.channel_mixer.is_some() { 1 } else { x.dims()[1] };
        ctx.probe_kernel(layer, &kernel, terms);
        let out = match &self.channel_mixer {
            Some(mixer) => {
                let y = depthwise(x, shape, kernel, &self.sizes, self.alignment());
                ctx.probe(|| format!("{layer}.depthwise"), "activation", &y);
                mixer.forward_shifted(y, self.bias.val(), ctx.precision())
            }
            None => {
                let [outputs] = self.bias.dims();
                channel_bias(dense(x, shape, kernel, &self.sizes, outputs, self.alignment()), self.bias.val())
            }
        };
        ctx.probe(|| layer.to_owned(), "activation", &out);
        out
    }

    fn kernel(&self) -> Result<Tensor<2>, ReadError> {
        Ok(self.in_order(self.kernel.sample()))
    }

    fn view(&self) -> Result<Kernels, ReadError> {
        Ok(Kernels {
            values: self.in_order(self.kernel.sample()),
            shape: self.sizes.clone(),
            current: self.sizes.iter().map(|&taps| self.alignment().left(taps)).collect(),
            dilation: 1,
            mask: Vec::new(),
            fine: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reach_is_counted_from_the_current_position() {
        assert_eq!(centred_reach(&[5]), [2.0 / 3.0, 1.0 / 3.0, 0.0, 1.0 / 3.0, 2.0 / 3.0]);
        assert_eq!(centred_reach(&[3, 1]), [0.5, 0.0, 0.5]);
        assert_eq!(centred_reach(&[3, 3])[..4], [0.5, 0.5, 0.5, 0.5]);
        assert_eq!(FreeKernelSpec::causal_reach(4), [0.0, 0.25, 0.5, 0.75]);
    }
}
