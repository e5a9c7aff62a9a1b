//! Affine sampling of images, as `torch.nn.functional.affine_grid` and `grid_sample` with `align_corners=False` and zeros
//! outside the image (Jaderberg et al. 2015, arXiv 1506.02025, section 3).

use burn::tensor::{Tensor, TensorData};

/// Sample `x`, `[batch, channels, height, width]`, where the affine maps `theta`, `[batch, 2, 3]`, send the positions of an
/// image of the same size. Rows of `theta` give the coordinate along the width, then along the height; the image reaches
/// from −1 to 1 on both axes. Values lie between the four pixels around a place; outside the image they are zero.
pub fn sample_affine(x: Tensor<4>, theta: Tensor<3>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let positions = height * width;
    let places = theta.matmul(positions_of(height, width, &x));
    // From [−1, 1] to pixels: pixel 0 reaches from −1 to −1 + 2 / n.
    let pixels = |axis: usize, n: usize| {
        let place = places.clone().slice([0..batch, axis..axis + 1, 0..positions]);
        ((place + 1.0) * n as f64 - 1.0) * 0.5
    };
    let (across, down) = (pixels(0, width), pixels(1, height));
    let flat = x.reshape([batch, channels, positions]);
    let corner = |right: f64, below: f64| {
        let (column, column_weight) = neighbour(&across, right, width);
        let (row, row_weight) = neighbour(&down, below, height);
        let at = (row * width as f64 + column).int().repeat_dim(1, channels);
        flat.clone().gather(2, at) * (row_weight * column_weight)
    };
    let sum = corner(0.0, 0.0) + corner(1.0, 0.0) + corner(0.0, 1.0) + corner(1.0, 1.0);
    sum.reshape([batch, channels, height, width])
}

/// Homogeneous coordinates of the pixels' middles, row after row: `[1, 3, positions]`, of the type of `x`.
fn positions_of(height: usize, width: usize, x: &Tensor<4>) -> Tensor<3> {
    let middle = |i: usize, n: usize| (2 * i + 1) as f64 / n as f64 - 1.0;
    let across = (0..height * width).map(|at| middle(at % width, width));
    let down = (0..height * width).map(|at| middle(at / width, height));
    let values: Vec<f64> = across.chain(down).chain(std::iter::repeat_n(1.0, height * width)).collect();
    Tensor::from_data(TensorData::new(values, [1, 3, height * width]), (&x.device(), x.dtype()))
}

/// One of the two pixels around `place` on an axis of `n`: the one `step` (0 or 1) after the pixel before it, kept within
/// the image, and its weight, 1 minus the distance, zero outside. The pixel itself carries no gradient.
fn neighbour(place: &Tensor<3>, step: f64, n: usize) -> (Tensor<3>, Tensor<3>) {
    let pixel = place.clone().detach().floor() + step;
    let inside = pixel.clone().greater_equal_elem(0.0).bool_and(pixel.clone().lower_equal_elem((n - 1) as f64));
    let distance = (place.clone() - pixel.clone()) * if step == 0.0 { 1.0 } else { -1.0 };
    let weight = (distance.neg() + 1.0).mask_fill(inside.bool_not(), 0.0);
    (pixel.clamp(0.0, (n - 1) as f64), weight)
}
