//! Gabor filters on the CPU, in f32: one vectorised pass over the points of a hidden channel, parallel over channels.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use crate::cpu::buffer::Buffer;
use crate::cpu::simd::level::{Loop, dispatch};
use crate::cpu::simd::real::{Real, exp, total};
use crate::cpu::simd::special::sine_and_cosine;
use crate::cpu::tensor::{tensor, values};

/// Points of a pass, whose intermediate values stay in the cache.
const POINTS: usize = 256;
/// Points of a task at least: fewer are done sooner than another thread has begun.
const LEAST: usize = 1024;
/// Points of a loop, which has no rest: what a row lacks of a multiple is computed for zeros and left out.
const BLOCK: usize = 32;
/// Sums side by side.
const LANES: usize = 16;
/// Sums of one channel beside those of its axes.
const OWN: usize = 1;
/// Sums of one axis: gradients of frequency, centre and inverse width.
const PER_AXIS: usize = 3;

/// The filters.
pub(in crate::ops) fn forward(operands: &[FlexTensor; 5]) -> FlexTensor {
    let (hidden, points) = (operands[1].shape()[0], operands[0].shape()[1]);
    let filters = Filters::new(operands);
    let mut y = Buffer::new(hidden * points);
    let rows = y.par_chunks_mut(points).with_min_len(LEAST.div_ceil(points)).enumerate();
    rows.for_each(|(channel, y)| dispatch(Forward { filters, channel, y }));
    tensor(y, [hidden, points])
}

/// The gradients of frequencies, phases, centres and inverse widths.
pub(in crate::ops) fn backward(operands: [FlexTensor; 5], g: FlexTensor) -> [FlexTensor; 4] {
    let (hidden, axes, points) = (operands[1].shape()[0], operands[0].shape()[0], operands[0].shape()[1]);
    let filters = Filters::new(&operands);
    let g = values::<f32>(&g);
    let width = OWN + PER_AXIS * axes;
    let mut sums = vec![0.0; hidden * width];
    let rows = sums.par_chunks_mut(width).zip(g.par_chunks(points)).with_min_len(LEAST.div_ceil(points)).enumerate();
    rows.for_each(|(channel, (sums, g))| {
        dispatch(Backward { filters, channel, g, sums });
    });
    let of_axis = |which: usize| -> Vec<f32> {
        let axis = |sums: &[f64], d: usize| sums[OWN + PER_AXIS * d + which] as f32;
        sums.chunks_exact(width).flat_map(|sums| (0..axes).map(move |d| axis(sums, d))).collect()
    };
    let bias: Vec<f32> = sums.chunks_exact(width).map(|sums| sums[0] as f32).collect();
    let mut gamma = of_axis(2);
    let widths = operands[4].shape()[1];
    if widths < axes {
        gamma = gamma.chunks_exact(axes).map(|gamma| gamma.iter().sum()).collect();
    }
    [
        tensor(of_axis(0), [hidden, axes]),
        tensor(bias, [hidden]),
        tensor(of_axis(1), [hidden, axes]),
        tensor(gamma, [hidden, widths]),
    ]
}

/// Positions and the parameters of all channels.
#[derive(Clone, Copy)]
struct Filters<'a> {
    positions: &'a [f32],
    points: usize,
    axes: usize,
    weight: &'a [f32],
    bias: &'a [f32],
    mu: &'a [f32],
    gamma: &'a [f32],
    widths: usize,
}

impl<'a> Filters<'a> {
    fn new(operands: &'a [FlexTensor; 5]) -> Self {
        let [positions, weight, bias, mu, gamma] = operands.each_ref().map(values::<f32>);
        let (shape, widths) = (operands[0].shape(), operands[4].shape()[1]);
        Self { positions, points: shape[1], axes: shape[0], weight, bias, mu, gamma, widths }
    }

    /// Frequency, centre and inverse width of a channel along an axis.
    #[inline(always)]
    fn along(&self, channel: usize, axis: usize) -> [f32; 3] {
        let at = channel * self.axes + axis;
        let width = channel * self.widths + if self.widths == 1 { 0 } else { axis };
        [self.weight[at], self.mu[at], self.gamma[width]]
    }

