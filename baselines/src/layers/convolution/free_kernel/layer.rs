//! The long-convolution layer of Fu et al. 2023 (arXiv 2302.06646): free kernels, a skip connection, a gated map of the
//! channels.
//!
//! Source: github.com/HazyResearch/safari, `src/models/sequence/long_conv.py` and `standalone_long_convs.py`.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData};

use super::kernel::{FreeKernel, FreeKernelSpec, KernelStart};
use super::smoothing::Smoothing;
use crate::forward::DropoutKind;
use crate::inspect::views::Kernels;
use crate::layers::linear::Pointwise;
use crate::layers::stack::SequenceLayer;
use crate::{Forward, Init, LayerView, ReadError};
use kernels::{Activation, Alignment, glu, long_conv1d};

/// Which lags the taps of a kernel have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// One kernel per channel: tap j has lag j.
    Causal,
    /// Two: tap j of the first has lag j, of the second −(j + 1), so that the current sample counts once.
    Both,
    /// One of twice the length: tap j has lag j in the first half, and j less the number of taps in the second, whose first
    /// tap does not act.
    Wrapped,
}

/// A program whose convolution by the FFT is to be reproduced where it wraps around.
///
/// The length n of its transform follows from that of the input, not from that of the kernel: taps beyond n are cut, and
/// those from n − length + 1 on have lags below zero, so that a causal kernel sees the future of a short input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `long_conv.py`: n is the length and the lesser of the length and `l_max`.
    Safari,
    /// `standalone_long_convs.py`: n is twice the length.
    Standalone,
}

/// Configuration of a [`LongConv`].
#[derive(Debug, Clone, PartialEq)]
pub struct LongConvSpec {
    /// Channels.
    pub d_model: usize,
    /// Kernels per channel and side.
    pub channels: usize,
    /// Samples that a kernel reaches; it has twice as many taps for [`Sides::Wrapped`].
    pub l_max: usize,
    /// Lags of the taps.
    pub sides: Sides,
    /// Soft threshold λ on the taps; 0 for none.
    pub threshold: f64,
    /// Smoothing along the taps.
    pub smoothing: Smoothing,
    /// Odd width of the smoothing.
    pub window: usize,
    /// Probability of dropping a tap while training.
    pub kernel_dropout: f64,
    /// Initial values of the kernels.
    pub start: KernelStart,
    /// Probability of dropping a channel while training.
    pub dropout: f64,
    /// Reproduce this program where it wraps around, and where it smooths an odd number of taps.
    pub reference_bugs: Option<Program>,
}

/// The layer: convolution, skip, GELU, dropout, and a gated map of the channels.
#[derive(Module, Debug)]
pub struct LongConv {
    /// Factors of the skip connection, `[channels, d_model]`.
    pub d: Param<Tensor<2>>,
    /// The kernels, `[channels, d_model, taps]`; those of the second side after those of the first.
    pub kernel: FreeKernel,
    /// From the convolution's channels to `2 · d_model`, the second half gates.
    pub output_linear: Pointwise,
    #[module(skip)]
    sides: Sides,
    #[module(skip)]
    l_max: usize,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    reference_bugs: Option<Program>,
}

impl LongConv {
    /// A layer with weights drawn as in the reference programs.
    pub fn new(spec: &LongConvSpec, init: &mut Init) -> Self {
        let (h, channels) = (spec.d_model, spec.channels);
        let reach =
            FreeKernelSpec::causal_reach(if spec.sides == Sides::Wrapped { 2 * spec.l_max } else { spec.l_max });
        let kernel = FreeKernelSpec {
            channels: if spec.sides == Sides::Both { 2 * channels } else { channels },
            d_model: h,
            terms: reach.len() * if spec.sides == Sides::Both { 2 } else { 1 },
            reach,
            threshold: spec.threshold,
            smoothing: spec.smoothing,
            window: spec.window,
            dropout: spec.kernel_dropout,
            start: spec.start,
            reference_bugs: spec.reference_bugs.is_some(),
        };
        Self {
            d: init.normal([channels, h], 1.0),
            kernel: FreeKernel::new(&kernel, init),
            output_linear: Pointwise::torch(channels * h, 2 * h, init),
            sides: spec.sides,
            l_max: spec.l_max,
            dropout: spec.dropout,
            reference_bugs: spec.reference_bugs,
        }
    }

