//! Long convolutions on a GPU, in f32: depthwise ones of up to 1024 taps by direct summation, dense ones of few taps as products with the
//! unfolded input, of many through spectra.

mod dense;
mod depthwise;

use burn::backend::TensorMetadata;
use burn_cubecl::tensor::CubeTensor;

use super::composed::DIRECT_TAPS;
use super::geometry::Geometry;
use crate::ops::convolution::conv::cube::{self as unfolded, Lie};

/// [`super::composed::forward`]; `None` where no kernel applies.
pub(super) fn forward(x: &CubeTensor, k: &CubeTensor, geometry: Geometry) -> Option<CubeTensor> {
    match geometry.depthwise {
        true => depthwise::forward(x, k, geometry),
        false if is_short(k) => unfolded::forward(x, k, lie(x, geometry)),
        false => dense::forward(x, k, geometry),
    }
}

/// [`super::composed::backward`]; `None` where no kernel applies.
pub(super) fn backward(
    x: &CubeTensor,
    k: &CubeTensor,
    g: &CubeTensor,
    geometry: Geometry,
    wanted: [bool; 2],
) -> Option<[Option<CubeTensor>; 2]> {
    match geometry.depthwise {
        true => depthwise::backward(x, k, g, geometry, wanted),
        false if is_short(k) => unfolded::backward(x, k, g, lie(x, geometry), wanted),
        false => dense::backward(x, k, g, geometry, wanted),
    }
}

fn is_short(k: &CubeTensor) -> bool {
    let shape = k.shape();
    shape[2] * shape[3] <= DIRECT_TAPS
}

fn lie(x: &CubeTensor, geometry: Geometry) -> Lie {
    let shape = x.shape();
    Lie { stride: [1, 1], dilation: [1, 1], before: geometry.left, size: [shape[2], shape[3]] }
}
