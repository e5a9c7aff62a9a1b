//! Resampling of images under an affine map (Jaderberg et al. 2015, arXiv 1506.02025, section 3), as PyTorch has it.

use burn::tensor::{Tensor, TensorData};

use kernels::MatmulF32;

/// The place of every output pixel in the input under `theta`, `[batch, 2, 3]`: `[batch, 2, height · width]`.
///
/// x stands before y; −1 and 1 are the outer edges of the outer pixels. As
/// `torch.nn.functional.affine_grid(align_corners=False)`, with the coordinates in front of the positions.
pub fn affine_grid(theta: Tensor<3>, [height, width]: [usize; 2]) -> Tensor<3> {
    let centre = |i: usize, n: usize| (2 * i + 1) as f64 / n as f64 - 1.0;
    let pixels = height * width;
    let mut values = Vec::with_capacity(3 * pixels);
    values.extend((0..pixels).map(|i| centre(i % width, width)));
    values.extend((0..pixels).map(|i| centre(i / width, height)));
    values.extend(std::iter::repeat_n(1.0, pixels));
    let options = (&theta.device(), theta.dtype());
    let base = Tensor::<2>::from_data(TensorData::new(values, [3, pixels]), options);
    let [batch, rows, columns] = theta.dims();
    // Coordinates of few bits would move pixels.
    theta.reshape([batch * rows, columns]).matmul_f32(base).reshape([batch, rows, pixels])
}

/// Samples `image`, `[batch, channels, height, width]`, at the points of `grid`, `[batch, 2, points]`.
///
/// Interpolates bilinearly with zeros around, as `torch.nn.functional.grid_sample(align_corners=False)`, to
/// `[batch, channels, points]`. Gradients reach the image and the grid.
pub fn grid_sample(image: Tensor<4>, grid: Tensor<3>) -> Tensor<3> {
    let [batch, channels, height, width] = image.dims();
    let x = Axis::new(grid.clone().narrow(1, 0, 1), width);
    let y = Axis::new(grid.narrow(1, 1, 1), height);
    let pixels = image.reshape([batch, channels, height * width]);
    let corner = |right: bool, below: bool| {
        let (x, y) = (x.end(right), y.end(below));
        let at = (y.pixel * width as i64 + x.pixel).repeat_dim(1, channels);
        pixels.clone().gather(2, at) * (x.weight * y.weight)
    };
    corner(false, false) + corner(true, false) + corner(false, true) + corner(true, true)
}

/// Points along one axis of `size` pixels.
struct Axis {
    /// In pixels, 0 being the centre of the first: `[batch, 1, points]`.
    at: Tensor<3>,
    /// The pixel at or before each point.
    before: Tensor<3>,
    size: usize,
}

/// One of the two pixels around every point.
struct End {
    /// Its index, moved inside where it is outside: `[batch, 1, points]`.
    pixel: Tensor<3, burn::tensor::Int>,
    /// Its share of the value, zero where it is outside: `[batch, 1, points]`.
    weight: Tensor<3>,
}

impl Axis {
    fn new(coordinates: Tensor<3>, size: usize) -> Self {
        let at = ((coordinates + 1.0) * size as f64 - 1.0) * 0.5;
        // Which pixel it is has no derivative; the shares of the two have.
        let before = at.clone().detach().floor();
        Self { at, before, size }
    }

    fn end(&self, after: bool) -> End {
        let share = self.at.clone() - self.before.clone();
        let (pixel, share) =
            if after { (self.before.clone() + 1.0, share) } else { (self.before.clone(), share.neg() + 1.0) };
        let last = (self.size - 1) as f64;
        let outside = pixel.clone().lower_scalar(0.0).bool_or(pixel.clone().greater_scalar(last));
        End { pixel: pixel.clamp(0.0, last).int(), weight: share.mask_fill(outside, 0.0) }
    }
}