    /// Phases and envelopes of the points from `first` on, and of positions at zero up to a whole block; returns the number
    /// of points and that with the rest of the block.
    #[inline(always)]
    fn evaluate<const LEVEL: usize>(
        &self,
        channel: usize,
        first: usize,
        phase: &mut [f32; POINTS],
        envelope: &mut [f32; POINTS],
    ) -> [usize; 2] {
        let n = POINTS.min(self.points - first);
        let padded = n.next_multiple_of(BLOCK);
        let (phases, envelopes) = (&mut phase[..padded], &mut envelope[..padded]);
        phases.fill(self.bias[channel]);
        envelopes.fill(0.0);
        for axis in 0..self.axes {
            let [weight, mu, gamma] = self.along(channel, axis);
            let row = self.row(axis, first, n);
            let blocks = phases.as_chunks_mut::<BLOCK>().0.iter_mut().zip(envelopes.as_chunks_mut::<BLOCK>().0);
            for ((phase, exponent), x) in blocks.zip(row.as_chunks::<BLOCK>().0) {
                for at in 0..BLOCK {
                    // Two roundings, as the originals have them: high frequencies magnify the difference.
                    phase[at] += weight * x[at];
                    let scaled = (x[at] - mu) * gamma;
                    exponent[at] += scaled * scaled;
                }
            }
        }
        for envelope in envelopes.as_chunks_mut::<BLOCK>().0 {
            for value in envelope {
                *value = exp::<LEVEL>(-0.5 * *value);
            }
        }
        [n, padded]
    }

    /// `n` positions along an axis from `first` on, then zeros.
    #[inline(always)]
    fn row(&self, axis: usize, first: usize, n: usize) -> [f32; POINTS] {
        let mut row = [0.0; POINTS];
        row[..n].copy_from_slice(&self.positions[axis * self.points + first..][..n]);
        row
    }
}

struct Forward<'a> {
    filters: Filters<'a>,
    channel: usize,
    y: &'a mut [f32],
}

impl Loop for Forward<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let (mut phase, mut envelope) = ([0.0; POINTS], [0.0; POINTS]);
        for first in (0..self.filters.points).step_by(POINTS) {
            let [n, padded] = self.filters.evaluate::<LEVEL>(self.channel, first, &mut phase, &mut envelope);
            let envelopes = envelope[..padded].as_chunks_mut::<BLOCK>().0;
            for (phase, envelope) in phase.as_chunks::<BLOCK>().0.iter().zip(envelopes) {
                for at in 0..BLOCK {
                    envelope[at] *= sine_and_cosine::<LEVEL>(phase[at]).0;
                }
            }
            self.y[first..first + n].copy_from_slice(&envelope[..n]);
        }
    }
}

struct Backward<'a> {
    filters: Filters<'a>,
    channel: usize,
    g: &'a [f32],
    sums: &'a mut [f64],
}

impl Loop for Backward<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let filters = self.filters;
        let (mut phase, mut envelope) = ([0.0; POINTS], [0.0; POINTS]);
        // Gradient of the phase, and of the logarithm of the envelope; zeros beyond the last point.
        let (mut d_phase, mut d_log) = ([0.0; POINTS], [0.0; POINTS]);
        for first in (0..filters.points).step_by(POINTS) {
            let [n, padded] = filters.evaluate::<LEVEL>(self.channel, first, &mut phase, &mut envelope);
            d_phase[..n].copy_from_slice(&self.g[first..first + n]);
            d_phase[n..padded].fill(0.0);
            let d_phase = &mut d_phase[..padded];
            let blocks = d_phase.as_chunks_mut::<BLOCK>().0.iter_mut().zip(d_log.as_chunks_mut::<BLOCK>().0);
            let places = phase.as_chunks::<BLOCK>().0.iter().zip(envelope.as_chunks::<BLOCK>().0);
            for ((d_phase, d_log), (phase, envelope)) in blocks.zip(places) {
                for at in 0..BLOCK {
                    let (sine, cosine) = sine_and_cosine::<LEVEL>(phase[at]);
                    let g = d_phase[at] * envelope[at];
                    d_phase[at] = g * cosine;
                    d_log[at] = g * sine;
                }
            }
            let mut lanes = [0.0; LANES];
            for block in d_phase.as_chunks::<LANES>().0 {
                for lane in 0..LANES {
                    lanes[lane] += block[lane];
                }
            }
            self.sums[0] += total(&lanes);
            for axis in 0..filters.axes {
                let [_, mu, gamma] = filters.along(self.channel, axis);
                let row = filters.row(axis, first, n);
                let [mut weights, mut centres, mut widths] = [[0.0; LANES]; 3];
                let blocks = d_phase.as_chunks::<LANES>().0.iter().zip(d_log.as_chunks::<LANES>().0);
                for ((d_phase, d_log), x) in blocks.zip(row.as_chunks::<LANES>().0) {
                    for lane in 0..LANES {
                        let distance = x[lane] - mu;
                        weights[lane] = d_phase[lane].fma::<LEVEL>(x[lane], weights[lane]);
                        centres[lane] = d_log[lane].fma::<LEVEL>(distance, centres[lane]);
                        widths[lane] = (d_log[lane] * distance).fma::<LEVEL>(distance, widths[lane]);
                    }
                }
                let sums = &mut self.sums[OWN + PER_AXIS * axis..][..PER_AXIS];
                let gamma = f64::from(gamma);
                sums[0] += total(&weights);
                sums[1] += total(&centres) * gamma * gamma;
                sums[2] -= total(&widths) * gamma;
            }
        }
    }
}
