//! The kernels of a layer, some of them in full and all of them in numbers.

use vocabulary::record::inspection::{KernelInspection, MaskInspection, ShownKernel};

use super::radii::radii;
use super::reduce::{extremes, largest, map, rounded};
use super::spectrum::spectrum;
use crate::ReadError;
use crate::inspect::views::{FineKernels, Kernels, Mask, evenly};
use crate::read::read;

/// Kernels on a line that are shown.
const LINES: usize = 3;
/// Kernels on a plane that are shown.
const MAPS: usize = 3;

/// The record of `kernels` of `layer`; some of them are shown one by one if that is wanted.
///
/// # Errors
/// A kernel cannot be read from the device.
pub(super) fn inspect(kernels: Kernels, layer: &str, one_by_one: bool) -> Result<KernelInspection, ReadError> {
    let [count, taps] = kernels.values.dims();
    let values = read(kernels.values.clone().inner(), &format!("the kernels of {layer}"))?;
    let lags = Lags::of(&kernels);
    let mut by_lag = vec![(0.0f64, 0.0f64); lags.all()];
    for kernel in values.chunks_exact(taps.max(1)) {
        for (tap, &value) in kernel.iter().enumerate() {
            let (size, place) = (f64::from(value.abs()), &mut by_lag[lags.index(tap)]);
            if size > place.0 || size.is_nan() {
                place.0 = size;
            }
            place.1 += size;
        }
    }
    let largest_at: Vec<(i64, f64)> = by_lag.iter().enumerate().map(|(i, (most, _))| (lags.lag(i), *most)).collect();
    let largest_at = if lags.descending { largest_at.into_iter().rev().collect() } else { largest_at };
    let mut sums = vec![0.0; lags.farthest() + 1];
    for (index, (_, sum)) in by_lag.iter().enumerate() {
        sums[lags.lag(index).unsigned_abs() as usize] += sum;
    }
    let shown = if one_by_one { shown(&kernels, &values, layer)? } else { Vec::new() };
    let mask = |Mask { mean, width }: &Mask| MaskInspection { mean: rounded(*mean), width: rounded(*width) };
    Ok(KernelInspection {
        count,
        shape: kernels.shape.clone(),
        dilation: kernels.dilation,
        mask: kernels.mask.iter().map(mask).collect(),
        largest: largest(&largest_at),
        radii: radii(&sums),
        shown,
    })
}

/// Where the taps of kernels lie.
struct Lags<'k> {
    kernels: &'k Kernels,
    /// Whether a higher tap has a lower lag: on a line, where lags have a sign.
    descending: bool,
}

impl<'k> Lags<'k> {
    fn of(kernels: &'k Kernels) -> Self {
        Self { kernels, descending: kernels.shape.len() == 1 }
    }

    /// How many there are: on a line one per tap, else one per distance.
    fn all(&self) -> usize {
        if self.descending { self.kernels.shape[0] } else { self.distance_beyond() + 1 }
    }

    /// The largest number of taps between the current one and another along an axis.
    fn distance_beyond(&self) -> usize {
        let axes = self.kernels.shape.iter().zip(&self.kernels.current);
        axes.map(|(&size, &current)| current.max(size.saturating_sub(current + 1))).max().unwrap_or(0)
    }

    fn farthest(&self) -> usize {
        self.distance_beyond() * self.kernels.dilation
    }

    /// Which of them a tap has.
    fn index(&self, tap: usize) -> usize {
        if self.descending {
            return tap;
        }
        let (mut rest, mut distance) = (tap, 0);
        for (&size, &current) in self.kernels.shape.iter().zip(&self.kernels.current).rev() {
            distance = distance.max((rest % size).abs_diff(current));
            rest /= size;
        }
        distance
    }

    /// The lag of number `index`.
    fn lag(&self, index: usize) -> i64 {
        let dilation = self.kernels.dilation as i64;
        if self.descending {
            (self.kernels.current[0] as i64 - index as i64) * dilation
        } else {
            index as i64 * dilation
        }
    }
}

/// Some of the kernels, whose `values` are `[kernels, taps]`.
fn shown(kernels: &Kernels, values: &[f32], layer: &str) -> Result<Vec<ShownKernel>, ReadError> {
    let [count, taps] = kernels.values.dims();
    let lags = Lags::of(kernels);
    let on_line = kernels.shape.len() == 1;
    let one = |index: usize| -> Result<ShownKernel, ReadError> {
        let kernel = &values[index * taps..(index + 1) * taps];
        let mut shown = ShownKernel { index, curve: None, map: None, spectrum: None };
        if on_line {
            let points: Vec<(i64, f64)> = (0..taps).rev().map(|tap| (lags.lag(tap), f64::from(kernel[tap]))).collect();
            shown.curve = Some(extremes(&points));
            shown.spectrum = match &kernels.fine {
                None => spectrum(kernel, 1, kernels.dilation),
                Some(FineKernels { values, per_position }) => {
                    let row = values.clone().inner().narrow(0, index, 1);
                    spectrum(&read(row, &format!("a kernel of {layer}"))?, *per_position, kernels.dilation)
                }
            };
        } else if let &[rows, columns] = kernels.shape.as_slice() {
            let values: Vec<f64> = kernel.iter().map(|&value| f64::from(value)).collect();
            shown.map = Some(map(&values, [rows, columns], [kernels.current[0], kernels.current[1]]));
        }
        Ok(shown)
    };
    evenly(count, if on_line { LINES } else { MAPS }).into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use burn::tensor::{Device, Tensor, TensorData};
    use vocabulary::record::inspection::Radii;

    use super::*;

    fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    #[test]
    fn lags_of_causal_kernels_count_backwards_from_the_last_tap() {
        let values = tensor(vec![1.0, -5.0, 2.0, 0.0, 3.0, -4.0], [2, 3]);
        let found = inspect(Kernels { dilation: 2, ..Kernels::on_line(values, 2) }, "conv", true).unwrap();
        assert_eq!((found.count, &found.largest.at[..]), (2, &[0i64, 2, 4][..]));
        assert_eq!(found.largest.values, [Some(4.0), Some(5.0), Some(1.0)]);
        let first = found.shown[0].curve.as_ref().unwrap();
        assert_eq!((&first.at[..], &first.values[..]), (&[0i64, 2, 4][..], &[Some(2.0), Some(-5.0), Some(1.0)][..]));
        // 6 of 15 at a lag of 0, 8 at 2, 1 at 4.
        assert_eq!(found.radii, Radii { r50: Some(2), r90: Some(2), r99: Some(4) });
    }

    #[test]
    fn lags_on_a_plane_are_the_larger_of_both() {
        let weight = tensor((1..=9).map(|v| v as f32).collect(), [1, 1, 9]);
        let found = inspect(Kernels::of_weights(weight, 3, 1, false), "conv", true).unwrap();
        assert_eq!((&found.largest.at[..], &found.largest.values[..]), (&[0i64, 1][..], &[Some(5.0), Some(9.0)][..]));
        let map = found.shown[0].map.as_ref().unwrap();
        assert_eq!((map.shape, map.origin, map.values[8]), ([3, 3], [1, 1], Some(1000)));
        // Not one by one.
        let weight = tensor(vec![1.0, 2.0, 3.0], [1, 1, 3]);
        let found = inspect(Kernels::of_weights(weight, 3, 1, false), "conv", false).unwrap();
        assert_eq!((found.largest.at, found.shown.len()), (vec![-1, 0, 1], 0));
    }
}
