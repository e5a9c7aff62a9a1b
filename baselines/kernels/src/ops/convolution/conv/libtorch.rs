//! LibTorch's convolution of images.

use tch::Tensor;

use super::taps::Taps;

/// The output.
pub(super) fn forward([x, weight]: [&Tensor; 2], taps: Taps) -> Vec<Tensor> {
    let pair = |of: [usize; 2]| of.map(|n| n as i64);
    vec![x.conv2d(weight, None::<&Tensor>, pair(taps.stride), pair(taps.padding), pair(taps.dilation), 1)]
}
