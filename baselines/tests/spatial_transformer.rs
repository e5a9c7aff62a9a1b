//! Affine grids and bilinear sampling against plain loops in f64.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use baselines::Init;
use baselines::layers::convolution::spatial_transformer::{affine_grid, grid_sample};
use baselines::models::convolutional::stn::Localisation;
use burn::tensor::{Device, Tensor};
use support::{check_gradient, read, tensor, values};

/// An image `[channels][height][width]` under `theta`, by the definition.
fn plain(image: &[f64], [channels, height, width]: [usize; 3], theta: &[f64], [oh, ow]: [usize; 2]) -> Vec<f64> {
    let pixel = |c: usize, row: f64, column: f64| {
        let inside = row >= 0.0 && column >= 0.0 && row < height as f64 && column < width as f64;
        if inside { image[(c * height + row as usize) * width + column as usize] } else { 0.0 }
    };
    let mut out = Vec::new();
    for c in 0..channels {
        for (i, j) in (0..oh * ow).map(|at| (at / ow, at % ow)) {
            let (x, y) = ((2 * j + 1) as f64 / ow as f64 - 1.0, (2 * i + 1) as f64 / oh as f64 - 1.0);
            let (gx, gy) = (theta[0] * x + theta[1] * y + theta[2], theta[3] * x + theta[4] * y + theta[5]);
            let column = ((gx + 1.0) * width as f64 - 1.0) / 2.0;
            let row = ((gy + 1.0) * height as f64 - 1.0) / 2.0;
            let mut value = 0.0;
            for near_row in [row.floor(), row.floor() + 1.0] {
                for near_column in [column.floor(), column.floor() + 1.0] {
                    let share = (1.0 - (row - near_row).abs()) * (1.0 - (column - near_column).abs());
                    value += share * pixel(c, near_row, near_column);
                }
            }
            out.push(value);
        }
    }
    out
}

/// A rotation with shear and shift that reaches over two edges.
const TURNED: [f64; 6] = [0.83, -0.41, 0.17, 0.36, 1.21, -0.23];

fn view(image: Tensor<4>, theta: Tensor<3>, size: [usize; 2]) -> Tensor<3> {
    grid_sample(image, affine_grid(theta, size))
}

#[test]
fn sampling_is_that_of_the_plain_loop() {
    let (shape, out) = ([2, 5, 7], [4, 6]);
    let image = values(2 * 70, 1);
    let far = [1.0, 0.0, 5.0, 0.0, 1.0, 0.0];
    for second in [TURNED, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0, 0.5, 0.0], far] {
        let theta = [TURNED, second].concat();
        let found = read(view(tensor(&image, [2, 2, 5, 7]), tensor(&theta, [2, 2, 3]), out));
        let expected = [plain(&image[..70], shape, &TURNED, out), plain(&image[70..], shape, &second, out)].concat();
        for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
            assert!((a - b).abs() < 1e-12, "{second:?} [{i}]: {a} instead of {b}");
        }
        assert!(second != far || found[48..].iter().all(|&v| v == 0.0), "zeros around");
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    let image = values(2 * 2 * 5 * 6, 2);
    let theta = [TURNED, [0.61, 0.2, -0.31, -0.15, 0.7, 0.13]].concat();
    // No point lies on the centre line of pixels, where the slope changes.
    let weights = tensor(&values(2 * 2 * 20, 3), [2, 2, 20]);
    let loss = |image: Tensor<4>, theta: Tensor<3>| (view(image, theta, [4, 5]) * weights.clone()).sum();
    check_gradient("image", &image, [2, 2, 5, 6], |x| loss(x, tensor(&theta, [2, 2, 3])));
    check_gradient("theta", &theta, [2, 2, 3], |theta| loss(tensor(&image, [2, 2, 5, 6]), theta));
}

#[test]
fn the_identity_leaves_an_image_alone() {
    let image = values(3 * 24 * 18, 4);
    let x = tensor(&image, [1, 3, 24, 18]);
    let found = read(view(x, tensor(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0], [1, 2, 3]), [24, 18]));
    assert!(found.iter().zip(&image).all(|(a, b)| (a - b).abs() < 1e-13));
}

#[test]
fn localisation_starts_at_the_identity_and_learns() {
    let device = Device::flex().autodiff();
    let network = Localisation::new(1, &[28, 28], &mut Init::new(1, &device)).unwrap();
    let data = values(2 * 784, 5);
    let x = Tensor::<4>::from_data(burn::tensor::TensorData::new(data.clone(), [2, 1, 28, 28]), &device);
    let theta = network.forward(x.clone());
    let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    assert_eq!(read(theta.clone()), [identity, identity].concat());
    // In f32 the identity is within rounding of it.
    let y = view(x.clone(), theta.clone(), [28, 28]);
    assert!(read(y.clone()).iter().zip(&data).all(|(a, b)| (a - b).abs() < 1e-5));
    let gradients = y.square().sum().backward();
    let weight = read(network.fc2.weight.val().grad(&gradients).unwrap());
    assert!(weight.iter().any(|g| g.abs() > 1e-3), "the map moves away from the identity");
    assert_eq!(Localisation::new(1, &[28, 17], &mut Init::new(1, &device)).unwrap_err().field, "");
}
