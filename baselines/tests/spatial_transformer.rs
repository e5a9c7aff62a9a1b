//! Affine sampling against plain loops, by finite differences, and within its network.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use baselines::layers::sample_affine;
use baselines::network::InputValues;
use baselines::{Features, Forward, Init, Input, InputSpec, Output, OutputSpec, registry};
use burn::tensor::{DType, Device, Tensor, TensorData};
use serde_json::json;

const BATCH: usize = 2;
const CHANNELS: usize = 3;
const HEIGHT: usize = 5;
const WIDTH: usize = 7;

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut source = Init::new(seed, &Device::flex());
    (0..n).map(|_| source.standard_normal()).collect()
}

fn tensor<const D: usize>(values: &[f64], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (&Device::flex().autodiff(), DType::F64))
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_to_vec().unwrap()
}

/// The definition of `grid_sample(x, affine_grid(theta), align_corners=False)`.
fn plain(x: &[f64], theta: &[f64]) -> Vec<f64> {
    let mut y = Vec::new();
    for b in 0..BATCH {
        let theta = &theta[b * 6..][..6];
        for c in 0..CHANNELS {
            let image = &x[(b * CHANNELS + c) * HEIGHT * WIDTH..][..HEIGHT * WIDTH];
            for (i, j) in (0..HEIGHT * WIDTH).map(|at| (at / WIDTH, at % WIDTH)) {
                let middle = |i: usize, n: usize| (2 * i + 1) as f64 / n as f64 - 1.0;
                let (u, v) = (middle(j, WIDTH), middle(i, HEIGHT));
                let across = ((theta[0] * u + theta[1] * v + theta[2] + 1.0) * WIDTH as f64 - 1.0) / 2.0;
                let down = ((theta[3] * u + theta[4] * v + theta[5] + 1.0) * HEIGHT as f64 - 1.0) / 2.0;
                let mut sum = 0.0;
                for (row, column) in (0..HEIGHT * WIDTH).map(|at| (at / WIDTH, at % WIDTH)) {
                    let near = |place: f64, pixel: usize| (1.0 - (place - pixel as f64).abs()).max(0.0);
                    sum += near(down, row) * near(across, column) * image[row * WIDTH + column];
                }
                y.push(sum);
            }
        }
    }
    y
}

/// Maps that turn, scale, shift, and leave the image.
fn maps() -> Vec<f64> {
    vec![0.9, -0.35, 0.13, 0.41, 0.77, -0.21, 1.7, 0.2, 0.9, -0.3, 1.4, 0.55]
}

#[test]
fn it_is_the_bilinear_value_between_pixels_and_zero_outside() {
    let x = noise(BATCH * CHANNELS * HEIGHT * WIDTH, 1);
    let shape = [BATCH, CHANNELS, HEIGHT, WIDTH];
    let found = read(sample_affine(tensor(&x, shape), tensor(&maps(), [BATCH, 2, 3])));
    for (a, b) in found.iter().zip(plain(&x, &maps())) {
        assert!((a - b).abs() < 1e-12, "{a} instead of {b}");
    }
    let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0].repeat(BATCH);
    let same = read(sample_affine(tensor(&x, shape), tensor(&identity, [BATCH, 2, 3])));
    assert!(same.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12));
}

#[test]
fn gradients_agree_with_finite_differences() {
    let n = BATCH * CHANNELS * HEIGHT * WIDTH;
    let (x, g, theta) = (noise(n, 2), noise(n, 3), maps());
    let shape = [BATCH, CHANNELS, HEIGHT, WIDTH];
    let (xs, thetas) = (tensor(&x, shape).require_grad(), tensor(&theta, [BATCH, 2, 3]).require_grad());
    let grads = (sample_affine(xs.clone(), thetas.clone()) * tensor(&g, shape)).sum().backward();
    let (dx, d_theta) = (read(xs.grad(&grads).unwrap()), read(thetas.grad(&grads).unwrap()));
    let loss = |x: &[f64], theta: &[f64]| plain(x, theta).iter().zip(&g).map(|(y, g)| y * g).sum::<f64>();
    let step = 1e-6;
    let numeric = |values: &[f64], at: usize, loss: &dyn Fn(&[f64]) -> f64| {
        let shifted = |by: f64| {
            let mut values = values.to_vec();
            values[at] += by;
            loss(&values)
        };
        (shifted(step) - shifted(-step)) / (2.0 * step)
    };
    for (at, found) in dx.iter().enumerate() {
        let expected = numeric(&x, at, &|x| loss(x, &theta));
        assert!((found - expected).abs() < 1e-7, "x[{at}]: {found} instead of {expected}");
    }
    for (at, found) in d_theta.iter().enumerate() {
        let expected = numeric(&theta, at, &|theta| loss(&x, theta));
        assert!((found - expected).abs() < 1e-6, "theta[{at}]: {found} instead of {expected}");
    }
}

#[test]
fn the_network_starts_as_the_small_cnn() {
    let input = InputSpec::Values { channels: 1, shape: vec![20, 20] };
    let image: Vec<f32> = noise(2 * 400, 4).into_iter().map(|v| v as f32).collect();
    let run = |name: &str| {
        let entry = registry::find(name).unwrap();
        let mut model =
            (entry.build)(&json!({"width": 4}), &input, &OutputSpec::Classes(3), 5, &Device::flex()).unwrap();
        // The weights that both have, from a source of their own, whatever the order in which they are drawn.
        model.replace(&mut |name, value| {
            let n = value.dims()[0];
            let own = name.replace("body.cnn.", "body.");
            let shared = own.starts_with("body.convs.") || own.starts_with("head.");
            let seed = own.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
            let values: Vec<f32> = noise(n, seed).into_iter().map(|v| 0.2 * v as f32).collect();
            shared.then(|| Tensor::from_data(TensorData::new(values, [n]), &Device::flex()))
        });
        let x = Tensor::<4>::from_data(TensorData::new(image.clone(), [2, 1, 20, 20]), &Device::flex());
        let input = Input { values: InputValues::Values(Features::Plane(x)), lengths: None };
        let Output::Sample(y) = model.evaluator().forward(input, &mut Forward::evaluation()) else {
            panic!("per step")
        };
        y.into_data().try_to_vec::<f32>().unwrap()
    };
    let (stn, cnn) = (run("stn"), run("cnn"));
    assert!(stn.iter().zip(&cnn).all(|(a, b)| (a - b).abs() < 1e-4), "{stn:?} instead of {cnn:?}");
}
