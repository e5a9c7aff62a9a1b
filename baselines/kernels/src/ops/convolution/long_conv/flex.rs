//! Long convolutions on the CPU: direct summation or the FFT, whichever has less to do.
#![allow(unsafe_code)]

use std::ops::Range;

use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use rayon::prelude::*;

use super::composed;
use super::direct::{Correlate, Dots};
use super::geometry::Geometry;
use super::spectral::Spectra;
use crate::cpu::batched_fft::Layout;
use crate::cpu::buffer::Buffer;
use crate::cpu::element::Element;
use crate::cpu::shared::Shared;
use crate::cpu::simd::level::dispatch;
use crate::cpu::simd::real::Real;
use crate::cpu::tensor::{tensor, values};

/// Samples of a batch whose kernel gradients are summed by one task.
const ROWS: usize = 16;
/// Bytes of the spectra of kernels that are held at a time.
const SPECTRA: usize = 8 << 20;
/// Cost of one transform of length n, in multiply-adds of the direct sum, divided by n · log₂ n. Measured when series were
/// transformed one by one, which is slower than it is now: for 784 samples
/// both methods take the same time at about 50 taps, for 32 × 32 samples at about 7 × 7.
const TRANSFORM_COST: f64 = 2.0;

pub(super) fn forward<T: Element>(x: FlexTensor, k: FlexTensor, geometry: Geometry) -> FlexTensor {
    let plan = Plan::new(&x, &k, geometry);
    match plan.method() {
        Method::Backend => composed::forward::<Flex>(x, k, geometry),
        method => {
            let (xs, ks) = (values::<T>(&x), values::<T>(&k));
            let y = match method {
                Method::Direct => plan.direct(xs, ks, plan.left),
                _ if plan.depthwise => plan.spectral(xs, ks),
                _ => plan.dense(xs, ks),
            };
            tensor(y, [plan.batch, plan.output, plan.size[0], plan.size[1]])
        }
    }
}

pub(super) fn backward<T: Element>(
    x: FlexTensor,
    k: FlexTensor,
    g: FlexTensor,
    geometry: Geometry,
    wanted: [bool; 2],
) -> [Option<FlexTensor>; 2] {
    let plan = Plan::new(&x, &k, geometry);
    let method = plan.method();
    if method == Method::Backend {
        return composed::backward::<Flex>(x, k, g, geometry, wanted);
    }
    let (shape_x, shape_k) = (x.shape(), k.shape());
    let (x, k, g) = (values::<T>(&x), values::<T>(&k), values::<T>(&g));
    if !plan.depthwise {
        let [dx, dk] = plan.dense_backward(x, k, g, wanted);
        return [dx.map(|dx| tensor(dx, shape_x)), dk.map(|dk| tensor(dk, shape_k))];
    }
    let (dx, dk) = match method {
        Method::Direct => {
            let flipped = || {
                let taps = plan.taps[0] * plan.taps[1];
                let k: Vec<T> = k.chunks_exact(taps).flat_map(|k| k.iter().rev().copied()).collect();
                plan.direct(g, &k, [plan.taps[0] - 1 - plan.left[0], plan.taps[1] - 1 - plan.left[1]])
            };
            (wanted[0].then(flipped), wanted[1].then(|| plan.direct_kernel(x, g)))
        }
        _ => plan.spectral_backward(x, k, g, wanted),
    };
    [dx.map(|dx| tensor(dx, shape_x)), dk.map(|dk| tensor(dk, shape_k))]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// Summation over the taps, channel by channel.
    Direct,
    /// Product of spectra.
    Spectral,
    /// Burn's own dense convolution.
    Backend,
}

/// Sizes of one convolution. Positions lie on one axis, rows `stride` apart.
pub(crate) struct Plan {
    pub(crate) batch: usize,
    input: usize,
    pub(crate) output: usize,
    pub(crate) size: [usize; 2],
    pub(crate) taps: [usize; 2],
    left: [usize; 2],
    depthwise: bool,
    /// Samples from one row to the next: wide enough that the kernel's reach past a row's end meets zeros.
    pub(crate) stride: usize,
    /// Distance of the first tap from the one that multiplies the current sample.
    pub(crate) offset: usize,
    /// Length of the transforms.
    pub(crate) n: usize,
}

impl Plan {
    fn new(x: &FlexTensor, k: &FlexTensor, geometry: Geometry) -> Self {
        let (x, k) = (x.shape(), k.shape());
        let (size, taps, left) = ([x[2], x[3]], [k[2], k[3]], geometry.left);
        let right = [taps[0] - 1 - left[0], taps[1] - 1 - left[1]];
        let stride = size[1] + left[1].max(right[1]);
        let offset = left[0] * stride + left[1];
        let data = (size[0] - 1) * stride + size[1];
        let reach = right[0] * stride + right[1];
        let n = smooth(data + offset.max(reach));
        let (batch, input, output, depthwise) = (x[0], x[1], k[0], geometry.depthwise);
        Self { batch, input, output, size, taps, left, depthwise, stride, offset, n }
    }

