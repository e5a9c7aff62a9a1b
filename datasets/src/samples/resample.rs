//! The samples of a task at another resolution.
//!
//! At resolution r, sample i of an axis lies at position i / r of the original grid, as far as that reaches: an axis of n
//! samples becomes one of ⌊(n − 1) r⌋ + 1 over the same interval. At one over a whole number these are every second (third,
//! …) sample, with nothing averaged in between, as in Romero et al. 2021 (arXiv 2102.02611, section 5) and Knigge et al.
//! 2023 (arXiv 2301.10540); in between samples, values are interpolated linearly, for images bilinearly.

use crate::task::{Batch, Inputs, TaskSpec};
use vocabulary::{InputSpec, OutputSpec};

/// Positions closer than this to a sample are that sample: quotients of whole numbers are not exact.
const SNAP: f64 = 1e-6;

/// Where the samples of one axis lie between the original ones.
#[derive(Debug, Clone, PartialEq)]
struct Axis {
    /// Original samples.
    from: usize,
    /// Per sample the original one before it, and the weight of the one after that, 0 to 1 (exclusive).
    places: Vec<(usize, f32)>,
}

impl Axis {
    fn new(from: usize, resolution: f64) -> Self {
        let place = |i: usize| {
            let position = i as f64 / resolution;
            let nearest = position.round();
            if (position - nearest).abs() < SNAP {
                return ((nearest as usize).min(from.saturating_sub(1)), 0.0);
            }
            let below = position.floor();
            (below as usize, (position - below) as f32)
        };
        Self { from, places: (0..resampled_length(from, resolution)).map(place).collect() }
    }

    /// `values`, `[outer, from, inner]` row-major, to `[outer, places, inner]`.
    fn apply(&self, values: &[f32], inner: usize) -> Vec<f32> {
        let mut out = Vec::with_capacity(values.len() / self.from.max(1) * self.places.len());
        for block in values.chunks_exact((self.from * inner).max(1)) {
            for &(below, weight) in &self.places {
                let row = &block[below * inner..][..inner];
                if weight == 0.0 {
                    out.extend_from_slice(row);
                } else {
                    let next = &block[(below + 1) * inner..][..inner];
                    out.extend(row.iter().zip(next).map(|(a, b)| a + weight * (b - a)));
                }
            }
        }
        out
    }
}

/// Samples of an axis of `length` at `resolution`: ⌊(length − 1) · resolution⌋ + 1, and none of none.
pub fn resampled_length(length: usize, resolution: f64) -> usize {
    match length.checked_sub(1) {
        Some(last) => (last as f64 * resolution + SNAP).floor() as usize + 1,
        None => 0,
    }
}

/// The grid of a task's inputs at a resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    input: InputSpec,
    resolution: f64,
    axes: Vec<Axis>,
}

impl Grid {
    /// The grid of `input` at `resolution` (greater than 0) times the samples per axis. Tokens stay as they are; see
    /// [`refusal`].
    pub fn new(input: &InputSpec, resolution: f64) -> Self {
        let (input, axes) = match input {
            InputSpec::Values { channels, shape } if resolution != 1.0 => {
                let axes: Vec<Axis> = shape.iter().map(|&n| Axis::new(n, resolution)).collect();
                let shape = axes.iter().map(|axis| axis.places.len()).collect();
                (InputSpec::Values { channels: *channels, shape }, axes)
            }
            other => (other.clone(), Vec::new()),
        };
        Self { input, resolution, axes }
    }

    /// The shape of the inputs on this grid.
    pub fn input(&self) -> &InputSpec {
        &self.input
    }

    /// The inputs of `batch`, whose shape is that of the original grid, on this one; valid lengths follow.
    pub fn resample(&self, mut batch: Batch) -> Batch {
        if let Inputs::Values(values) = &mut batch.inputs
            && !self.axes.is_empty()
        {
            *values = resample(values, &self.axes);
            if let Some(lengths) = &mut batch.lengths {
                lengths.iter_mut().for_each(|length| *length = resampled_length(*length, self.resolution));
            }
        }
        batch
    }
}

/// `values`, `[rows, axes…]` row-major, axis by axis.
fn resample(values: &[f32], axes: &[Axis]) -> Vec<f32> {
    let mut current = values.to_vec();
    for (d, axis) in axes.iter().enumerate() {
        // Axes after this one still have their original samples.
        let inner = axes[d + 1..].iter().map(|later| later.from).product::<usize>();
        current = axis.apply(&current, inner);
    }
    current
}

