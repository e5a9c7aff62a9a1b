//! Convolutions of few taps over one to three axes, with weights in PyTorch's layout.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::conv3d;
use burn::tensor::ops::ConvOptions;
use rand::Rng;

use crate::inspect::views::Kernels;
use crate::{Features, Forward, Init};
use kernels::{Taps, channel_bias, conv2d};

/// Kernel size, stride, dilation and padding of a convolution, the same on every axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Taps per axis, at least 1.
    pub kernel: usize,
    /// Positions from one output to the next, at least 1.
    pub stride: usize,
    /// Positions from one tap to the next, at least 1.
    pub dilation: usize,
    /// Zeros in front of and behind every axis.
    pub padding: usize,
}

impl Geometry {
    /// An odd number of `kernel` taps, padded so that there are as many outputs as inputs.
    pub fn same(kernel: usize) -> Self {
        Self { kernel, stride: 1, dilation: 1, padding: kernel / 2 }
    }

    /// `kernel` taps without padding: `kernel` − 1 outputs less than inputs.
    pub fn valid(kernel: usize) -> Self {
        Self { kernel, stride: 1, dilation: 1, padding: 0 }
    }

    /// The same taps at every `stride`-th position.
    pub fn strided(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Taps on all of `rank` axes together.
    pub fn taps(&self, rank: usize) -> usize {
        self.kernel.pow(rank as u32)
    }

    /// Outputs along an axis of `positions`, none where the kernel is longer.
    ///
    /// They are ⌊(positions + 2 · padding − dilation · (kernel − 1) − 1) / stride⌋ + 1.
    pub fn outputs(&self, positions: usize) -> usize {
        let reach = self.dilation * (self.kernel - 1) + 1;
        (positions + 2 * self.padding).checked_sub(reach).map_or(0, |rest| rest / self.stride + 1)
    }

    fn plane(&self) -> Taps {
        Taps { stride: [self.stride; 2], dilation: [self.dilation; 2], padding: [self.padding; 2] }
    }

    fn options<const N: usize>(&self) -> ConvOptions<N> {
        ConvOptions::new([self.stride; N], [self.padding; N], [self.dilation; N], 1)
    }
}

/// Cross-correlation plus `bias`, as `torch.nn.functional.conv1d` to `conv3d`.
///
/// `x` is `[batch, in, positions…]`, `weight` `[out, in, taps]` with the taps of all axes flattened, `bias` `[out]`, and the
/// result `[batch, out, positions…]`.
pub fn convolve(x: Features, weight: Tensor<3>, bias: Option<Tensor<1>>, geometry: Geometry) -> Features {
    let [outputs, inputs, _] = weight.dims();
    let k = geometry.kernel;
    let shift = |y: Tensor<3>| match &bias {
        Some(bias) => channel_bias(y, bias.clone()),
        None => y,
    };
    match x {
        Features::Line(x) => Features::Line(shift(correlate_line(x, weight, geometry))),
        Features::Plane(x) => {
            let y = conv2d(x, weight.reshape([outputs, inputs, k, k]), geometry.plane());
            let shape = y.dims();
            Features::from_flat(shift(Features::Plane(y).flatten()), &shape[2..])
        }
        Features::Volume(x) => {
            Features::Volume(conv3d(x, weight.reshape([outputs, inputs, k, k, k]), bias, geometry.options::<3>()))
        }
    }
}

/// `x` with zeros where a sequence is padded, as beyond its end.
pub(crate) fn without_padding(x: Features, ctx: &Forward<'_>) -> Features {
    match x {
        Features::Line(x) => Features::Line(ctx.mask_padding(x)),
        x => x,
    }
}

/// [`convolve`] over a sequence, without a bias: an image of one row.
fn correlate_line(x: Tensor<3>, weight: Tensor<3>, geometry: Geometry) -> Tensor<3> {
    let ([batch, inputs, length], [outputs, of, taps]) = (x.dims(), weight.dims());
    let along = Taps { stride: [1, geometry.stride], dilation: [1, geometry.dilation], padding: [0, geometry.padding] };
    let y = conv2d(x.reshape([batch, inputs, 1, length]), weight.reshape([outputs, of, 1, taps]), along);
    let [batch, outputs, _, length] = y.dims();
    y.reshape([batch, outputs, length])
}

/// A convolution over one to three axes.
#[derive(Module, Debug)]
pub struct Conv {
    /// `[out, in, taps]`, the taps of all axes flattened.
    pub weight: Param<Tensor<3>>,
    /// `[out]`; absent where a normalisation follows.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    geometry: Geometry,
}

impl Conv {
    /// Draws weight and bias U(±1/√fan_in), PyTorch's default.
    pub fn torch(inputs: usize, outputs: usize, rank: usize, geometry: Geometry, init: &mut Init) -> Self {
        let taps = geometry.taps(rank);
        let bound = 1.0 / ((inputs * taps) as f64).sqrt();
        let weight = init.uniform([outputs, inputs, taps], -bound, bound);
        Self { weight, bias: Some(init.uniform([outputs], -bound, bound)), geometry }
    }

