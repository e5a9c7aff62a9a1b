//! Depthwise convolutions by spectra, sixteen neighbouring channels at a time.
#![allow(unsafe_code)]

use std::ops::Range;

use rayon::prelude::*;

use super::flex::Plan;
use crate::cpu::batched_fft::BatchedFft;
use crate::cpu::buffer::Buffer;
use crate::cpu::element::Element;
use crate::cpu::matmul::tile::PAIR;
use crate::cpu::shared::Shared;
use crate::cpu::simd::vector::LANES;

/// Samples of a batch whose kernel gradients are summed by one task.
const GROUP: usize = 8;

impl Plan {
    /// Correlation of `x` `[batch, channels, positions]` with the kernels `k` `[channels, taps]`.
    pub(crate) fn spectral<T: Element>(&self, x: &[T], k: &[T]) -> Buffer<T> {
        let kernels = Kernels::new(self, k, true);
        let mut y = Buffer::new(x.len());
        let out = Shared::new(&mut y);
        (0..self.batch * self.channel_groups()).into_par_iter().for_each_init(
            || BatchedFft::new(self.n),
            |fft, task| {
                let (sample, channels) = (task / self.channel_groups(), self.channels(task % self.channel_groups()));
                fft.load(self.rows(x, sample, &channels), self.data(self.offset));
                fft.forward(false);
                fft.multiply(kernels.of(&channels));
                fft.inverse(self.scale(), false);
                // SAFETY: every channel of every sample is visited once.
                fft.store(unsafe { self.places(out, sample, &channels) }, self.data(0));
            },
        );
        y
    }

    /// Gradients of input and kernels from the gradient `g` of the output.
    pub(crate) fn spectral_backward<T: Element>(
        &self,
        x: &[T],
        k: &[T],
        g: &[T],
        wanted: [bool; 2],
    ) -> (Option<Buffer<T>>, Option<Vec<T>>) {
        let taps = self.taps[0] * self.taps[1];
        let groups = self.batch.div_ceil(GROUP);
        let mut dx = wanted[0].then(|| (Buffer::new(x.len()), Kernels::new(self, k, false)));
        let dx_and_kernels = dx.as_mut().map(|(dx, kernels)| (Shared::new(dx), &*kernels));
        let mut parts = vec![T::ZERO; if wanted[1] { groups * self.output * taps } else { 0 }];
        let sums = Shared::new(&mut parts);
        (0..groups * self.channel_groups()).into_par_iter().for_each_init(
            || [(); 3].map(|()| BatchedFft::new(self.n)),
            |[of_x, of_g, sum], task| {
                let (group, channels) = (task / self.channel_groups(), self.channels(task % self.channel_groups()));
                sum.clear();
                for sample in group * GROUP..(group * GROUP + GROUP).min(self.batch) {
                    of_g.load(self.rows(g, sample, &channels), self.data(0));
                    of_g.forward(false);
                    if wanted[1] {
                        of_x.load(self.rows(x, sample, &channels), self.data(self.offset));
                        of_x.forward(false);
                        sum.add_product(of_x, of_g);
                    }
                    if let Some((dx, kernels)) = dx_and_kernels {
                        of_g.multiply(kernels.of(&channels));
                        of_g.inverse(self.scale(), false);
                        // SAFETY: every channel of every sample is visited once.
                        of_g.store(unsafe { self.places(dx, sample, &channels) }, self.data(self.offset));
                    }
                }
                if wanted[1] {
                    sum.inverse(self.scale(), false);
                    let places = std::array::from_fn(|lane| {
                        let channel = channels.start + lane;
                        // SAFETY: every channel of every group is visited once.
                        let place = || unsafe { sums.slice((group * self.output + channel) * taps, taps) };
                        channels.contains(&channel).then(place)
                    });
                    sum.store(places, self.kernel());
                }
            },
        );
        let dk = wanted[1].then(|| {
            let rest = parts.split_off(self.output * taps);
            for part in rest.chunks_exact(self.output * taps) {
                parts.iter_mut().zip(part).for_each(|(sum, &part)| *sum += part);
            }
            parts
        });
        (dx.map(|(dx, _)| dx), dk)
    }

    fn scale<T: Element>(&self) -> T {
        T::ONE / T::of(self.n as f64)
    }

    fn channel_groups(&self) -> usize {
        self.output.div_ceil(LANES)
    }

    /// The channels of a group.
    fn channels(&self, group: usize) -> Range<usize> {
        group * LANES..(group * LANES + LANES).min(self.output)
    }

    /// Where the positions of a channel of a sample begin.
    fn begin(&self, sample: usize, channel: usize) -> usize {
        (sample * self.output + channel) * self.positions()
    }

    fn rows<'a, T>(&self, values: &'a [T], sample: usize, channels: &Range<usize>) -> [Option<&'a [T]>; LANES] {
        std::array::from_fn(|lane| {
            let channel = channels.start + lane;
            channels.contains(&channel).then(|| &values[self.begin(sample, channel)..][..self.positions()])
        })
    }

    /// # Safety
    /// Nobody else refers to these channels of this sample.
    unsafe fn places<'a, T>(
        &self,
        out: Shared<'a, T>,
        sample: usize,
        channels: &Range<usize>,
    ) -> [Option<&'a mut [T]>; LANES] {
        std::array::from_fn(|lane| {
            let channel = channels.start + lane;
            // SAFETY: the caller's, and channels lie apart.
            let place = || unsafe { out.slice(self.begin(sample, channel), self.positions()) };
            channels.contains(&channel).then(place)
        })
    }
}

/// Spectra of kernels, group by group of channels as [`BatchedFft::bins`] has them.
struct Kernels<T> {
    values: Buffer<T>,
    /// Numbers per group.
    group: usize,
}

impl<T: Element> Kernels<T> {
    /// Spectra of `k` `[channels, taps]`, conjugated where asked for.
    fn new(plan: &Plan, k: &[T], conjugate: bool) -> Self {
        let taps = plan.taps[0] * plan.taps[1];
        let group = (plan.n / 2 + 1) * PAIR;
        let mut values = Buffer::new(plan.channel_groups() * group);
        values.par_chunks_mut(group).enumerate().for_each_init(
            || BatchedFft::new(plan.n),
            |fft, (group, values)| {
                let channels = plan.channels(group);
                let row = |channel: usize| &k[channel * taps..][..taps];
                let rows = std::array::from_fn(|lane| (lane < channels.len()).then(|| row(channels.start + lane)));
                fft.load(rows, plan.kernel());
                fft.forward(conjugate);
                values.copy_from_slice(fft.bins());
            },
        );
        Self { values, group }
    }

    fn of(&self, channels: &Range<usize>) -> &[T] {
        &self.values[channels.start / LANES * self.group..][..self.group]
    }
}
