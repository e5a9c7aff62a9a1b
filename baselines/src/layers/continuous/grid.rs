//! The points at which kernels are sampled.

use burn::tensor::{Device, Tensor, TensorData};

/// `n` equidistant points from −1 to 1, see [`linspace_to`].
pub fn linspace(n: usize) -> Vec<f32> {
    linspace_to(1.0, n)
}

/// `n` equidistant points from −1 to `end` in float32, bit for bit those of `torch.linspace`.
///
/// They are counted from the nearer end, with fused multiply-add. Kernels with frequencies of 10⁴ and more per unit notice
/// the last bit.
pub fn linspace_to(end: f32, n: usize) -> Vec<f32> {
    if n < 2 {
        return vec![-1.0; n];
    }
    let step = (end + 1.0) / (n - 1) as f32;
    (0..n)
        .map(|i| if i < n / 2 { step.mul_add(i as f32, -1.0) } else { (-step).mul_add((n - 1 - i) as f32, end) })
        .collect()
}

/// All combinations of the points of every axis, axis 0 slowest: `[axes, points]`.
pub fn grid(axes: &[Vec<f32>], device: &Device) -> Tensor<2> {
    let points = axes.iter().map(Vec::len).product::<usize>();
    let mut values = Vec::with_capacity(axes.len() * points);
    for (d, axis) in axes.iter().enumerate() {
        let inner = axes[d + 1..].iter().map(Vec::len).product::<usize>();
        values.extend((0..points).map(|i| axis[i / inner % axis.len()]));
    }
    Tensor::from_data(TensorData::new(values, [axes.len(), points]), device)
}

/// Multiplies the last tap of a causal kernel `[kernels, taps]` by (1 + r) / 2 at resolution r.
///
/// The last tap is that of the current position. A sum over the taps is the integral of the kernel by the trapezoidal rule plus one half of either end, times the step. The
/// far end is small, but a causal kernel begins at its largest: with the half of a coarser step it would weigh more than in
/// training. The factor keeps that half as large as it was, and so makes the error of resampling one of second order.
pub fn first_tap(kernel: Tensor<2>, resolution: f64) -> Tensor<2> {
    if resolution == 1.0 {
        return kernel;
    }
    let [_, taps] = kernel.dims();
    let mut weights = vec![1.0f32; taps];
    if let Some(last) = weights.last_mut() {
        *last = ((1.0 + resolution) / 2.0) as f32;
    }
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [1, taps]), &kernel.device());
    kernel * weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linspace_is_that_of_torch() {
        // torch.linspace(-1, 1, 64), elements 1, 2, 3, 31, 32, 62 and 63.
        let points = linspace(64);
        let bits = [1, 2, 3, 31, 32, 62, 63].map(|i: usize| points[i].to_bits());
        assert_eq!(bits, TORCH_64);
        assert_eq!(linspace(3), [-1.0, 0.0, 1.0]);
        for n in [17, 784, 1023] {
            let points = linspace(n);
            assert!((0..n).all(|i| points[i] == -points[n - 1 - i] || n % 2 == 1 && i == n / 2), "{n} points");
        }
    }

    const TORCH_64: [u32; 7] =
        [0xbf77_df7e, 0xbf6f_befc, 0xbf67_9e7a, 0xbc82_0802, 0x3c82_0802, 0x3f77_df7e, 0x3f80_0000];

    #[test]
    fn grid_runs_over_the_last_axis_first() {
        let values = grid(&[vec![1.0, 2.0], vec![3.0, 4.0, 5.0]], &Device::flex());
        assert_eq!(values.dims(), [2, 6]);
        let expected = TensorData::from([[1.0f32, 1.0, 1.0, 2.0, 2.0, 2.0], [3.0, 4.0, 5.0, 3.0, 4.0, 5.0]]);
        values.into_data().assert_eq(&expected, true);
    }
}