    /// Draws the weight N(0, 2 / fan_in), with a bias of zero.
    ///
    /// The variance of the activations is kept from ReLU to ReLU (He et al. 2015, arXiv 1502.01852, section 2.2).
    pub fn kaiming_fan_in(inputs: usize, outputs: usize, rank: usize, geometry: Geometry, init: &mut Init) -> Self {
        let taps = geometry.taps(rank);
        let std = (2.0 / (inputs * taps) as f64).sqrt();
        let weight = init.normal([outputs, inputs, taps], std);
        Self { weight, bias: Some(init.constant([outputs], 0.0)), geometry }
    }

    /// Draws the weight N(0, 2 / fan_out), without a bias: for residual networks.
    ///
    /// Source: He et al. 2015, arXiv 1502.01852, section 2.2, the backward case, as `torchvision` has it.
    pub fn kaiming_fan_out(inputs: usize, outputs: usize, rank: usize, geometry: Geometry, init: &mut Init) -> Self {
        let taps = geometry.taps(rank);
        let std = (2.0 / (outputs * taps) as f64).sqrt();
        Self { weight: init.normal([outputs, inputs, taps], std), bias: None, geometry }
    }

    /// `[batch, in, positions…]` to `[batch, out, positions…]`.
    pub fn forward(&self, x: Features) -> Features {
        convolve(x, self.weight.val(), self.bias.as_ref().map(Param::val), self.geometry)
    }

    /// The kernels of all pairs of channels.
    pub fn view(&self) -> Kernels {
        Kernels::of_weights(self.weight.val(), self.geometry.kernel, self.geometry.dilation, false)
    }

    /// Outputs along an axis of `positions`, see [`Geometry::outputs`].
    pub fn outputs(&self, positions: usize) -> usize {
        self.geometry.outputs(positions)
    }
}

/// A causal convolution over a sequence with the weight `g · v / ‖v‖` per output channel.
///
/// As `torch.nn.utils.weight_norm` has it (Salimans and Kingma 2016, arXiv 1602.07868).
#[derive(Module, Debug)]
pub struct CausalConv {
    /// Lengths, `[out, 1, 1]`.
    pub weight_g: Param<Tensor<3>>,
    /// Directions, `[out, in, taps]`.
    pub weight_v: Param<Tensor<3>>,
    /// `[out]`
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    geometry: Geometry,
}

impl CausalConv {
    /// Draws weight and bias U(±1/√fan_in), PyTorch's default, with lengths to match.
    pub fn torch([inputs, outputs]: [usize; 2], kernel: usize, dilation: usize, init: &mut Init) -> Self {
        let fan_in = inputs * kernel;
        let bound = 1.0 / (fan_in as f64).sqrt();
        let values = (0..outputs * fan_in).map(|_| init.rng().random_range(-bound..bound) as f32).collect::<Vec<_>>();
        let lengths = values.chunks(fan_in).map(|row| row.iter().map(|v| v * v).sum::<f32>().sqrt()).collect();
        Self {
            weight_g: init.values([outputs, 1, 1], lengths),
            weight_v: init.values([outputs, inputs, kernel], values),
            bias: init.uniform([outputs], -bound, bound),
            geometry: Geometry { kernel, stride: 1, dilation, padding: 0 },
        }
    }

    /// The weight of the convolution, `[out, in, taps]`.
    pub fn weight(&self) -> Tensor<3> {
        let v = self.weight_v.val();
        let scale = self.weight_g.val() / v.clone().square().sum_dim(2).sum_dim(1).sqrt();
        v * scale
    }

    /// The kernels of all pairs of channels.
    pub fn view(&self) -> Kernels {
        Kernels::of_weights(self.weight(), self.geometry.kernel, self.geometry.dilation, true)
    }

    /// `[batch, in, length]` to `[batch, out, length]`: no output depends on a later input.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, inputs, _] = x.dims();
        let zeros = (self.geometry.kernel - 1) * self.geometry.dilation;
        let x = if zeros == 0 {
            x
        } else {
            Tensor::cat(vec![Tensor::zeros([batch, inputs, zeros], (&x.device(), x.dtype())), x], 2)
        };
        channel_bias(correlate_line(x, self.weight(), self.geometry), self.bias.val())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_counted_as_a_convolution_makes_them() {
        let device = burn::tensor::Device::flex();
        for kernel in 1..=5 {
            for (stride, dilation, padding) in [(1, 1, 0), (1, 1, 2), (2, 1, 1), (2, 1, 0), (3, 2, 1)] {
                let geometry = Geometry { kernel, stride, dilation, padding };
                for n in 1..=12 {
                    let found = geometry.outputs(n);
                    if found > 0 {
                        let (x, weight) = (Tensor::zeros([1, 1, n], &device), Tensor::zeros([1, 1, kernel], &device));
                        let y = convolve(Features::Line(x), weight, None, geometry).dims();
                        assert_eq!(y[2], found, "{n} positions, {geometry:?}");
                    } else {
                        assert!(n + 2 * padding < dilation * (kernel - 1) + 1, "{n} positions, {geometry:?}");
                    }
                }
            }
        }
    }
}
