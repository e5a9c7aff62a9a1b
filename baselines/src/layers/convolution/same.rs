//! Convolutions over one to three axes, whose output has the positions of their input.

use burn::tensor::Tensor;
use burn::tensor::module::conv3d;
use burn::tensor::ops::ConvOptions;

use kernels::{Alignment, long_conv1d, long_conv1d_dense, long_conv2d, long_conv2d_dense};

/// `x`, `[batch, channels, positions]`, with every channel convolved with its own kernel of `kernel`, `[channels, taps]`.
///
/// `shape` has the positions and `taps` the taps per axis. Three axes are always centred.
pub(crate) fn depthwise(
    x: Tensor<3>,
    shape: &[usize],
    kernel: Tensor<2>,
    taps: &[usize],
    alignment: Alignment,
) -> Tensor<3> {
    let [batch, channels, positions] = x.dims();
    match (shape, taps) {
        (&[height, width], &[kernel_height, kernel_width]) => {
            let x = x.reshape([batch, channels, height, width]);
            let k = kernel.reshape([channels, kernel_height, kernel_width]);
            long_conv2d(x, k, alignment).reshape([batch, channels, positions])
        }
        (&[d, h, w], &[kd, kh, kw]) => {
            let x = x.reshape([batch, channels, d, h, w]);
            let k = kernel.reshape([channels, 1, kd, kh, kw]);
            conv3d(x, k, None, centred([kd, kh, kw], channels)).reshape([batch, channels, positions])
        }
        _ => long_conv1d(x, kernel, alignment),
    }
}

/// The same with a kernel for every pair of channels: those of `kernel`, `[outputs · inputs, taps]`.
pub(crate) fn dense(
    x: Tensor<3>,
    shape: &[usize],
    kernel: Tensor<2>,
    taps: &[usize],
    outputs: usize,
    alignment: Alignment,
) -> Tensor<3> {
    let [batch, inputs, positions] = x.dims();
    match (shape, taps) {
        (&[height, width], &[kernel_height, kernel_width]) => {
            let x = x.reshape([batch, inputs, height, width]);
            let k = kernel.reshape([outputs, inputs, kernel_height, kernel_width]);
            long_conv2d_dense(x, k, alignment).reshape([batch, outputs, positions])
        }
        (&[d, h, w], &[kd, kh, kw]) => {
            let x = x.reshape([batch, inputs, d, h, w]);
            let k = kernel.reshape([outputs, inputs, kd, kh, kw]);
            conv3d(x, k, None, centred([kd, kh, kw], 1)).reshape([batch, outputs, positions])
        }
        (_, taps) => {
            let taps = taps.iter().product::<usize>();
            long_conv1d_dense(x, kernel.reshape([outputs, inputs, taps]), alignment)
        }
    }
}

fn centred(kernel: [usize; 3], groups: usize) -> ConvOptions<3> {
    ConvOptions::new([1; 3], kernel.map(|k| k / 2), [1; 3], groups)
}
