//! The S4 layer: a convolution with its kernels, and a gated map of the channels.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::kernel::{S4Kernel, S4KernelSpec, round};
use crate::forward::DropoutKind;
use crate::inspect::views::{FineKernels, Kernels};
use crate::layers::linear::Pointwise;
use crate::layers::stack::SequenceLayer;
use crate::layers::state_space::taps::rate;
use crate::{Forward, Init, LayerView, ReadError};
use kernels::{Activation, Alignment, causal_taps, glu, long_conv1d};

/// A convolution with state-space kernels, plus a skip connection.
#[derive(Module, Debug)]
pub struct SsmConv {
    /// Factors of the skip connection, `[channels, d_model]`.
    pub d: Param<Tensor<2>>,
    /// Generates the kernels, twice as many where they reach to both sides.
    pub kernel: S4Kernel,
    #[module(skip)]
    l_max: usize,
    #[module(skip)]
    bidirectional: bool,
}

/// Configuration of an [`S4Block`].
#[derive(Debug, Clone, PartialEq)]
pub struct S4BlockSpec {
    /// The kernels to the left.
    pub kernel: S4KernelSpec,
    /// Samples of the training inputs; at another length the step changes so that a kernel covers the same time.
    pub length: usize,
    /// Kernels to the right as well: `y[t] += Σ_m k[m] x[t + m + 1]`.
    pub bidirectional: bool,
    /// Probability of dropping a channel while training.
    pub dropout: f64,
}

impl SsmConv {
    fn new(spec: &S4BlockSpec, init: &mut Init) -> Self {
        let sides = if spec.bidirectional { 2 } else { 1 };
        let kernel = S4KernelSpec { channels: sides * spec.kernel.channels, ..spec.kernel.clone() };
        Self {
            d: init.normal([spec.kernel.channels, spec.kernel.d_model], 1.0),
            kernel: S4Kernel::new(&kernel, init),
            l_max: spec.kernel.l_max,
            bidirectional: spec.bidirectional,
        }
    }

    /// `[batch, d_model, length]` to `[batch, channels · d_model, length]`, channel-major, at `rate` times the step.
    fn forward(&self, x: Tensor<3>, rate: f64, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let x = if self.bidirectional { ctx.mask_padding(x) } else { x };
        let length = x.dims()[2];
        let [channels, h] = self.d.dims();
        let kernel = self.kernel.sample(length.min(round(self.l_max as f64 / rate)), rate);
        ctx.probe(|| layer.to_owned(), "kernel", &kernel);
        let taps = kernel.dims()[2];
        let skip = self.d.val().reshape([channels * h, 1]);
        let side = |at: usize| kernel.clone().narrow(0, at * channels, channels).reshape([channels * h, taps]);
        let left = causal_taps(side(0), skip);
        let x = x.repeat_dim(1, channels);
        if self.bidirectional {
            // One tap of zero in front makes the current sample the middle one.
            let front = Tensor::zeros([channels * h, 1], (&left.device(), left.dtype()));
            long_conv1d(x, Tensor::cat(vec![front, left, side(1)], 1), Alignment::Centred)
        } else {
            long_conv1d(x, left, Alignment::Causal)
        }
    }
}

impl SsmConv {
    /// The kernels for inputs of `length` samples, channel-major; those to both sides as one.
    fn view(&self, length: usize) -> Kernels {
        let [channels, h] = self.d.dims();
        let taps = length.min(self.l_max);
        let whole = |taps: usize, rate: f64| {
            let kernel = self.kernel.sample(taps, rate);
            let taps = kernel.dims()[2];
            let side = |at: usize| kernel.clone().narrow(0, at * channels, channels).reshape([channels * h, taps]);
            let left = side(0).flip([1]);
            if self.bidirectional { Tensor::cat(vec![left, side(1)], 1) } else { left }
        };
        let values = whole(taps, 1.0);
        let fine = FineKernels::has_room(channels * h, values.dims()[1]).then(|| {
            let per_position = FineKernels::PER_POSITION;
            FineKernels { values: whole(taps * per_position, 1.0 / per_position as f64), per_position }
        });
        Kernels { fine, ..Kernels::on_line(values, taps.saturating_sub(1)) }
    }
}

/// The S4 layer: convolution, skip, dropout, GELU, dropout, and a gated map of the channels.
#[derive(Module, Debug)]
pub struct S4Block {
    /// The convolution.
    pub layer: SsmConv,
    /// From the convolution's channels to `2 · d_model`, the second half gates.
    pub output_linear: Pointwise,
    #[module(skip)]
    length: usize,
    #[module(skip)]
    dropout: f64,
}

impl S4Block {
    /// A block with weights drawn as in the reference program.
    pub fn new(spec: &S4BlockSpec, init: &mut Init) -> Self {
        let h = spec.kernel.d_model;
        Self {
            layer: SsmConv::new(spec, init),
            output_linear: Pointwise::torch(spec.kernel.channels * h, 2 * h, init),
            length: spec.length,
            dropout: spec.dropout,
        }
    }

    /// `[batch, d_model, length]` to the same shape, at `rate` times the step of training. Probes are taken as `layer`.
    pub fn forward_at(&self, x: Tensor<3>, rate: f64, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let y = self.layer.forward(x, rate, layer, ctx);
        let y = ctx.dropout_tensor(y, self.dropout, DropoutKind::Channel);
        let y = ctx.activate_and_drop(y, Activation::Gelu, self.dropout, DropoutKind::Channel);
        let y = glu(self.output_linear.forward(y, ctx.precision()));
        ctx.probe(|| layer.to_owned(), "activation", &y);
        y
    }
}

impl SequenceLayer for S4Block {
    fn forward(&self, x: Tensor<3>, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let rate = rate(self.length, x.dims()[2], ctx);
        self.forward_at(x, rate, layer, ctx)
    }

    fn view(&self, layer: String, _length: usize) -> Result<LayerView, ReadError> {
        let kernels = Some(self.layer.view(self.length));
        Ok(LayerView { layer, kernels, eigenvalues: Some(self.layer.kernel.eigenvalues()?) })
    }

    fn kernel_length(&self) -> Option<usize> {
        let kernel = &self.layer.kernel;
        // Without a low-rank part C is the same for every length.
        kernel.p.is_some().then(|| kernel.l_kernel())
    }
}
