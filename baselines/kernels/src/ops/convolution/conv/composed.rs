//! Burn's own convolution, for every backend without a kernel of ours.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;
use burn::tensor::ops::ConvOptions;

use super::taps::Taps;

fn options(taps: Taps) -> ConvOptions<2> {
    ConvOptions::new(taps.stride, taps.padding, taps.dilation, 1)
}

/// The output.
pub(super) fn forward<B: Backend>(x: FloatTensor<B>, weight: FloatTensor<B>, taps: Taps) -> FloatTensor<B> {
    B::conv2d(x, weight, None, options(taps))
}

/// The gradients of input and weight that are `wanted`.
pub(super) fn backward<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    g: FloatTensor<B>,
    taps: Taps,
    wanted: [bool; 2],
) -> [Option<FloatTensor<B>>; 2] {
    [
        wanted[0].then(|| B::conv2d_x_backward(x.clone(), weight.clone(), g.clone(), options(taps))),
        wanted[1].then(|| B::conv2d_weight_backward(x.clone(), weight.clone(), g.clone(), options(taps))),
    ]
}
