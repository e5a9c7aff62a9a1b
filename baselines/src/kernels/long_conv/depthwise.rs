//! Depthwise convolutions by spectra, two samples per complex transform.
//!
//! One sample is the real part and another the imaginary part of a series. A convolution with a real kernel is linear and
//! keeps the two apart, so nothing has to be disentangled. Nor does it for the gradient of the kernel: for
//! `X = X₁ + i X₂` and `G = G₁ + i G₂`, the real part of the series behind `X · conj(G)` belongs to
//! `X₁ · conj(G₁) + X₂ · conj(G₂)`, the sum over both samples.
#![allow(unsafe_code)]

use rayon::prelude::*;
use realfft::num_complex::Complex;

use super::flex::{Plan, Work};
use crate::kernels::room::Room;
use crate::kernels::shared::Shared;
use crate::kernels::simd::{ComplexFft, Loop, Real, dispatch};

/// Samples of a batch that one task transforms with one kernel.
const GROUP: usize = 16;

impl Plan {
    /// Correlation of `x` `[batch, channels, positions]` with the kernels `k` `[channels, taps]`.
    pub(super) fn spectral<T: Real>(&self, x: &[T], k: &[T]) -> Room<T> {
        let mut y = Room::new(x.len());
        let out = Shared::new(&mut y);
        self.groups().for_each_init(
            || Buffers::new(self.n),
            |buffers, (channel, samples)| {
                buffers.load_kernel(self, k, channel, true);
                for pair in pairs(samples) {
                    load(&mut buffers.first, self.pair(x, channel, pair), self, self.offset);
                    buffers.fft.forward(&mut buffers.first, &mut buffers.scratch);
                    multiply(&mut buffers.first, &buffers.kernel);
                    buffers.fft.inverse(&mut buffers.first, &mut buffers.scratch);
                    self.store(&buffers.first, out, channel, pair, 0);
                }
            },
        );
        y
    }

    /// Gradients of input and kernels from the gradient `g` of the output.
    pub(super) fn spectral_backward<T: Real>(
        &self,
        x: &[T],
        k: &[T],
        g: &[T],
        wanted: [bool; 2],
    ) -> (Option<Room<T>>, Option<Vec<T>>) {
        let taps = self.taps[0] * self.taps[1];
        let groups = self.batch.div_ceil(GROUP);
        let mut dx = wanted[0].then(|| Room::new(x.len()));
        let out = dx.as_mut().map(|dx| Shared::new(dx));
        let mut parts = vec![T::ZERO; if wanted[1] { self.output * groups * taps } else { 0 }];
        let sums = Shared::new(&mut parts);
        self.groups().for_each_init(
            || Buffers::new(self.n),
            |buffers, (channel, samples)| {
                let group = samples[0] / GROUP;
                if out.is_some() {
                    buffers.load_kernel(self, k, channel, false);
                }
                buffers.sum.fill(Complex::new(T::ZERO, T::ZERO));
                for pair in pairs(samples) {
                    load(&mut buffers.first, self.pair(g, channel, pair), self, 0);
                    buffers.fft.forward(&mut buffers.first, &mut buffers.scratch);
                    if wanted[1] {
                        load(&mut buffers.second, self.pair(x, channel, pair), self, self.offset);
                        buffers.fft.forward(&mut buffers.second, &mut buffers.scratch);
                        dispatch(AddProduct { sum: &mut buffers.sum, x: &buffers.second, g: &buffers.first });
                    }
                    if let Some(out) = out {
                        multiply(&mut buffers.first, &buffers.kernel);
                        buffers.fft.inverse(&mut buffers.first, &mut buffers.scratch);
                        self.store(&buffers.first, out, channel, pair, self.offset);
                    }
                }
                if wanted[1] {
                    // SAFETY: every channel and group is visited once.
                    let part = unsafe { sums.slice((channel * groups + group) * taps, taps) };
                    buffers.store_sum(self, part);
                }
            },
        );
        let dk = wanted[1].then(|| {
            if groups == 1 {
                return parts;
            }
            let of_channel = |parts: &[T]| -> Vec<T> {
                let of_tap = |tap| parts.iter().skip(tap).step_by(taps).fold(T::ZERO, |sum, &part| sum + part);
                (0..taps).map(of_tap).collect()
            };
            parts.chunks_exact(groups * taps).flat_map(of_channel).collect()
        });
        (dx, dk)
    }

    /// Every channel with every group of samples `[first, after the last]`.
    fn groups(&self) -> impl ParallelIterator<Item = (usize, [usize; 2])> + use<> {
        let (batch, groups) = (self.batch, self.batch.div_ceil(GROUP));
        (0..self.output * groups).into_par_iter().map(move |task| {
            let (channel, first) = (task / groups, task % groups * GROUP);
            (channel, [first, (first + GROUP).min(batch)])
        })
    }

    /// The rows of a channel of two samples.
    fn pair<'a, T>(&self, values: &'a [T], channel: usize, pair: [Option<usize>; 2]) -> [Option<&'a [T]>; 2] {
        let positions = self.positions();
        pair.map(|sample| sample.map(|sample| &values[(sample * self.output + channel) * positions..][..positions]))
    }

    fn store<T: Real>(
        &self,
        series: &[Complex<T>],
        out: Shared<'_, T>,
        channel: usize,
        pair: [Option<usize>; 2],
        offset: usize,
    ) {
        let positions = self.positions();
        let rows = pair.map(|sample| {
            // SAFETY: every channel of every sample is visited once, and the samples of a pair differ.
            sample.map(|sample| unsafe { out.slice((sample * self.output + channel) * positions, positions) })
        });
        let width = self.size[1];
        for (part, rows) in rows.into_iter().enumerate() {
            let rows = rows.into_iter().flat_map(|rows| rows.chunks_exact_mut(width));
            for (row, series) in rows.zip(series[offset..].chunks(self.stride)) {
                for (value, series) in row.iter_mut().zip(series) {
                    *value = if part == 0 { series.re } else { series.im };
                }
            }
        }
    }
}

