//! Convolutions and the networks made of them: shapes of influence, shortcuts, gradients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use baselines::layers::convolution::conv::{CausalConv, Geometry, convolve};
use baselines::layers::convolution::resnet::zero_padded;
use baselines::models::convolutional::tcn::{Tcn, TcnConfig};
use baselines::{Baseline, Body, BodySpec, Features, Forward, Init};
use burn::tensor::module::{avg_pool1d, avg_pool2d, conv3d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions};
use burn::tensor::{Device, Tensor};
use support::{check_gradient, read, tensor, values};

/// Whether the gradient of `Σ weights · convolve(x, k)` is that of central differences, at every element of x and of k.
fn check_convolution(x_shape: &[usize], k_shape: [usize; 3], geometry: Geometry) {
    let (x, k) = (values(x_shape.iter().product(), 1), values(k_shape.iter().product(), 2));
    let features = |x: &[f64]| match *x_shape {
        [b, c, l] => Features::Line(tensor(x, [b, c, l]).require_grad()),
        [b, c, h, w] => Features::Plane(tensor(x, [b, c, h, w]).require_grad()),
        [b, c, d, h, w] => Features::Volume(tensor(x, [b, c, d, h, w]).require_grad()),
        _ => panic!("one to three axes of positions"),
    };
    let loss = |x: Features, k: Tensor<3>| {
        let y = convolve(x, k, None, geometry).flatten();
        let weights = values(y.dims().iter().product(), 3);
        (y.clone() * tensor(&weights, y.dims())).sum()
    };
    let (x_leaf, k_leaf) = (features(&x), tensor(&k, k_shape).require_grad());
    let gradients = loss(x_leaf.clone(), k_leaf.clone()).backward();
    let dx = match x_leaf {
        Features::Line(x) => read(x.grad(&gradients).unwrap()),
        Features::Plane(x) => read(x.grad(&gradients).unwrap()),
        Features::Volume(x) => read(x.grad(&gradients).unwrap()),
    };
    let dk = read(k_leaf.grad(&gradients).unwrap());
    let value = |x: &[f64], k: &[f64]| read(loss(features(x), tensor(k, k_shape)))[0];
    // The loss is linear in x and in k: any step is exact but for rounding.
    let step = 0.5;
    let mut moved = x.clone();
    for i in 0..x.len() {
        moved[i] = x[i] + step;
        let numeric = (value(&moved, &k) - value(&x, &k)) / step;
        moved[i] = x[i];
        assert!((numeric - dx[i]).abs() < 1e-9, "{geometry:?} x[{i}]: {numeric} numeric, {} analytic", dx[i]);
    }
    let mut moved = k.clone();
    for i in 0..k.len() {
        moved[i] = k[i] + step;
        let numeric = (value(&x, &moved) - value(&x, &k)) / step;
        moved[i] = k[i];
        assert!((numeric - dk[i]).abs() < 1e-9, "{geometry:?} k[{i}]: {numeric} numeric, {} analytic", dk[i]);
    }
    assert!(dx.iter().chain(&dk).any(|g| g.abs() > 0.1), "{geometry:?}: the gradients vanish");
}

#[test]
fn gradients_of_convolutions_agree_with_finite_differences() {
    check_convolution(&[2, 2, 7], [3, 2, 3], Geometry::same(3));
    check_convolution(&[1, 2, 9], [2, 2, 3], Geometry { kernel: 3, stride: 1, dilation: 3, padding: 0 });
    check_convolution(&[1, 2, 7], [3, 2, 3], Geometry::same(3).strided(2));
    check_convolution(&[1, 2, 8], [3, 2, 1], Geometry::same(1).strided(2));
    check_convolution(&[1, 2, 5, 4], [3, 2, 9], Geometry::same(3).strided(2));
    check_convolution(&[1, 2, 5, 6], [2, 2, 9], Geometry::valid(3));
    check_convolution(&[1, 2, 3, 4, 3], [2, 2, 27], Geometry::same(3));
}

/// The three-dimensional convolution that CCNN runs on volumes, every channel with its own kernel.
#[test]
fn gradients_of_depthwise_volumes_agree_with_finite_differences() {
    let options = || ConvOptions::new([1; 3], [1, 2, 0], [1; 3], 2);
    let (x, k) = (values(2 * 2 * 3 * 4 * 3, 6), values(2 * 3 * 5, 7));
    let (x_shape, k_shape) = ([2, 2, 3, 4, 3], [2, 1, 3, 5, 1]);
    let loss = |x: Tensor<5>, k: Tensor<5>| {
        let y = conv3d(x, k, None, options());
        assert_eq!(y.dims(), x_shape);
        (y.square() * tensor(&values(2 * 2 * 36, 8), x_shape)).sum()
    };
    check_gradient("volume", &x, x_shape, |x| loss(x, tensor(&k, k_shape)));
    check_gradient("kernel", &k, k_shape, |k| loss(tensor(&x, x_shape), k));
}

