//! Poolings.

use burn::tensor::module::{max_pool1d, max_pool2d};
use burn::tensor::ops::MaxPoolOptions;

use crate::Features;

/// The larger of every two positions on every axis, of one or two axes.
///
/// Where their number is odd, the last one stays by itself if `ceil`, and is left out otherwise.
pub(crate) fn max_pool(x: Features, ceil: bool) -> Features {
    match x {
        Features::Plane(x) => Features::Plane(max_pool2d(x, MaxPoolOptions::new([2, 2]).with_ceil_mode(ceil))),
        x => Features::Line(max_pool1d(x.flatten(), MaxPoolOptions::new([2]).with_ceil_mode(ceil))),
    }
}
