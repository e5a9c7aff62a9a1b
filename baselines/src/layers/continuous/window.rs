//! The part of a kernel's grid that a Gaussian mask leaves.

use std::ops::Range;

use super::grid::linspace;
use crate::BuildError;

/// The grid of a kernel over [−1, 1] per axis, and the part of it that a Gaussian mask leaves.
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
    /// Size of an image kernel per axis unless set: 33, or the input's `size` made odd where that is less.
    pub(crate) fn image_size(size: usize) -> usize {
        (size | 1).min(33)
    }

    /// Checks the sizes; `centred` names a kernel that needs a middle.
    ///
    /// # Errors
    /// A size of zero, or an even one of a kernel that is not causal.
    pub(crate) fn checked(self, centred: &str) -> Result<Self, BuildError> {
        if self.sizes.contains(&0) {
            return Err(BuildError::new("kernel_size", "must be at least 1"));
        }
        if !self.causal
            && let Some(even) = self.sizes.iter().find(|&&n| n % 2 == 0)
        {
            let message = format!("{even} is even, and {centred} needs a middle: use {}", even + 1);
            return Err(BuildError::new("kernel_size", message));
        }
        Ok(self)
    }

    /// Mean of a mask that does not learn it, on every axis: the current position.
    pub fn mean(&self) -> f32 {
        if self.causal { 1.0 } else { 0.0 }
    }

    /// Distance from the mean, in widths, at which a mask falls to the threshold.
    fn reach(&self) -> f32 {
        (-2.0 * (self.threshold as f32).ln()).sqrt()
    }

    /// Points kept per axis under masks of the given widths around [`mean`](Self::mean), by CCNN's float32 rules.
    ///
    /// Source: github.com/david-knigge/ccnn, `ckconv/nn/flexconv.py`.
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

    /// Points kept per axis under masks of the given means and widths, by FlexNet's float32 rules.
    ///
    /// It looks for the first point within the mask; source: github.com/rjbruin/flexconv, `ckconv/nn/ckconv.py`.
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

    /// The smallest ranges around the kept ones whose lengths are multiples of `multiple`.
    ///
    /// The current position stays at the same place of a kernel. An axis without room for them keeps its whole grid.
    pub fn round_up(&self, ranges: &[Range<usize>], multiple: usize) -> Vec<Range<usize>> {
        let round = |(&size, range): (&usize, &Range<usize>)| {
            let taps = range.len().next_multiple_of(multiple);
            let ahead = if self.causal { 0 } else { taps - taps / 2 };
            let end = if self.causal { size } else { size / 2 + ahead };
            if end > size || taps > end { 0..size } else { end - taps..end }
        };
        self.sizes.iter().zip(ranges).map(round).collect()
    }

    /// Grid points of the kept ranges at `resolution` times the points of training, per axis.
    ///
    /// They start from the current position, in steps `resolution` times smaller, and cover the interval that the ranges cover
    /// at training.
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
}