#[test]
fn option_a_keeps_every_second_position_and_pads_channels_with_zeros() {
    let data = values(2 * 3 * 5, 4);
    let line = tensor::<3>(&data, [2, 3, 5]).require_grad();
    let y = zero_padded(Features::Line(line.clone()), 2, 5);
    assert_eq!(y.dims(), [2, 5, 3]);
    for (at, value) in read(y.clone()).into_iter().enumerate() {
        let (b, c, t) = (at / 15, at / 3 % 5, at % 3);
        let expected = if c < 3 { data[(b * 3 + c) * 5 + 2 * t] } else { 0.0 };
        assert_eq!(value, expected, "sample {b}, channel {c}, position {t}");
    }
    let gradient = read(line.grad(&y.sum().backward()).unwrap());
    assert!(gradient.iter().enumerate().all(|(i, &g)| g == if i % 5 % 2 == 0 { 1.0 } else { 0.0 }));
    // The same as pooling over windows of one position.
    let pooled = avg_pool1d(line.clone(), AvgPoolOptions::new([1]).with_stride([2]));
    assert_eq!(read(zero_padded(Features::Line(line), 2, 3)), read(pooled));
    let plane = tensor::<4>(&values(2 * 20, 5), [1, 2, 4, 5]);
    let pooled = avg_pool2d(plane.clone(), AvgPoolOptions::new([1, 1]).with_stride([2, 2]));
    assert_eq!(read(zero_padded(Features::Plane(plane), 2, 2)), read(pooled));
}

#[test]
fn weight_norm_is_that_of_pytorch() {
    let device = Device::flex().autodiff();
    let conv = CausalConv::torch([2, 3], 4, 2, &mut Init::new(1, &device));
    let (v, w) = (read(conv.weight_v.val()), read(conv.weight()));
    assert!(v.iter().zip(&w).all(|(v, w)| (v - w).abs() < 1e-6), "lengths match the directions at first");
    // A weight has the length g whatever the length of v.
    let mut doubled = conv.clone();
    doubled.weight_v = doubled.weight_v.map(|v| v * 2.0);
    assert!(read(doubled.weight()).iter().zip(&w).all(|(a, b)| (a - b).abs() < 1e-6));
    let mut longer = conv;
    longer.weight_g = longer.weight_g.map(|g| g * 3.0);
    assert!(read(longer.weight()).iter().zip(&w).all(|(a, b)| (a - 3.0 * b).abs() < 1e-6));
}

#[test]
fn tcn_sees_its_receptive_field_and_nothing_later() {
    let config = TcnConfig { levels: 3, hidden: 5, kernel_size: 3, dropout: 0.0 };
    let field = config.receptive_field();
    assert_eq!(field, 29);
    assert_eq!(TcnConfig::default().receptive_field(), 3061);
    let length = field + 6;
    let device = Device::flex().autodiff();
    let spec = BodySpec { channels: 2, shape: vec![length], per_step: true };
    let mut body = Tcn::build(&config, &spec, &mut Init::new(3, &device)).unwrap().body;
    // Positive weights and inputs keep every ReLU open, so that whatever can have influence has it.
    for block in &mut body.network {
        for conv in [&mut block.conv1, &mut block.conv2] {
            conv.weight_v = conv.weight_v.clone().map(|v| v.inner().abs().autodiff().require_grad());
            conv.bias = conv.bias.clone().map(|b| b.inner().abs().autodiff().require_grad());
        }
        block.downsample = block.downsample.take().map(|mut map| {
            map.weight = map.weight.map(|w| w.inner().abs().autodiff().require_grad());
            map
        });
    }
    for at in [0, 10, field - 1, length - 1] {
        let x = Tensor::<3>::ones([1, 2, length], &device).require_grad();
        let y = body.forward(Features::Line(x.clone()), &mut Forward::evaluation()).flatten();
        let gradient = read(x.grad(&y.narrow(2, at, 1).sum().backward()).unwrap());
        for (t, g) in gradient[..length].iter().enumerate() {
            let seen = t <= at && t + field > at;
            assert_eq!(*g != 0.0, seen, "output {at}, input {t}: {g}");
        }
    }
}