    fn method(&self) -> Method {
        let (b, i, o) = (self.batch as f64, self.input as f64, self.output as f64);
        let n = self.n as f64;
        let transform = TRANSFORM_COST * n * n.log2();
        let per_pair = (self.positions() * self.taps[0] * self.taps[1]) as f64;
        if self.depthwise {
            return if per_pair <= 2.0 * transform { Method::Direct } else { Method::Spectral };
        }
        // Half as many bins as samples, four multiply-adds each.
        let spectral = (b * (i + o) + i * o) * transform + 2.0 * n * b * i * o;
        if b * i * o * per_pair <= spectral { Method::Backend } else { Method::Spectral }
    }

    pub(crate) fn positions(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Depthwise correlation of `x` with `k`, `left` taps before the current sample.
    fn direct<T: Real>(&self, x: &[T], k: &[T], left: [usize; 2]) -> Buffer<T> {
        let ([h, w], [kh, kw]) = (self.size, self.taps);
        let stride = w + kw - 1;
        let mut y = Buffer::new(x.len());
        let scratch = || (vec![T::ZERO; (h + kh) * stride], vec![T::ZERO; (h - 1) * stride + w]);
        y.par_chunks_mut(h * w).zip(x.par_chunks(h * w)).enumerate().for_each_init(
            scratch,
            |(data, out), (row, (y, x))| {
                pad(x, data, [w, stride], left);
                let taps = &k[row % self.output * kh * kw..][..kh * kw];
                if h == 1 {
                    dispatch(Correlate { out: y, data, taps, columns: kw, stride });
                    return;
                }
                dispatch(Correlate { out, data, taps, columns: kw, stride });
                for (y, out) in y.chunks_exact_mut(w).zip(out.chunks(stride)) {
                    y.copy_from_slice(&out[..w]);
                }
            },
        );
        y
    }

    /// Gradient of the kernel of a depthwise convolution, by summation over positions.
    fn direct_kernel<T: Real>(&self, x: &[T], g: &[T]) -> Vec<T> {
        let ([h, w], [kh, kw], channels) = (self.size, self.taps, self.output);
        let stride = w + kw - 1;
        let scratch = || (vec![T::ZERO; (h + kh) * stride], vec![T::ZERO; kh * kw]);
        self.sum_over_batch(kh * kw, scratch, |(data, out), channel, sample, sum| {
            let at = (sample * channels + channel) * h * w;
            pad(&x[at..at + h * w], data, [w, stride], self.left);
            let g = &g[at..at + h * w];
            // Rows of taps are vectorised over taps where they are long, and over positions where they are short.
            if kw < 16 {
                dispatch(Dots { out, data, weights: g, width: w, columns: kw, stride });
            } else {
                for (row, out) in out.chunks_exact_mut(kw).enumerate() {
                    dispatch(Correlate { out, data: &data[row * stride..], taps: g, columns: w, stride });
                }
            }
            sum.iter_mut().zip(&*out).for_each(|(sum, &value)| *sum += value);
        })
    }

    /// A gradient `[channels, length]` as the sum of what `add(scratch, channel, sample, sum)` adds for every sample, in
    /// groups of samples whose size and order are fixed.
    fn sum_over_batch<T: Real, S>(
        &self,
        length: usize,
        scratch: impl Fn() -> S + Sync + Send,
        add: impl Fn(&mut S, usize, usize, &mut [T]) + Sync + Send,
    ) -> Vec<T> {
        let groups = self.batch.div_ceil(ROWS);
        let mut parts = vec![T::ZERO; self.output * groups * length];
        parts.par_chunks_mut(length).enumerate().for_each_init(scratch, |scratch, (task, sum)| {
            let (channel, group) = (task / groups, task % groups);
            for sample in group * ROWS..(group * ROWS + ROWS).min(self.batch) {
                add(scratch, channel, sample, sum);
            }
        });
        if groups == 1 {
            return parts;
        }
        parts
            .chunks_exact(groups * length)
            .flat_map(|parts| (0..length).map(|i| parts.iter().skip(i).step_by(length).fold(T::ZERO, |a, &b| a + b)))
            .collect()
    }

    /// How the taps of a kernel lie on the common axis.
    pub(crate) fn kernel(&self) -> Layout {
        Layout { width: self.taps[1], stride: self.stride, offset: 0 }
    }

    /// How the positions of a channel lie on the common axis.
    pub(crate) fn data(&self, offset: usize) -> Layout {
        Layout { width: self.size[1], stride: self.stride, offset }
    }

    /// Ranges of channels, of which one has as many spectra of kernels, for `others` channels on the other side, as are
    /// worth holding in memory at a time.
    fn blocks<T>(&self, channels: usize, others: usize) -> impl Iterator<Item = Range<usize>> + use<T> {
        let spectrum = (self.n + 2) * size_of::<T>();
        let block = (SPECTRA / (others * spectrum).max(1)).max(1).next_multiple_of(4);
        (0..channels).step_by(block).map(move |first| first..(first + block).min(channels))
    }

    fn dense<T: Element>(&self, x: &[T], k: &[T]) -> Buffer<T> {
        let (b, i, o, positions) = (self.batch, self.input, self.output, self.positions());
        let x = self.data_spectra(x, self.offset, false);
        let mut y = Buffer::new(b * o * positions);
        let out = Shared::new(&mut y);
        for outputs in self.blocks::<T>(o, i) {
            let (first, n) = (outputs.start, outputs.len());
            let k = self.kernel_spectra(k, n * i, true, |at| first * i + at);
            let block = Spectra::products([b, n, i], (&x, 0, [i, 1]), (&k, 0, [i, 1]));
            block.series(self.n, false, self.data(0), (out, positions), |row| row / n * o + first + row % n);
        }
        y
    }

    fn dense_backward<T: Element>(&self, x: &[T], k: &[T], g: &[T], wanted: [bool; 2]) -> [Option<Buffer<T>>; 2] {
        let (b, i, o) = (self.batch, self.input, self.output);
        let (positions, taps) = (self.positions(), self.taps[0] * self.taps[1]);
        let g = self.data_spectra(g, 0, false);
        let dx = wanted[0].then(|| {
            let mut dx = Buffer::new(x.len());
            let out = Shared::new(&mut dx);
            for inputs in self.blocks::<T>(i, o) {
                let (first, n) = (inputs.start, inputs.len());
                // Kernels of the block, by input and then by output.
                let k = self.kernel_spectra(k, n * o, false, |at| at % o * i + first + at / o);
                let block = Spectra::products([b, n, o], (&g, 0, [o, 1]), (&k, 0, [o, 1]));
                let layout = self.data(self.offset);
                block.series(self.n, false, layout, (out, positions), |row| row / n * i + first + row % n);
            }
            dx
        });
        let dk = wanted[1].then(|| {
            // Conjugated once more on the way back, so that one set of spectra of `g` serves both gradients.
            let x = self.data_spectra(x, self.offset, true);
            let mut dk = Buffer::new(k.len());
            let out = Shared::new(&mut dk);
            for inputs in self.blocks::<T>(i, o) {
                let (first, n) = (inputs.start, inputs.len());
                let block = Spectra::products([n, o, b], (&x, first, [1, i]), (&g, 0, [1, o]));
                block.series(self.n, true, self.kernel(), (out, taps), |row| row % o * i + first + row / o);
            }
            dk
        });
        [dx, dk]
    }

    /// Spectra of all channels of all samples, laid out from `offset` on.
    fn data_spectra<T: Element>(&self, values: &[T], offset: usize, conjugate: bool) -> Spectra<T> {
        let positions = self.positions();
        let row = |row| &values[row * positions..][..positions];
        Spectra::of(self.n, values.len() / positions, conjugate, self.data(offset), row)
    }

    /// Spectra of `count` of the kernels: the i-th of them is kernel `at(i)`.
    fn kernel_spectra<T: Element>(
        &self,
        k: &[T],
        count: usize,
        conjugate: bool,
        at: impl Fn(usize) -> usize + Sync + Send,
    ) -> Spectra<T> {
        let taps = self.taps[0] * self.taps[1];
        Spectra::of(self.n, count, conjugate, self.kernel(), |row| &k[at(row) * taps..][..taps])
    }
}

/// Rows of `x`, `width` wide, into `data`, `stride` apart, below and to the right of `before` zeros.
fn pad<T: Real>(x: &[T], data: &mut [T], [width, stride]: [usize; 2], before: [usize; 2]) {
    data.fill(T::ZERO);
    for (x, data) in x.chunks_exact(width).zip(data[before[0] * stride..].chunks_mut(stride)) {
        data[before[1]..before[1] + width].copy_from_slice(x);
    }
}

/// The smallest even number of at least `n` without prime factors beyond 5: lengths that transform fast.
fn smooth(n: usize) -> usize {
    let mut best = n.max(2).next_power_of_two();
    let mut fives = 1;
    while fives < best {
        let mut odd = fives;
        while odd < best {
            let mut candidate = 2 * odd;
            while candidate < n {
                candidate *= 2;
            }
            best = best.min(candidate);
            odd *= 3;
        }
        fives *= 5;
    }
    best
}