/// Why the samples of a task exist at one resolution only, if so.
pub fn refusal(spec: &TaskSpec) -> Option<&'static str> {
    match (&spec.input, &spec.target) {
        (InputSpec::Tokens { .. }, _) => Some("its inputs are tokens, and there is nothing between two tokens"),
        (_, OutputSpec::PerStep(_)) => Some("it has a label for every step, and none in between"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::task::Targets;

    fn values(channels: usize, shape: &[usize]) -> InputSpec {
        InputSpec::Values { channels, shape: shape.to_vec() }
    }

    fn at(input: &InputSpec, resolution: f64, values: Vec<f32>) -> (Vec<usize>, Vec<f32>) {
        let grid = Grid::new(input, resolution);
        let batch = Batch { size: 1, inputs: Inputs::Values(values), targets: Targets::Labels(vec![0]), lengths: None };
        let InputSpec::Values { shape, .. } = grid.input().clone() else { panic!("values stay values") };
        let Inputs::Values(values) = grid.resample(batch).inputs else { panic!("values stay values") };
        (shape, values)
    }

    #[test]
    fn a_half_is_every_second_sample_and_two_lies_halfway() {
        let signal = vec![5.0, -1.0, 2.0, 8.0, 3.0];
        assert_eq!(at(&values(1, &[5]), 0.5, signal.clone()), (vec![3], vec![5.0, 2.0, 3.0]));
        assert_eq!(at(&values(1, &[5]), 1.0 / 3.0, signal.clone()), (vec![2], vec![5.0, 8.0]));
        assert_eq!(at(&values(1, &[5]), 0.25, signal.clone()), (vec![2], vec![5.0, 3.0]));
        assert_eq!(at(&values(1, &[4]), 0.5, signal[..4].to_vec()), (vec![2], vec![5.0, 2.0]));
        let doubled = vec![5.0, 2.0, -1.0, 0.5, 2.0, 5.0, 8.0, 5.5, 3.0];
        assert_eq!(at(&values(1, &[5]), 2.0, signal.clone()), (vec![9], doubled));
        // Two channels do not mix.
        let two = [signal.clone(), vec![0.0; 5]].concat();
        assert_eq!(at(&values(2, &[5]), 0.5, two), (vec![3], vec![5.0, 2.0, 3.0, 0.0, 0.0, 0.0]));
        assert_eq!(at(&values(1, &[5]), 1.0, signal.clone()), (vec![5], signal));
    }

    #[test]
    fn images_are_interpolated_along_both_axes() {
        let image = vec![0.0, 4.0, 8.0, 12.0, 16.0, 20.0];
        let (shape, doubled) = at(&values(1, &[2, 3]), 2.0, image.clone());
        assert_eq!(shape, [3, 5]);
        assert_eq!(doubled[..5], [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(doubled[5..10], [6.0, 8.0, 10.0, 12.0, 14.0]);
        assert_eq!(at(&values(1, &[2, 3]), 0.5, image), (vec![1, 2], vec![0.0, 8.0]));
    }

    /// An image of eight bits per pixel comes back from twice its resolution, pixel by pixel.
    #[test]
    fn pixels_survive_a_detour_over_a_finer_grid() {
        let picture: Vec<f32> = (0..3 * 28 * 20).map(|i| (i * 7919 % 256) as f32 / 255.0).collect();
        for times in [2, 3, 5] {
            let times = f64::from(times);
            let (shape, fine) = at(&values(3, &[28, 20]), times, picture.clone());
            assert_eq!(shape, [28, 20].map(|n: usize| (n - 1) * times as usize + 1));
            assert!(fine.iter().all(|v| (0.0..=1.0).contains(v)));
            assert_eq!(at(&values(3, &shape), 1.0 / times, fine), (vec![28, 20], picture.clone()));
        }
    }

    #[test]
    fn valid_lengths_follow_and_pairs_have_two_rows() {
        let grid = Grid::new(&values(1, &[5]), 0.5);
        let inputs = Inputs::Values((0..20).map(|v| v as f32).collect());
        let lengths = Some(vec![5, 4, 1, 0]);
        let batch = grid.resample(Batch { size: 2, inputs, targets: Targets::Labels(vec![0, 1]), lengths });
        assert_eq!(batch.lengths, Some(vec![3, 2, 1, 0]));
        let wanted = [0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 10.0, 12.0, 14.0, 15.0, 17.0, 19.0];
        assert_eq!(batch.inputs, Inputs::Values(wanted.to_vec()));
    }

    proptest! {
        /// Linear interpolation is exact on planes, and constants stay what they are bit by bit.
        #[test]
        fn constants_and_ramps_are_preserved(
            height in 1usize..30, width in 1usize..30, resolution in 0.05f64..6.0,
            level in -3f32..3.0, slope in -2f32..2.0,
        ) {
            let input = values(1, &[height, width]);
            let (shape, flat) = at(&input, resolution, vec![level; height * width]);
            prop_assert!(flat.iter().all(|v| *v == level) && flat.len() == shape.iter().product::<usize>());
            let plane = |row: f64, column: f64| f64::from(level) + f64::from(slope) * (row - 0.5 * column);
            let ramp = (0..height * width).map(|i| plane((i / width) as f64, (i % width) as f64) as f32).collect();
            let (_, found) = at(&input, resolution, ramp);
            for (i, value) in found.iter().enumerate() {
                let (row, column) = (i / shape[1], i % shape[1]);
                let wanted = plane(row as f64 / resolution, column as f64 / resolution);
                prop_assert!((f64::from(*value) - wanted).abs() < 1e-4, "{value} {wanted}");
            }
        }

        #[test]
        fn the_grid_covers_the_same_interval(length in 1usize..3000, resolution in 0.02f64..8.0) {
            let n = resampled_length(length, resolution);
            let last = (n - 1) as f64 / resolution;
            prop_assert!(n >= 1 && last <= (length - 1) as f64 + 1e-4);
            prop_assert!(last + 1.0 / resolution > (length - 1) as f64);
            let axis = Axis::new(length, resolution);
            prop_assert!(axis.places.iter().all(|&(below, weight)| below + usize::from(weight > 0.0) < length));
        }
    }
}
