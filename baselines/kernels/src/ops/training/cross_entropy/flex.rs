//! Cross-entropy on the CPU: positions side by side in lanes, parallel over stretches of them; sums in f64 and in order.
#![allow(unsafe_code)]

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::labels::counted;
use crate::cpu::buffer::Buffer;
use crate::cpu::shared::Shared;
use crate::cpu::simd::level::{Loop, dispatch};
use crate::cpu::simd::real::Real;
use crate::cpu::simd::vector::LANES;
use crate::cpu::tensor::{tensor, values};

/// Positions of a task.
const STRETCH: usize = 1024;

/// The logits of one item from position `start` on, and the labels of as many positions as belong to the task.
#[derive(Clone, Copy)]
struct Stretch<'a, T> {
    /// `[classes, positions]` of the item.
    logits: &'a [T],
    positions: usize,
    start: usize,
    labels: &'a [i32],
}

/// All stretches of all items, in order.
fn stretches<'a, T: Real>(logits: &'a [T], [classes, positions]: [usize; 2], labels: &'a [i32]) -> Vec<Stretch<'a, T>> {
    let items = logits.chunks_exact(classes * positions).zip(labels.chunks_exact(positions));
    items
        .flat_map(|(logits, labels)| {
            labels.chunks(STRETCH).enumerate().map(move |(index, labels)| Stretch {
                logits,
                positions,
                start: index * STRETCH,
                labels,
            })
        })
        .collect()
}

pub(super) fn forward<T: Real>(logits: FlexTensor, labels: &[i32]) -> FlexTensor {
    let shape = logits.shape();
    let all = stretches(values::<T>(&logits), [shape[1], shape[2]], labels);
    let losses: Vec<f64> = all
        .into_par_iter()
        .map(|stretch| {
            let mut loss = 0.0;
            dispatch(Losses { stretch, loss: &mut loss });
            loss
        })
        .collect();
    tensor(vec![T::of(losses.iter().sum::<f64>() / counted(labels))], [1])
}

pub(super) fn backward<T: Real>(logits: FlexTensor, labels: &[i32], g: FlexTensor) -> FlexTensor {
    let shape = logits.shape();
    let (classes, positions) = (shape[1], shape[2]);
    let factor = T::of(values::<T>(&g)[0].double() / counted(labels));
    let mut d = Buffer::new(shape.num_elements());
    let out = Shared::new(&mut d);
    let all = stretches(values::<T>(&logits), [classes, positions], labels);
    let per_item = positions.div_ceil(STRETCH);
    all.into_par_iter().enumerate().for_each(|(task, stretch)| {
        let first = task / per_item * classes * positions;
        dispatch(Slopes { stretch, factor, out, first });
    });
    tensor(d, shape)
}

impl<'a, T: Real> Stretch<'a, T> {
    /// The logits of all classes at up to `LANES` positions from `first` of the stretch on; zeros where there are fewer.
    #[inline(always)]
    fn tiles(self, first: usize) -> impl Iterator<Item = [T; LANES]> + 'a {
        let n = self.labels.len() - first;
        self.logits.chunks_exact(self.positions).map(move |row| {
            let row = &row[self.start + first..];
            match row.first_chunk::<LANES>() {
                Some(tile) if n >= LANES => *tile,
                _ => std::array::from_fn(|lane| if lane < n { row[lane] } else { T::ZERO }),
            }
        })
    }

    /// The largest logit of every position, and the sum of `exp(logit − largest)`.
    #[inline(always)]
    fn softmax<const LEVEL: usize>(self, first: usize) -> ([T; LANES], [T; LANES]) {
        let mut most = [T::of(f64::NEG_INFINITY); LANES];
        for tile in self.tiles(first) {
            for lane in 0..LANES {
                // What is not a number is in the sum below, whichever is larger.
                most[lane] = if tile[lane] <= most[lane] { most[lane] } else { tile[lane] };
            }
        }
        let mut sum = [T::ZERO; LANES];
        for tile in self.tiles(first) {
            for lane in 0..LANES {
                sum[lane] += (tile[lane] - most[lane]).exp::<LEVEL>();
            }
        }
        (most, sum)
    }
}

/// The sum of the losses of a stretch.
struct Losses<'a, T> {
    stretch: Stretch<'a, T>,
    loss: &'a mut f64,
}

impl<T: Real> Loop for Losses<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let Stretch { logits, positions, start, labels } = self.stretch;
        for first in (0..labels.len()).step_by(LANES) {
            let (most, sum) = self.stretch.softmax::<LEVEL>(first);
            for (lane, &label) in labels[first..].iter().enumerate().take(LANES) {
                if label >= 0 {
                    let chosen = logits[label as usize * positions + start + first + lane];
                    *self.loss += sum[lane].double().ln() - (chosen - most[lane]).double();
                }
            }
        }
    }
}

/// The gradients of a stretch: `factor · (softmax − 1 at the label)`, nothing where the label does not count.
struct Slopes<'a, T> {
    stretch: Stretch<'a, T>,
    factor: T,
    /// Gradients of all logits.
    out: Shared<'a, T>,
    /// Where those of the item begin.
    first: usize,
}

impl<T: Real> Loop for Slopes<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let Stretch { positions, start, labels, .. } = self.stretch;
        for first in (0..labels.len()).step_by(LANES) {
            let n = LANES.min(labels.len() - first);
            let (most, sum) = self.stretch.softmax::<LEVEL>(first);
            let mut factors = [T::ZERO; LANES];
            for lane in 0..n {
                factors[lane] = if labels[first + lane] >= 0 { self.factor / sum[lane] } else { T::ZERO };
            }
            for (class, tile) in self.stretch.tiles(first).enumerate() {
                let mut slopes = [T::ZERO; LANES];
                for lane in 0..LANES {
                    slopes[lane] = (tile[lane] - most[lane]).exp::<LEVEL>() * factors[lane];
                }
                for lane in 0..n {
                    if labels[first + lane] == class as i32 {
                        slopes[lane] = slopes[lane] - self.factor;
                    }
                }
                // SAFETY: these positions of this item belong to this task alone.
                let out = unsafe { self.out.slice(self.first + class * positions + start + first, n) };
                match out.first_chunk_mut::<LANES>() {
                    Some(out) => *out = slopes,
                    None => out.copy_from_slice(&slopes[..n]),
                }
            }
        }
    }
}