/// Pairs of neighbouring samples; the last one may be alone.
fn pairs([first, end]: [usize; 2]) -> impl Iterator<Item = [Option<usize>; 2]> {
    (first..end).step_by(2).map(move |sample| [Some(sample), (sample + 1 < end).then_some(sample + 1)])
}

/// One sample as real part and one as imaginary part, rows of positions a stride apart from `offset` on, zeros elsewhere.
fn load<T: Real>(series: &mut [Complex<T>], pair: [Option<&[T]>; 2], plan: &Plan, offset: usize) {
    let zero = Complex::new(T::ZERO, T::ZERO);
    let [Some(first), second] = pair else { return };
    let width = plan.size[1];
    series[..offset].fill(zero);
    let rows = first.len() / width;
    for (row, series) in series[offset..].chunks_mut(plan.stride).enumerate() {
        if row >= rows {
            series.fill(zero);
            continue;
        }
        let (values, gap) = series.split_at_mut(width);
        let first = &first[row * width..][..width];
        match second {
            Some(second) => {
                let parts = first.iter().zip(&second[row * width..][..width]);
                values.iter_mut().zip(parts).for_each(|(value, (&re, &im))| *value = Complex::new(re, im));
            }
            None => values.iter_mut().zip(first).for_each(|(value, &re)| *value = Complex::new(re, T::ZERO)),
        }
        gap.fill(zero);
    }
}

/// What one task transforms in.
struct Buffers<T> {
    fft: ComplexFft<T>,
    first: Vec<Complex<T>>,
    second: Vec<Complex<T>>,
    kernel: Vec<Complex<T>>,
    sum: Vec<Complex<T>>,
    scratch: Vec<Complex<T>>,
    /// For kernels, which are transformed one by one.
    real: Work<T>,
}

impl<T: Real> Buffers<T> {
    fn new(n: usize) -> Self {
        let fft = T::complex_fft(n);
        let zeros = |n| vec![Complex::new(T::ZERO, T::ZERO); n];
        Self {
            first: zeros(n),
            second: zeros(n),
            kernel: zeros(n),
            sum: zeros(n),
            scratch: zeros(fft.scratch()),
            fft,
            real: Work::new(&T::fft(n), n),
        }
    }

    /// The spectrum of a channel's kernel, divided by the length of the transform, conjugated where asked for.
    fn load_kernel(&mut self, plan: &Plan, k: &[T], channel: usize, conjugate: bool) {
        let taps = plan.taps[0] * plan.taps[1];
        self.real.load(&k[channel * taps..][..taps], [plan.taps[1], plan.stride], 0);
        self.real.forward();
        let scale = T::ONE / T::of(plan.n as f64);
        let half = &self.real.bins;
        for (bin, &value) in self.kernel.iter_mut().zip(half) {
            *bin = if conjugate { value.conj() } else { value }.scale(scale);
        }
        // The other half of the spectrum of real values mirrors the first.
        let (known, mirrored) = self.kernel.split_at_mut(half.len());
        mirrored.iter_mut().zip(known[1..].iter().rev().skip(1)).for_each(|(bin, value)| *bin = value.conj());
    }

    /// The real part of the series behind the sum of products, as far as there are taps.
    fn store_sum(&mut self, plan: &Plan, taps: &mut [T]) {
        let half = T::of(0.5 / plan.n as f64);
        let n = self.sum.len();
        for (i, bin) in self.real.bins.iter_mut().enumerate() {
            *bin = (self.sum[i] + self.sum[(n - i) % n].conj()).scale(half);
        }
        self.real.inverse();
        self.real.store(taps, [plan.taps[1], plan.stride], 0);
    }
}

fn multiply<T: Real>(series: &mut [Complex<T>], kernel: &[Complex<T>]) {
    dispatch(Multiply { series, kernel });
}

/// `series · kernel`, element by element.
struct Multiply<'a, T> {
    series: &'a mut [Complex<T>],
    kernel: &'a [Complex<T>],
}

impl<T: Real> Loop for Multiply<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        for (a, b) in self.series.iter_mut().zip(self.kernel) {
            let re = (-a.im).fma::<LEVEL>(b.im, a.re * b.re);
            let im = a.im.fma::<LEVEL>(b.re, a.re * b.im);
            *a = Complex::new(re, im);
        }
    }
}

/// `sum + x · conj(g)`, element by element.
struct AddProduct<'a, T> {
    sum: &'a mut [Complex<T>],
    x: &'a [Complex<T>],
    g: &'a [Complex<T>],
}

impl<T: Real> Loop for AddProduct<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        for ((sum, a), b) in self.sum.iter_mut().zip(self.x).zip(self.g) {
            let re = a.im.fma::<LEVEL>(b.im, a.re.fma::<LEVEL>(b.re, sum.re));
            let im = a.im.fma::<LEVEL>(b.re, (-a.re).fma::<LEVEL>(b.im, sum.im));
            *sum = Complex::new(re, im);
        }
    }
}
