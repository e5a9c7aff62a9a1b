//! The grid on which continuous kernels are sampled, and the part of it that a Gaussian mask leaves.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};

/// `n` equidistant points from −1 to 1, see [`linspace_to`].
pub fn linspace(n: usize) -> Vec<f32> {
    linspace_to(1.0, n)
}

/// `n` equidistant points from −1 to `end` in float32, bit for bit those of `torch.linspace`: counted from the nearer
/// end, with fused multiply-add. Kernels with frequencies of 10⁴ and more per unit notice the last bit.
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

/// A causal kernel `[kernels, taps]`, the tap of the current position last, with that tap multiplied by (1 + r) / 2 at
/// resolution r.
///
/// A sum over the taps is the integral of the kernel by the trapezoidal rule plus one half of either end, times the step. The
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

/// Where a kernel lives: its grid over [−1, 1] per axis, under a Gaussian mask.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Grid points per axis before cropping.
    pub sizes: Vec<usize>,
    /// Whether the last point is the current position (mask centred on 1) rather than the middle one (on 0).
    pub causal: bool,
    /// Points whose mask falls below this value are cropped, 0 (none) to 1 (exclusive).
    pub threshold: f64,
}

impl Window {
    /// Mean of a mask that does not learn it, on every axis: the current position.
    pub fn mean(&self) -> f32 {
        if self.causal { 1.0 } else { 0.0 }
    }

    /// Distance from the mean, in widths, at which a mask falls to the threshold.
    fn reach(&self) -> f32 {
        (-2.0 * (self.threshold as f32).ln()).sqrt()
    }

    /// Points kept per axis for masks of the given widths around [`mean`](Self::mean), by the float32 rules of CCNN
    /// (github.com/david-knigge/ccnn, `ckconv/nn/flexconv.py`).
    pub fn crop(&self, widths: &[f32]) -> Vec<Range<usize>> {
        self.sizes
            .iter()
            .zip(widths)
            .map(|(&size, &width)| {
                let step = 2.0 / (size.max(2) - 1) as f32;
                let extent = (width * self.reach()).abs();
                if self.causal {
                    let root = 1.0 - extent;
                    if root.abs() < 1.0 { (((root + 1.0) / step) as usize).min(size - 1)..size } else { 0..size }
                } else if extent < 1.0 {
                    let (kept, middle) = ((extent / step + 1e-8).ceil() as usize, size / 2);
                    (middle + 1).saturating_sub(kept)..(middle + kept).min(size)
                } else {
                    0..size
                }
            })
            .collect()
    }

    /// Points kept per axis for masks of the given means and widths, by the float32 rules of FlexNet
    /// (github.com/rjbruin/flexconv, `ckconv/nn/ckconv.py`), which looks for the first point within the mask.
    pub fn crop_learnt(&self, means_and_widths: &[[f32; 2]]) -> Vec<Range<usize>> {
        self.sizes
            .iter()
            .zip(means_and_widths)
            .map(|(&size, &[mean, width])| {
                let extent = width * self.reach();
                let roots = [mean - extent, mean + extent];
                let root = if self.causal { roots[0].min(roots[1]) } else { -roots[0].abs().max(roots[1].abs()) };
                if root.is_nan() || root.abs() >= 1.0 {
                    return 0..size;
                }
                let first = linspace(size).iter().position(|&point| root < point).unwrap_or(size - 1);
                if self.causal {
                    return first..size;
                }
                // At least the middle.
                let first = first.min((size - 1) / 2);
                first..size - first
            })
            .collect()
    }

    /// The smallest ranges around the kept ones, with the current position at the same place of a kernel, whose lengths are
    /// multiples of `multiple`; the whole grid where there is no room for them.
    pub fn round_up(&self, ranges: &[Range<usize>], multiple: usize) -> Vec<Range<usize>> {
        let round = |(&size, range): (&usize, &Range<usize>)| {
            let taps = range.len().next_multiple_of(multiple);
            let ahead = if self.causal { 0 } else { taps - taps / 2 };
            let end = if self.causal { size } else { size / 2 + ahead };
            if end > size || taps > end { 0..size } else { end - taps..end }
        };
        self.sizes.iter().zip(ranges).map(round).collect()
    }

    /// Grid points of the kept ranges at `resolution` times the points of training, per axis: the current position, and from
    /// there on in steps that are `resolution` times smaller, over the interval that the ranges cover at training.
    pub fn points_at(&self, ranges: &[Range<usize>], resolution: f64) -> Vec<Vec<f32>> {
        if resolution == 1.0 {
            return self.points(ranges);
        }
        let point = |(&size, range): (&usize, &Range<usize>)| {
            let step = 2.0 / (size.max(2) - 1) as f64 / resolution;
            let current = if self.causal { size - 1 } else { size / 2 };
            // Steps back that still lie within the interval; quotients of whole numbers are not exact.
            let back = (current.saturating_sub(range.start) as f64 * resolution + 1e-6).floor() as i64;
            let ahead = if self.causal { 0 } else { back };
            (-back..=ahead).map(|i| (f64::from(self.mean()) + i as f64 * step) as f32).collect()
        };
        self.sizes.iter().zip(ranges).map(point).collect()
    }

    /// Distance between two points of training, per axis; 2 where there is one point.
    pub fn steps(&self) -> Vec<f64> {
        self.sizes.iter().map(|&size| 2.0 / (size.max(2) - 1) as f64).collect()
    }