    /// `kernel` by decreasing lag for inputs of `length`, `[channels, d_model, taps]`, and the tap of lag 0.
    ///
    /// Where there are later taps, they are as many as the earlier ones.
    fn by_lag(&self, kernel: Tensor<3>, length: usize) -> (Tensor<3>, usize) {
        if let Some(program) = self.reference_bugs {
            return self.as_transformed(kernel, length, program);
        }
        let taps = kernel.dims()[2];
        match self.sides {
            Sides::Causal => {
                let reach = length.min(taps);
                (kernel.narrow(2, 0, reach).flip([2]), reach - 1)
            }
            Sides::Both => {
                let (channels, reach) = (self.d.dims()[0], length.min(taps));
                let side = |at: usize| kernel.clone().narrow(0, at * channels, channels).narrow(2, 0, reach);
                let first = side(0).flip([2]);
                // One tap of zero in front makes the current sample the middle one.
                let front = first.zeros_like().narrow(2, 0, 1);
                (Tensor::cat(vec![front, first, side(1)], 2), reach)
            }
            Sides::Wrapped => {
                let reach = length.min(taps / 2);
                let first = kernel.clone().narrow(2, 0, reach).flip([2]);
                if reach == 1 {
                    return (first, 0);
                }
                let later = kernel.narrow(2, taps - (reach - 1), reach - 1).flip([2]);
                (Tensor::cat(vec![first, later], 2), reach - 1)
            }
        }
    }

    /// The same where the circle of `program`'s transform decides which lag a tap has.
    fn as_transformed(&self, kernel: Tensor<3>, length: usize, program: Program) -> (Tensor<3>, usize) {
        let kernel = match self.sides {
            Sides::Causal | Sides::Wrapped => kernel,
            Sides::Both => {
                let (channels, device) = (self.d.dims()[0], kernel.device());
                let zeros = Tensor::zeros([channels, kernel.dims()[1], length], (&device, kernel.dtype()));
                let side = |at: usize| kernel.clone().narrow(0, at * channels, channels);
                let first = Tensor::cat(vec![side(0), zeros.clone()], 2);
                first + Tensor::cat(vec![zeros, side(1).flip([2])], 2)
            }
        };
        let n = length
            + match program {
                Program::Safari => length.min(self.l_max),
                Program::Standalone => length,
            };
        let taps = kernel.dims()[2];
        // A tap of zero stands for those that the kernel does not have.
        let place = |lag: i64| {
            let at = if lag < 0 { lag + n as i64 } else { lag };
            usize::try_from(at).ok().filter(|&at| at < taps.min(n)).unwrap_or(taps)
        };
        let reach = length as i64 - 1;
        let places: Vec<i32> = (-reach..=reach).map(|step| place(-step) as i32).collect();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [2 * length - 1]), &kernel.device());
        let end = kernel.zeros_like().narrow(2, 0, 1);
        (Tensor::cat(vec![kernel, end], 2).select(2, places), length - 1)
    }

    /// The convolution and the skip connection: `[batch, d_model, length]` to `[batch, channels · d_model, length]`.
    fn convolve(&self, x: Tensor<3>, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let causal = self.sides == Sides::Causal && self.reference_bugs.is_none();
        let x = if causal { x } else { ctx.mask_padding(x) };
        let [channels, h] = self.d.dims();
        let kernel = self.kernel.sample_and_drop(ctx);
        ctx.probe(|| layer.to_owned(), "kernel", &kernel);
        let (kernel, current) = self.by_lag(kernel, x.dims()[2]);
        let taps = kernel.dims()[2];
        let kernel = kernel.reshape([channels * h, taps]);
        let skip = self.d.val().reshape([channels * h, 1]);
        let mut parts = vec![kernel.clone().narrow(1, current, 1) + skip];
        if current > 0 {
            parts.insert(0, kernel.clone().narrow(1, 0, current));
        }
        if current + 1 < taps {
            parts.push(kernel.narrow(1, current + 1, taps - current - 1));
        }
        let alignment = if current + 1 == taps { Alignment::Causal } else { Alignment::Centred };
        long_conv1d(x.repeat_dim(1, channels), Tensor::cat(parts, 1), alignment)
    }
}

impl SequenceLayer for LongConv {
    fn forward(&self, x: Tensor<3>, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let y = self.convolve(x, layer, ctx);
        let y = ctx.activate_and_drop(y, Activation::Gelu, self.dropout, DropoutKind::Channel);
        let y = glu(self.output_linear.forward(y, ctx.precision()));
        ctx.probe(|| layer.to_owned(), "activation", &y);
        y
    }

    fn view(&self, layer: String, length: usize) -> Result<LayerView, ReadError> {
        let (kernel, current) = self.by_lag(self.kernel.sample(), length);
        let [channels, h, taps] = kernel.dims();
        Ok(LayerView::of_kernels(layer, Kernels::on_line(kernel.reshape([channels * h, taps]), current)))
    }
}
