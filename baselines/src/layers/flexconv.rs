//! FlexConv: long convolutions whose kernels come from a network, under a Gaussian mask of learnt width.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::conv3d;
use burn::tensor::ops::ConvOptions;

use crate::kernels::{Alignment, channel_bias, long_conv1d, long_conv1d_dense, long_conv2d, long_conv2d_dense};
use crate::layers::{MagNet, MagNetSpec, Pointwise, Window, grid};
use crate::{BuildError, Forward, Init};

/// Keeps the mask finite for a width of zero.
const EPSILON: f64 = 1e-8;

/// Everything that shapes a [`FlexConv`].
#[derive(Debug, Clone, PartialEq)]
pub struct FlexConvSpec {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Grid, alignment and cropping threshold.
    pub window: Window,
    /// A depthwise convolution and a channel mixer, rather than kernels for all pairs of channels.
    pub separable: bool,
    /// Hidden channels of the kernel network.
    pub kernel_hidden: usize,
    /// Multiplicative layers of the kernel network.
    pub kernel_layers: usize,
    /// Frequency of the kernel network.
    pub omega_0: f64,
    /// Initial width of the mask in units of half the grid.
    pub mask_init: f64,
    /// Divide the initial kernels by the root of the number of terms they sum.
    pub correction: bool,
}

/// A masked kernel on the positions that cropping leaves.
#[derive(Debug, Clone)]
pub struct SampledKernel {
    /// `[kernels, points]`
    pub values: Tensor<2>,
    /// Points per axis.
    pub shape: Vec<usize>,
}

/// A convolution with a generated kernel: "same" length, causal or centred.
#[derive(Module, Debug)]
pub struct FlexConv {
    /// Generates the kernel.
    pub kernel: MagNet,
    /// Width of the mask per axis, `[axes]`.
    pub mask_width_param: Param<Tensor<1>>,
    /// Added after the convolution: `[inputs]` if separable, else `[outputs]`.
    pub bias: Param<Tensor<1>>,
    /// Present if separable.
    pub channel_mixer: Option<Pointwise>,
    #[module(skip)]
    window: Window,
}

impl FlexConv {
    /// Weights as the reference program draws them.
    ///
    /// # Errors
    /// See [`MagNet::new`].
    pub fn new(spec: &FlexConvSpec, init: &mut Init) -> Result<Self, BuildError> {
        let axes = spec.window.sizes.len();
        let taps: usize =
            spec.window.crop(&vec![spec.mask_init as f32; axes]).iter().map(ExactSizeIterator::len).product();
        let (kernels, terms) =
            if spec.separable { (spec.inputs, taps) } else { (spec.inputs * spec.outputs, spec.inputs * taps) };
        let kernel = MagNet::new(
            &MagNetSpec {
                axes,
                hidden: spec.kernel_hidden,
                outputs: kernels,
                layers: spec.kernel_layers,
                omega_0: spec.omega_0,
                mask_init: spec.mask_init,
                causal: spec.window.causal,
                output_gain: if spec.correction { 1.0 / (terms as f64).sqrt() } else { 1.0 },
            },
            init,
        )?;
        Ok(Self {
            kernel,
            mask_width_param: init.constant([axes], spec.mask_init),
            bias: init.constant([if spec.separable { spec.inputs } else { spec.outputs }], 0.0),
            channel_mixer: spec.separable.then(|| Pointwise::kaiming_normal(spec.inputs, spec.outputs, init)),
            window: spec.window.clone(),
        })
    }

    /// The masked kernel at the positions left by the current widths. Cropping itself carries no gradient.
    pub fn sample(&self) -> SampledKernel {
        let width = self.mask_width_param.val();
        let device = width.device();
        // A read that fails gives no widths, and the whole grid is kept.
        let widths = width.clone().into_data().try_to_vec_as::<f32>().unwrap_or_default();
        let axes = self.window.sizes.len();
        let widths = if widths.len() == axes { widths } else { vec![f32::INFINITY; axes] };
        let points = self.window.points(&self.window.crop(&widths));
        let shape = points.iter().map(Vec::len).collect();
        let positions = grid(&points, &device);
        let squares = (positions.clone() - self.window.mean()).square();
        let scale = (width.square() + EPSILON).recip() * -0.5;
        let mask = scale.unsqueeze::<2>().matmul(squares).exp();
        SampledKernel { values: self.kernel.forward(&positions) * mask, shape }
    }

    /// Convolve `x`, `[batch, inputs, positions]` with positions of shape `shape` flattened, to
    /// `[batch, outputs, positions]`. Probes are taken as `layer`.
    pub fn forward(&self, x: Tensor<3>, shape: &[usize], layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let kernel = self.sample();
        ctx.probe(|| layer.to_owned(), "kernel", &kernel.values);
        let alignment = if self.window.causal { Alignment::Causal } else { Alignment::Centred };
        let out = match &self.channel_mixer {
            Some(mixer) => {
                let y = depthwise(x, shape, kernel, alignment);
                ctx.probe(|| format!("{layer}.depthwise"), "activation", &y);
                mixer.forward_shifted(y, self.bias.val())
            }
            None => {
                let outputs = self.bias.dims()[0];
                channel_bias(dense(x, shape, kernel, outputs, alignment), self.bias.val())
            }
        };
        ctx.probe(|| layer.to_owned(), "activation", &out);
        out
    }
}

/// Every channel with its own kernel.
fn depthwise(x: Tensor<3>, shape: &[usize], kernel: SampledKernel, alignment: Alignment) -> Tensor<3> {
    let [batch, channels, positions] = x.dims();
    match (shape, kernel.shape.as_slice()) {
        (&[height, width], &[kernel_height, kernel_width]) => {
            let x = x.reshape([batch, channels, height, width]);
            let k = kernel.values.reshape([channels, kernel_height, kernel_width]);
            long_conv2d(x, k, alignment).reshape([batch, channels, positions])
        }
        (&[d, h, w], &[kd, kh, kw]) => {
            let x = x.reshape([batch, channels, d, h, w]);
            let k = kernel.values.reshape([channels, 1, kd, kh, kw]);
            conv3d(x, k, None, centred([kd, kh, kw], channels)).reshape([batch, channels, positions])
        }
        _ => long_conv1d(x, kernel.values, alignment),
    }
}

/// A kernel for every pair of channels.
fn dense(x: Tensor<3>, shape: &[usize], kernel: SampledKernel, outputs: usize, alignment: Alignment) -> Tensor<3> {
    let [batch, inputs, positions] = x.dims();
    match (shape, kernel.shape.as_slice()) {
        (&[height, width], &[kernel_height, kernel_width]) => {
            let x = x.reshape([batch, inputs, height, width]);
            let k = kernel.values.reshape([outputs, inputs, kernel_height, kernel_width]);
            long_conv2d_dense(x, k, alignment).reshape([batch, outputs, positions])
        }
        (&[d, h, w], &[kd, kh, kw]) => {
            let x = x.reshape([batch, inputs, d, h, w]);
            let k = kernel.values.reshape([outputs, inputs, kd, kh, kw]);
            conv3d(x, k, None, centred([kd, kh, kw], 1)).reshape([batch, outputs, positions])
        }
        (_, kernel_shape) => {
            let taps = kernel_shape.iter().product::<usize>();
            long_conv1d_dense(x, kernel.values.reshape([outputs, inputs, taps]), alignment)
        }
    }
}

fn centred(kernel: [usize; 3], groups: usize) -> ConvOptions<3> {
    ConvOptions::new([1; 3], kernel.map(|k| k / 2), [1; 3], groups)
}
