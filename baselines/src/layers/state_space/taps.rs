//! Steps, taps and draws that the state-space layers share.

use burn::tensor::Tensor;
use nalgebra::Complex;

use crate::{Forward, Init};

/// Step for inputs of `length` samples relative to that of training on `trained` ones.
///
/// It is 1 / resolution. At the resolution of training it is the step under which a kernel covers the same time.
pub(crate) fn rate(trained: usize, length: usize, ctx: &Forward<'_>) -> f64 {
    match ctx.resolution() {
        1.0 => trained as f64 / length as f64,
        resolution => 1.0 / resolution,
    }
}

/// Taps of a causal convolution, oldest first, `[channels, taps]`.
///
/// They are those of `kernel`, `[channels, taps]`, whose first tap multiplies the current sample; the skip connection `skip`,
/// `[channels, 1]`, is added to that tap.
pub(crate) fn causal(kernel: Tensor<2>, skip: Tensor<2>) -> Tensor<2> {
    let taps = kernel.dims()[1];
    let current = kernel.clone().narrow(1, 0, 1) + skip;
    if taps == 1 {
        return current;
    }
    Tensor::cat(vec![kernel.narrow(1, 1, taps - 1).flip([1]), current], 1)
}

/// A draw of the complex normal distribution of variance 1.
pub(crate) fn complex_normal(init: &mut Init) -> Complex<f64> {
    let half = std::f64::consts::FRAC_1_SQRT_2;
    Complex::new(half * init.standard_normal(), half * init.standard_normal())
}
