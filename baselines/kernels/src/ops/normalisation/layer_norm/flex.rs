//! Normalisation on the CPU: parallel over samples, and within one over neighbouring positions in vector lanes.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use crate::cpu::buffer::Buffer;
use crate::cpu::rows::sum;
use crate::cpu::simd::level::{Loop, dispatch};
use crate::cpu::simd::real::Real;
use crate::cpu::tensor::{tensor, values};

/// Positions that are normalised together.
const WIDTH: usize = 64;

/// The output, or where `g` is given the gradient of the input; the mean is subtracted where `centred`.
pub(super) fn run<T: Real>(x: FlexTensor, g: Option<FlexTensor>, epsilon: f64, centred: bool) -> FlexTensor {
    let shape = x.shape();
    let (sample, positions) = (shape[1] * shape[2], shape[2]);
    let x = values::<T>(&x);
    let g = g.as_ref().map(values::<T>);
    let mut out = Buffer::new(x.len());
    out.par_chunks_mut(sample).enumerate().for_each(|(item, out)| {
        let of_item = item * sample..(item + 1) * sample;
        let (x, g) = (&x[of_item.clone()], g.map(|g| &g[of_item]));
        if positions == 1 {
            single(x, g, out, T::of(epsilon), centred);
            return;
        }
        for start in (0..positions).step_by(WIDTH) {
            let width = WIDTH.min(positions - start);
            dispatch(Columns { x, g, out, positions, start, width, epsilon: T::of(epsilon), centred });
        }
    });
    tensor(out, shape)
}

/// Some neighbouring positions of one sample.
struct Columns<'a, T> {
    x: &'a [T],
    g: Option<&'a [T]>,
    out: &'a mut [T],
    positions: usize,
    start: usize,
    width: usize,
    epsilon: T,
    centred: bool,
}

impl<T: Real> Loop for Columns<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let Self { x, g, out, positions, start, width, epsilon, centred } = self;
        let n = T::of((x.len() / positions) as f64);
        let mut mean = [T::ZERO; WIDTH];
        if centred {
            for row in x.chunks_exact(positions) {
                mean.iter_mut().zip(&row[start..start + width]).for_each(|(sum, &x)| *sum += x);
            }
        }
        mean.iter_mut().for_each(|mean| *mean = *mean / n);
        let mut scale = [T::ZERO; WIDTH];
        for row in x.chunks_exact(positions) {
            for ((sum, &x), &mean) in scale.iter_mut().zip(&row[start..start + width]).zip(&mean) {
                let centred = x - mean;
                *sum += centred * centred;
            }
        }
        scale.iter_mut().for_each(|scale| *scale = T::ONE / (*scale / n + epsilon).sqrt());
        let Some(g) = g else {
            for (out, row) in out.chunks_exact_mut(positions).zip(x.chunks_exact(positions)) {
                let places = out[start..start + width].iter_mut().zip(&row[start..start + width]);
                places.zip(mean.iter().zip(&scale)).for_each(|((out, &x), (&mean, &scale))| *out = (x - mean) * scale);
            }
            return;
        };
        let (mut along_one, mut along_y) = ([T::ZERO; WIDTH], [T::ZERO; WIDTH]);
        for (row, g) in x.chunks_exact(positions).zip(g.chunks_exact(positions)) {
            let places = row[start..start + width].iter().zip(&g[start..start + width]).zip(mean.iter().zip(&scale));
            for (((&x, &g), (&mean, &scale)), (one, y)) in places.zip(along_one.iter_mut().zip(&mut along_y)) {
                *one += g;
                *y += g * (x - mean) * scale;
            }
        }
        if !centred {
            along_one.fill(T::ZERO);
        }
        along_one.iter_mut().chain(&mut along_y).for_each(|sum| *sum = *sum / n);
        for ((out, row), g) in
            out.chunks_exact_mut(positions).zip(x.chunks_exact(positions)).zip(g.chunks_exact(positions))
        {
            let places =
                out[start..start + width].iter_mut().zip(&row[start..start + width]).zip(&g[start..start + width]);
            let statistics = mean.iter().zip(&scale).zip(along_one.iter().zip(&along_y));
            for (((out, &x), &g), ((&mean, &scale), (&one, &y))) in places.zip(statistics) {
                *out = (g - one - (x - mean) * scale * y) * scale;
            }
        }
    }
}

/// A sample with one position: its values stand side by side.
fn single<T: Real>(x: &[T], g: Option<&[T]>, out: &mut [T], epsilon: T, centred: bool) {
    let n = x.len() as f64;
    let average = |of: &[T]| if centred { T::of(sum(of, T::ZERO, None) / n) } else { T::ZERO };
    let mean = average(x);
    let scale = T::ONE / (T::of(sum(x, mean, Some((x, mean))) / n) + epsilon).sqrt();
    let along = g.map(|g| {
        let along_y = sum(g, T::ZERO, Some((x, mean))) / n;
        (g, average(g), T::of(along_y) * scale)
    });
    dispatch(Single { x, along, out, mean, scale });
}

/// The last pass over a sample with one position.
struct Single<'a, T> {
    x: &'a [T],
    /// Gradient of the output, its mean, and its mean along the output.
    along: Option<(&'a [T], T, T)>,
    out: &'a mut [T],
    mean: T,
    scale: T,
}

impl<T: Real> Loop for Single<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let Self { x, along, out, mean, scale } = self;
        match along {
            None => out.iter_mut().zip(x).for_each(|(out, &x)| *out = (x - mean) * scale),
            Some((g, one, y)) => {
                for ((out, &x), &g) in out.iter_mut().zip(x).zip(g) {
                    *out = (g - one - (x - mean) * scale * y) * scale;
                }
            }
        }
    }
}
