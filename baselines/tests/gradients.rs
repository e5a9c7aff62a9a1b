//! Gradients of the fused kernels against central differences in f64. (Recurrences and state-space kernels have theirs
//! beside their definitions.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use baselines::kernels::{
    Activation, Alignment, Precision, Taps, activate_and_add, add_and_activate, batch_norm, channel_affine,
    channel_bias, conv2d, gabor, gelu, glu, layer_norm, long_conv1d, long_conv1d_dense, long_conv2d, long_conv2d_dense,
    masked, pointwise, weighted_sum,
};
use burn::tensor::Tensor;
use support::{check_gradient, tensor, values};

/// Σ w · y with fixed weights, so that every output counts differently.
fn weigh<const D: usize>(y: Tensor<D>) -> Tensor<1> {
    let n = y.dims().iter().product();
    let weights = tensor(&values(n, 99), y.dims());
    (y * weights).sum()
}

#[test]
fn activations_and_normalisation() {
    let x = values(60, 1);
    check_gradient("gelu", &x, [3, 4, 5], |x| weigh(gelu(x)));
    check_gradient("glu", &x, [3, 4, 5], |x| weigh(glu(x)));
    check_gradient("layer norm", &x, [3, 4, 5], |x| weigh(layer_norm(x, 1e-3)));
    check_gradient("layer norm rows", &x, [3, 20, 1], |x| weigh(layer_norm(x, 1e-3)));
}

#[test]
fn batch_normalisation() {
    let (x, gamma, beta) = (values(60, 1), values(4, 2), values(4, 3));
    let input = || tensor(&x, [3, 4, 5]);
    let (scale, shift) = (|| tensor(&gamma, [4]), || tensor(&beta, [4]));
    check_gradient("input", &x, [3, 4, 5], |x| weigh(batch_norm(x, scale(), shift(), 1e-3).0));
    check_gradient("gamma", &gamma, [4], |gamma| weigh(batch_norm(input(), gamma, shift(), 1e-3).0));
    check_gradient("beta", &beta, [4], |beta| weigh(batch_norm(input(), scale(), beta, 1e-3).0));
}

#[test]
fn maps_over_channels() {
    let (x, weight, bias) = (values(60, 1), values(24, 2), values(6, 3));
    let input = || tensor(&x, [3, 4, 5]);
    let (map, offset) = (|| tensor(&weight, [6, 4]), || tensor(&bias, [6]));
    check_gradient("pointwise input", &x, [3, 4, 5], |x| weigh(pointwise(x, map(), offset(), Precision::Float32)));
    check_gradient("pointwise weight", &weight, [6, 4], |weight| {
        weigh(pointwise(input(), weight, offset(), Precision::Float32))
    });
    check_gradient("pointwise bias", &bias, [6], |bias| weigh(pointwise(input(), map(), bias, Precision::Float32)));
    let (scale, shift) = (values(4, 4), values(4, 5));
    let (factor, offset) = (|| tensor(&scale, [4]), || tensor(&shift, [4]));
    check_gradient("affine input", &x, [3, 4, 5], |x| weigh(channel_affine(x, factor(), offset())));
    check_gradient("affine scale", &scale, [4], |scale| weigh(channel_affine(input(), scale, offset())));
    check_gradient("affine shift", &shift, [4], |shift| weigh(channel_affine(input(), factor(), shift)));
    check_gradient("bias", &shift, [4], |shift| weigh(channel_bias(input(), shift)));
}

#[test]
fn long_convolutions_of_lines() {
    // Short kernels are summed directly, long ones go through spectra.
    for alignment in [Alignment::Causal, Alignment::Centred] {
        for (length, taps) in [(9, 3), (150, 141)] {
            let (x, k) = (values(2 * length, 1), values(2 * taps, 2));
            let (input, kernel) = (|| tensor(&x, [1, 2, length]), || tensor(&k, [2, taps]));
            let what = format!("{alignment:?} {length} {taps}");
            check_gradient(&what, &x, [1, 2, length], |x| weigh(long_conv1d(x, kernel(), alignment)));
            check_gradient(&what, &k, [2, taps], |k| weigh(long_conv1d(input(), k, alignment)));
            let k = values(6 * taps, 3);
            let kernel = || tensor(&k, [3, 2, taps]);
            check_gradient(&what, &x, [1, 2, length], |x| weigh(long_conv1d_dense(x, kernel(), alignment)));
            check_gradient(&what, &k, [3, 2, taps], |k| weigh(long_conv1d_dense(input(), k, alignment)));
        }
    }
}

