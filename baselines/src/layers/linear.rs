//! Linear maps over channels, with weights in PyTorch's layout `[out, in]`.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use rand::Rng;

use crate::Init;
use kernels::{LinearMap, MatmulF32, Precision, pointwise};

/// A linear map at every position, which is a convolution of size 1.
#[derive(Module, Debug)]
pub struct Pointwise {
    /// `[out, in]`
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Param<Tensor<1>>,
}

impl Pointwise {
    /// Draws the weight N(0, 2 / fan_in), with a bias of zero.
    pub fn kaiming_normal(inputs: usize, outputs: usize, init: &mut Init) -> Self {
        let weight = init.normal([outputs, inputs], (2.0 / inputs as f64).sqrt());
        Self { weight, bias: init.constant([outputs], 0.0) }
    }

    /// Draws the weight N(0, std²) and the bias U(±1/√fan_in).
    pub fn normal(inputs: usize, outputs: usize, std: f64, init: &mut Init) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        Self { weight: init.normal([outputs, inputs], std), bias: init.uniform([outputs], -bound, bound) }
    }

    /// Draws the weight U(±√(3 / fan_in)), which has the variance 1 / fan_in; every bias is `bias`.
    pub fn kaiming_uniform(inputs: usize, outputs: usize, bias: f64, init: &mut Init) -> Self {
        let bound = (3.0 / inputs as f64).sqrt();
        Self { weight: init.uniform([outputs, inputs], -bound, bound), bias: init.constant([outputs], bias) }
    }

    /// Draws weight and bias U(±1/√fan_in), PyTorch's default.
    pub fn torch(inputs: usize, outputs: usize, init: &mut Init) -> Self {
        Self::uniform(inputs, outputs, 1.0 / (inputs as f64).sqrt(), init)
    }

    /// Draws the weight from the normal distribution cut off at two of its standard deviations, with the variance 1 / fan_in
    /// after that, and a bias of zero: Flax's default.
    pub fn lecun_normal(inputs: usize, outputs: usize, init: &mut Init) -> Self {
        /// Standard deviation of N(0, 1) between −2 and 2.
        const CUT_OFF: f64 = 0.879_625_661_034_239_8;
        let std = (1.0 / inputs as f64).sqrt() / CUT_OFF;
        Self { weight: init.truncated_normal([outputs, inputs], std), bias: init.constant([outputs], 0.0) }
    }

    /// Draws weight and bias U(±√(6 / (in + 1 + out))), Xavier's range for the matrix whose last row is the bias.
    pub fn xavier_with_bias(inputs: usize, outputs: usize, init: &mut Init) -> Self {
        Self::uniform(inputs, outputs, (6.0 / (inputs + 1 + outputs) as f64).sqrt(), init)
    }

    fn uniform(inputs: usize, outputs: usize, bound: f64, init: &mut Init) -> Self {
        Self { weight: init.uniform([outputs, inputs], -bound, bound), bias: init.uniform([outputs], -bound, bound) }
    }

    /// Weight and bias.
    pub(crate) fn tensors(&self) -> LinearMap {
        (self.weight.val(), self.bias.val())
    }

    /// `[batch, in, positions]` to `[batch, out, positions]`.
    pub fn forward(&self, x: Tensor<3>, precision: Precision) -> Tensor<3> {
        pointwise(x, self.weight.val(), self.bias.val(), precision)
    }

    /// `[batch, in]` to `[batch, out]`.
    pub fn rows(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul_f32(self.weight.val().transpose()) + self.bias.val().unsqueeze::<2>()
    }

    /// `[in, positions]` to `[out, positions]`, never rounded: for kernels.
    pub fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        pointwise(x.unsqueeze::<3>(), self.weight.val(), self.bias.val(), Precision::Float32).squeeze_dim::<2>(0)
    }

    /// The map of `x + shift`, with `shift` `[in]`, in one pass over `x`: W (x + s) + b = W x + (W s + b).
    pub fn forward_shifted(&self, x: Tensor<3>, shift: Tensor<1>, precision: Precision) -> Tensor<3> {
        let weight = self.weight.val();
        let outputs = weight.dims()[0];
        let bias = weight.clone().matmul_f32(shift.unsqueeze_dim::<2>(1)).reshape([outputs]) + self.bias.val();
        pointwise(x, weight, bias, precision)
    }
}

/// A linear map at every position without a bias.
#[derive(Module, Debug)]
pub struct BiasFree {
    /// `[out, in]`
    pub weight: Param<Tensor<2>>,
}

impl BiasFree {
    /// Draws the weight U(±1/√fan_in), PyTorch's default.
    pub fn torch(inputs: usize, outputs: usize, init: &mut Init) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        Self { weight: init.uniform([outputs, inputs], -bound, bound) }
    }

    /// `[batch, in, positions]` to `[batch, out, positions]`.
    pub fn forward(&self, x: Tensor<3>, precision: Precision) -> Tensor<3> {
        let zeros = Tensor::zeros([self.weight.dims()[0]], (&x.device(), x.dtype()));
        pointwise(x, self.weight.val(), zeros, precision)
    }
}

/// A linear map whose weight is `g · v / ‖v‖` per output row.
#[derive(Module, Debug)]
pub struct WeightNormed {
    /// Lengths of the rows, `[out, 1]`.
    pub weight_g: Param<Tensor<2>>,
    /// Directions of the rows, `[out, in]`.
    pub weight_v: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Param<Tensor<1>>,
}

impl WeightNormed {
    /// Draws rows U(±`bound`) with lengths to match, and the bias U(−1, 1).
    pub fn new(inputs: usize, outputs: usize, bound: f64, init: &mut Init) -> Self {
        let rows = (0..outputs * inputs).map(|_| init.rng().random_range(-bound..bound) as f32).collect::<Vec<_>>();
        let lengths = rows.chunks(inputs).map(|row| row.iter().map(|v| v * v).sum::<f32>().sqrt()).collect();
        let weight_v = init.values([outputs, inputs], rows);
        let weight_g = init.values([outputs, 1], lengths);
        Self { weight_g, weight_v, bias: init.uniform([outputs], -1.0, 1.0) }
    }

    /// The same map with all outputs multiplied by `factor`.
    pub fn scaled(self, factor: f64) -> Self {
        let scale = |value: Tensor<2>| (value.inner() * factor).autodiff().require_grad();
        let scale_bias = |value: Tensor<1>| (value.inner() * factor).autodiff().require_grad();
        Self { weight_g: self.weight_g.map(scale), weight_v: self.weight_v, bias: self.bias.map(scale_bias) }
    }

    /// `[in, positions]` to `[out, positions]`, never rounded: for kernels.
    pub fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        let v = self.weight_v.val();
        let scale = self.weight_g.val() / v.clone().square().sum_dim(1).sqrt();
        pointwise(x.unsqueeze::<3>(), v * scale, self.bias.val(), Precision::Float32).squeeze_dim::<2>(0)
    }
}