    /// Grid points of the kept ranges, per axis.
    pub fn points(&self, ranges: &[Range<usize>]) -> Vec<Vec<f32>> {
        self.sizes
            .iter()
            .zip(ranges)
            .map(|(&size, range)| match size {
                // A single point is the current position.
                1 => vec![self.mean()],
                _ => linspace(size)[range.clone()].to_vec(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taps(sizes: &[usize], causal: bool, width: f32) -> Vec<usize> {
        let window = Window { sizes: sizes.to_vec(), causal, threshold: 0.1 };
        window.crop(&vec![width; sizes.len()]).into_iter().map(|r| r.len()).collect()
    }

    #[test]
    fn causal_taps_match_the_reference() {
        for (size, width, expected) in [
            (784, 0.075, 65),
            (784, 0.4, 338),
            (1024, 0.075, 84),
            (1024, 0.4, 441),
            (16000, 0.075, 1289),
            (161, 0.075, 14),
            (2048, 0.03, 67),
            (4096, 0.015, 67),
            (4096, 0.03, 133),
        ] {
            assert_eq!(taps(&[size], true, width), [expected], "{size} points, width {width}");
        }
        assert_eq!(taps(&[784], true, 0.95), [784]);
    }

    #[test]
    fn centred_taps_match_the_reference() {
        for (width, expected) in [(0.075, 5), (0.225, 15), (0.4, 27), (0.5, 33), (0.75, 33)] {
            assert_eq!(taps(&[33, 33], false, width), [expected; 2], "width {width}");
        }
        assert_eq!(taps(&[63], false, 0.3), [39]);
        let window = Window { sizes: vec![33], causal: false, threshold: 0.1 };
        assert_eq!(window.crop(&[0.075]).as_slice(), std::slice::from_ref(&(14..19)));
        // A negative width means the same mask; not a number keeps everything.
        assert_eq!(window.crop(&[-0.075]).as_slice(), std::slice::from_ref(&(14..19)));
        assert_eq!(window.crop(&[f32::NAN]).as_slice(), std::slice::from_ref(&(0..33)));
        assert_eq!(window.crop(&[0.0]).as_slice(), std::slice::from_ref(&(16..17)));
    }

    #[test]
    fn ranges_are_rounded_up_around_the_current_position() {
        let round = |causal, size, range| {
            let window = Window { sizes: vec![size], causal, threshold: 0.1 };
            window.round_up(&[range], 8)[0].clone()
        };
        assert_eq!(round(true, 33, 30..33), 25..33);
        assert_eq!(round(true, 33, 25..33), 25..33);
        assert_eq!(round(true, 33, 24..33), 17..33);
        assert_eq!(round(true, 33, 0..33), 0..33);
        // Tap K / 2 is the current position, 16 of 33 and of 32.
        for size in [33, 32] {
            assert_eq!(round(false, size, 14..19), 12..20);
            assert_eq!(round(false, size, 12..21), 8..24);
            assert_eq!(round(false, size, 5..28), 4..28);
            assert_eq!(round(false, size, 4..29), 0..32);
        }
        assert_eq!(round(false, 31, 1..30), 0..31);
        assert_eq!(round(false, 33, 0..33), 0..33);
    }

    #[test]
    fn a_learnt_mask_is_cropped_at_its_first_point() {
        let window = |causal, threshold| Window { sizes: vec![33], causal, threshold };
        let crop = |causal, mean, width| window(causal, 0.1).crop_learnt(&[[mean, width]])[0].clone();
        // The reach is 2.146 widths, the step of the grid 1/16.
        assert_eq!(crop(false, 0.0, 0.075), 14..19);
        assert_eq!(crop(false, 0.2, 0.075), 11..22);
        assert_eq!(crop(false, -0.2, 0.075), 11..22);
        assert_eq!(crop(false, 0.9, 0.075), 0..33);
        assert_eq!(crop(false, 0.0, 0.0), 16..17);
        assert_eq!(crop(true, 1.0, 0.075), 30..33);
        assert_eq!(crop(true, 1.0, 1.0), 0..33);
        assert_eq!(crop(true, 0.0, 0.3), 6..33);
        assert_eq!(crop(true, f32::NAN, 0.3), 0..33);
        assert_eq!(window(false, 0.0).crop_learnt(&[[0.0, 0.075]])[0], 0..33);
        assert_eq!(window(true, 0.0).crop(&[0.075])[0], 0..33);
    }

    #[test]
    fn another_resolution_covers_the_same_interval_from_the_current_position_on() {
        let causal = Window { sizes: vec![9], causal: true, threshold: 0.1 };
        let at = |window: &Window, range: Range<usize>, resolution| window.points_at(&[range], resolution).remove(0);
        assert_eq!(at(&causal, 0..9, 0.5), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(at(&causal, 5..9, 0.5), [0.5, 1.0]);
        assert_eq!(at(&causal, 6..9, 2.0), [0.5, 0.625, 0.75, 0.875, 1.0]);
        assert_eq!(at(&causal, 8..9, 2.0), [1.0]);
        assert_eq!(at(&causal, 0..9, 1.0), linspace(9));
        let centred = Window { sizes: vec![9], causal: false, threshold: 0.1 };
        assert_eq!(at(&centred, 2..7, 0.5), [-0.5, 0.0, 0.5]);
        assert_eq!(at(&centred, 3..6, 2.0), [-0.25, -0.125, 0.0, 0.125, 0.25]);
        // Points outside the interval of training are left out.
        assert_eq!(at(&centred, 3..6, 0.75), [0.0]);
        let one = Window { sizes: vec![1], causal: true, threshold: 0.1 };
        assert_eq!(at(&one, 0..1, 2.0), [1.0]);
        assert_eq!(causal.steps(), [0.25]);
    }

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