#[test]
fn long_convolutions_of_planes() {
    for (side, taps) in [(5, 3), (12, 11)] {
        let (x, k) = (values(2 * side * side, 1), values(2 * taps * taps, 2));
        let shape = [1, 2, side, side];
        let (input, kernel) = (|| tensor(&x, shape), || tensor(&k, [2, taps, taps]));
        let what = format!("{side} {taps}");
        check_gradient(&what, &x, shape, |x| weigh(long_conv2d(x, kernel(), Alignment::Centred)));
        check_gradient(&what, &k, [2, taps, taps], |k| weigh(long_conv2d(input(), k, Alignment::Centred)));
        let k = values(6 * taps * taps, 3);
        let kernel = || tensor(&k, [3, 2, taps, taps]);
        check_gradient(&what, &x, shape, |x| weigh(long_conv2d_dense(x, kernel(), Alignment::Centred)));
        check_gradient(&what, &k, [3, 2, taps, taps], |k| weigh(long_conv2d_dense(input(), k, Alignment::Centred)));
    }
}

#[test]
fn chains_of_activation_dropout_and_shortcut() {
    let (x, r) = (values(60, 1), values(60, 2));
    let shape = [3, 4, 5];
    let drop = |n: usize| -> Vec<f64> { (0..n).map(|i| if i % 3 == 0 { 0.0 } else { 1.5 }).collect() };
    for curve in [Activation::Identity, Activation::Gelu, Activation::Relu] {
        for positions in [1, 5] {
            let mask = || tensor(&drop(12 * positions), [3, 4, positions]);
            check_gradient(&format!("{curve:?} masked"), &x, shape, |x| weigh(masked(x, mask(), 1.5, curve)));
        }
        let (input, shortcut) = (|| tensor(&x, shape), || tensor(&r, shape));
        let what = format!("{curve:?} and shortcut");
        check_gradient(&what, &x, shape, |x| weigh(activate_and_add(x, shortcut(), curve)));
        check_gradient(&what, &r, shape, |r| weigh(activate_and_add(input(), r, curve)));
        check_gradient(&what, &x, shape, |x| weigh(add_and_activate(x, shortcut(), curve)));
        check_gradient(&what, &r, shape, |r| weigh(add_and_activate(input(), r, curve)));
    }
}

#[test]
fn weighted_sums() {
    let x = values(60, 1);
    for samples in [1, 3] {
        let weights = || tensor(&values(samples * 5, 2), [samples, 1, 5]);
        check_gradient("weighted sum", &x, [3, 4, 5], |x| weigh(weighted_sum(x, weights())));
    }
    let last = || tensor(&[0.0, 0.0, 0.0, 1.0, 0.0], [1, 1, 5]);
    check_gradient("one position", &x, [3, 4, 5], |x| weigh(weighted_sum(x, last())));
}

#[test]
fn convolutions_of_few_taps() {
    for (size, kernel, stride, dilation, padding) in [
        ([5, 6], [3, 3], [1, 1], [1, 1], [1, 1]),
        ([5, 6], [3, 3], [2, 2], [1, 1], [1, 1]),
        ([6, 5], [1, 1], [2, 2], [1, 1], [0, 0]),
        ([1, 9], [1, 3], [1, 1], [1, 2], [0, 2]),
        ([7, 8], [2, 3], [3, 2], [2, 1], [0, 3]),
    ] {
        let taps = Taps { stride, dilation, padding };
        let what = format!("{taps:?}");
        let (shape, weight_shape) = ([2, 3, size[0], size[1]], [4, 3, kernel[0], kernel[1]]);
        let (x, w) = (values(6 * size[0] * size[1], 1), values(12 * kernel[0] * kernel[1], 2));
        let (input, weight) = (|| tensor(&x, shape), || tensor(&w, weight_shape));
        check_gradient(&what, &x, shape, |x| weigh(conv2d(x, weight(), taps)));
        check_gradient(&what, &w, weight_shape, |w| weigh(conv2d(input(), w, taps)));
    }
}

#[test]
fn gabor_filters() {
    for (axes, widths) in [(1, 1), (2, 2), (2, 1)] {
        let at = |n: usize, seed: u64| -> Vec<f64> { values(n, seed).iter().map(|v| 3.0 * v).collect() };
        let (x, w, b) = (at(axes * 7, 1), at(3 * axes, 2), at(3, 3));
        let (m, c) = (at(3 * axes, 4), at(3 * widths, 5));
        let positions = || tensor(&x, [axes, 7]);
        let (weight, bias) = (|| tensor(&w, [3, axes]), || tensor(&b, [3]));
        let (mu, gamma) = (|| tensor(&m, [3, axes]), || tensor(&c, [3, widths]));
        check_gradient("positions", &x, [axes, 7], |x| weigh(gabor(x, weight(), bias(), mu(), gamma())));
        check_gradient("frequencies", &w, [3, axes], |w| weigh(gabor(positions(), w, bias(), mu(), gamma())));
        check_gradient("phases", &b, [3], |b| weigh(gabor(positions(), weight(), b, mu(), gamma())));
        check_gradient("centres", &m, [3, axes], |m| weigh(gabor(positions(), weight(), bias(), m, gamma())));
        check_gradient("widths", &c, [3, widths], |c| weigh(gabor(positions(), weight(), bias(), mu(), c)));
    }
}
