//! Convolutions on the CPU: sums over taps and channels in register tiles, straight from the padded input.
//!
//! The input is laid out anew with channels last and zeros around. What one tap contributes to neighbouring outputs is then
//! a product of rows that lie a constant distance apart with a packed weight, and a tile of outputs is the sum of such
//! products over all taps, held in registers: nothing is copied per tap. The gradient of the input is the same with the
//! roles of input and output exchanged, for a stride `s` once for each of the `s` remainders of a position; in the gradient
//! of the weight, rows of the tile are output channels and the sum runs over positions.
#![allow(unsafe_code)]

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::taps::Taps;
use crate::cpu::buffer::Buffer;
use crate::cpu::matmul::tile::{PANEL, Strided, Tiles};
use crate::cpu::shared::Shared;
use crate::cpu::simd::level::{Loop, PLAIN, WIDE, dispatch};
use crate::cpu::tensor::{tensor, values};

/// Positions that one task sums up before it turns to the next weights.
const POSITIONS: usize = 1024;
/// Output channels of the gradient of a weight that one task computes.
const ROWS: usize = 8;

pub(super) fn forward<T: Tiles>(x: FlexTensor, weight: FlexTensor, taps: Taps) -> FlexTensor {
    let plan = Plan::new(&x, &weight, taps);
    let padded = plan.input(values::<T>(&x));
    let weights = Weights::by_output(values::<T>(&weight), &plan);
    let mut y = Buffer::new(plan.batch * plan.outputs * plan.out[0] * plan.out[1]);
    let offsets = plan.each_tap(|[ky, kx]| padded.at([taps.dilation[0] * ky, taps.dilation[1] * kx])).collect();
    let lattice = Lattice {
        size: plan.out,
        step: [taps.stride[0] * padded.size[1] * padded.pitch, taps.stride[1] * padded.pitch],
        offsets,
        first: 0,
        place: [plan.out[1], 1],
    };
    let out = Out { values: Shared::new(&mut y), channels: plan.outputs, plane: plan.out[0] * plan.out[1] };
    products(&padded, plan.inputs, &weights.select(0..weights.taps.len()), &lattice, out);
    tensor(y, [plan.batch, plan.outputs, plan.out[0], plan.out[1]])
}

pub(super) fn backward<T: Tiles>(
    x: FlexTensor,
    weight: FlexTensor,
    g: FlexTensor,
    taps: Taps,
    wanted: [bool; 2],
) -> [Option<FlexTensor>; 2] {
    let plan = Plan::new(&x, &weight, taps);
    let dx = wanted[0].then(|| tensor(plan.backward_input(values::<T>(&weight), values::<T>(&g)), x.shape()));
    let dw = wanted[1].then(|| tensor(plan.backward_weight(values::<T>(&x), values::<T>(&g)), weight.shape()));
    [dx, dw]
}

/// Sizes of one convolution.
struct Plan {
    batch: usize,
    inputs: usize,
    outputs: usize,
    size: [usize; 2],
    out: [usize; 2],
    kernel: [usize; 2],
    taps: Taps,
}

impl Plan {
    fn new(x: &FlexTensor, weight: &FlexTensor, taps: Taps) -> Self {
        let (x, weight) = (x.shape(), weight.shape());
        let (size, kernel) = ([x[2], x[3]], [weight[2], weight[3]]);
        let out = [0, 1].map(|axis| taps.outputs(axis, size[axis], kernel[axis]));
        Self { batch: x[0], inputs: x[1], outputs: weight[0], size, out, kernel, taps }
    }

    /// What `of` says of every tap, row by row.
    fn each_tap<R>(&self, of: impl Fn([usize; 2]) -> R) -> impl Iterator<Item = R> {
        let [kh, kw] = self.kernel;
        (0..kh * kw).map(move |tap| of([tap / kw, tap % kw]))
    }

    fn input<T: Tiles>(&self, x: &[T]) -> ChannelsLast<T> {
        let around = self.taps.padding.map(|n| [n, n]);
        ChannelsLast::new(x, [self.batch, self.inputs], self.size, around)
    }

    fn backward_input<T: Tiles>(&self, weight: &[T], g: &[T]) -> Buffer<T> {
        let Taps { stride, dilation, padding } = self.taps;
        // Position `i` of the input meets tap `k` in output `(i + padding − dilation · k) / stride`, where that is whole.
        // Along an axis: the classes of positions by their remainder, each with its first position, their number, and the
        // output of the first for every tap that meets the class.
        let classes = [0, 1].map(|axis| -> Vec<Class> {
            (0..stride[axis].min(self.size[axis]))
                .map(|first| Class {
                    first,
                    positions: (self.size[axis] - first).div_ceil(stride[axis]),
                    outputs: (0..self.kernel[axis])
                        .filter_map(|k| {
                            let distance = (first + padding[axis]) as isize - (dilation[axis] * k) as isize;
                            let whole = distance.rem_euclid(stride[axis] as isize) == 0;
                            whole.then(|| (k, distance.div_euclid(stride[axis] as isize)))
                        })
                        .collect(),
                })
                .collect()
        });
        let around = [0, 1].map(|axis| {
            let firsts = || classes[axis].iter().flat_map(|class| class.outputs.iter().map(move |o| (class, o.1)));
            let before = firsts().map(|(_, output)| -output).max().unwrap_or(0).max(0);
            let last = firsts().map(|(class, output)| output + class.positions as isize - 1).max().unwrap_or(0);
            let after = (last - (self.out[axis] as isize - 1)).max(0);
            [before as usize, after as usize]
        });
        let padded = ChannelsLast::new(g, [self.batch, self.outputs], self.out, around);
        let weights = Weights::by_input(weight, self);
        let mut dx = Buffer::new(self.batch * self.inputs * self.size[0] * self.size[1]);
        for rows in &classes[0] {
            for columns in &classes[1] {
                let place = |axis: usize, output: isize| (output + around[axis][0] as isize) as usize;
                let taps =
                    rows.outputs.iter().flat_map(|&row| columns.outputs.iter().map(move |&column| (row, column)));
                let taps: Vec<_> = taps
                    .map(|((ky, y), (kx, x))| (ky * self.kernel[1] + kx, padded.at([place(0, y), place(1, x)])))
                    .collect();
                let lattice = Lattice {
                    size: [rows.positions, columns.positions],
                    step: [padded.size[1] * padded.pitch, padded.pitch],
                    offsets: taps.iter().map(|tap| tap.1).collect(),
                    first: rows.first * self.size[1] + columns.first,
                    place: [stride[0] * self.size[1], stride[1]],
                };
                let of_class = weights.select(taps.iter().map(|tap| tap.0));
                let (values, plane) = (Shared::new(&mut dx), self.size[0] * self.size[1]);
                products(&padded, self.outputs, &of_class, &lattice, Out { values, channels: self.inputs, plane });
            }
        }
        dx
    }

    fn backward_weight<T: Tiles>(&self, x: &[T], g: &[T]) -> Buffer<T> {
        let Taps { stride, dilation, .. } = self.taps;
        let (left, right) = (ChannelsLast::new(g, [self.batch, self.outputs], self.out, [[0; 2]; 2]), self.input(x));
        let (positions, taps) = (self.out[0] * self.out[1], self.kernel[0] * self.kernel[1]);
        let samples = (POSITIONS / positions).max(1);
        let mut dw = Buffer::new(self.outputs * self.inputs * taps);
        dw.par_chunks_mut(ROWS * self.inputs * taps).enumerate().for_each(|(block, dw)| {
            dw.fill(T::ZERO);
            let first = block * ROWS;
            for group in (0..self.batch).step_by(samples) {
                // Where every row of outputs begins, and the row of inputs under its first tap.
                let rows = (group..(group + samples).min(self.batch)).flat_map(|sample| {
                    let (left, right) = (&left, &right);
                    (0..self.out[0]).map(move |y| [left.of(sample, [y, 0]), right.of(sample, [stride[0] * y, 0])])
                });
                let segments: Vec<[usize; 2]> = rows.collect();
                for (tap, offset) in
                    self.each_tap(|[ky, kx]| right.at([dilation[0] * ky, dilation[1] * kx])).enumerate()
                {
                    for channel in (0..self.inputs).step_by(PANEL) {
                        dispatch(WeightTile {
                            left: Strided { values: &left.values[first..], row: 1, step: left.pitch },
                            right: &right.values[offset + channel..],
                            right_step: stride[1] * right.pitch,
                            segments: &segments,
                            steps: self.out[1],
                            dw,
                            place: [self.inputs * taps, channel * taps + tap, taps],
                            width: PANEL.min(self.inputs - channel),
                        });
                    }
                }
            }
        });
        dw
    }
}

/// Positions of an axis with the same remainder.
struct Class {
    first: usize,
    positions: usize,
    /// Taps that meet them, and the output in which the first position does.
    outputs: Vec<(usize, isize)>,
}

/// `[batch, height, width, channels]` with zeros around, channels padded to whole panels.
struct ChannelsLast<T> {
    values: Buffer<T>,
    size: [usize; 2],
    pitch: usize,
}

impl<T: Tiles> ChannelsLast<T> {
    fn new(x: &[T], [batch, channels]: [usize; 2], [h, w]: [usize; 2], around: [[usize; 2]; 2]) -> Self {
        let size = [h + around[0][0] + around[0][1], w + around[1][0] + around[1][1]];
        let pitch = channels.next_multiple_of(PANEL);
        let mut values = Buffer::new(batch * size[0] * size[1] * pitch);
        let row = size[1] * pitch;
        values.par_chunks_mut(row).enumerate().for_each(|(at, out)| {
            let (sample, y) = (at / size[0], at % size[0]);
            if y < around[0][0] || y >= around[0][0] + h {
                out.fill(T::ZERO);
                return;
            }
            let begin = around[1][0] * pitch;
            out[..begin].fill(T::ZERO);
            out[begin + w * pitch..].fill(T::ZERO);
            let inside = &mut out[begin..begin + w * pitch];
            let x = &x[sample * channels * h * w + (y - around[0][0]) * w..];
            // A cache line of channels at a time, so that neither side is walked through line by line.
            for first in (0..pitch).step_by(16) {
                for (column, out) in inside.chunks_exact_mut(pitch).enumerate() {
                    for (channel, value) in (first..).zip(&mut out[first..first + 16]) {
                        *value = if channel < channels { x[channel * h * w + column] } else { T::ZERO };
                    }
                }
            }
        });
        Self { values, size, pitch }
    }

    /// Distance of a position from the first of its sample.
    fn at(&self, [y, x]: [usize; 2]) -> usize {
        (y * self.size[1] + x) * self.pitch
    }

    /// Place of a position of a sample.
    fn of(&self, sample: usize, position: [usize; 2]) -> usize {
        sample * self.size[0] * self.size[1] * self.pitch + self.at(position)
    }
}

/// Weights in panels of the channels that come out, `[panel, tap, channel that goes in, PANEL]`.
struct Weights<T> {
    values: Buffer<T>,
    panel: usize,
    /// Where the taps begin in a panel.
    taps: Vec<usize>,
}

impl<T: Tiles> Weights<T> {
    /// `panels` panels for `inputs` channels and `taps` taps, where `fill(panel, values)` fills one.
    fn new([panels, taps, inputs]: [usize; 3], fill: impl Fn(usize, &mut [T]) + Sync) -> Self {
        let panel = taps * inputs * PANEL;
        let mut values = Buffer::new(panels * panel);
        values.par_chunks_mut(panel).enumerate().for_each(|(index, values)| {
            values.fill(T::ZERO);
            fill(index, values);
        });
        Self { values, panel, taps: (0..taps).map(|tap| tap * inputs * PANEL).collect() }
    }

    /// Some of the taps.
    fn select(&self, taps: impl Iterator<Item = usize>) -> Selected<'_, T> {
        Selected { values: &self.values, panel: self.panel, taps: taps.map(|tap| self.taps[tap]).collect() }
    }

    /// `[out, in, taps]` for the forward pass: outputs come out.
    fn by_output(weight: &[T], plan: &Plan) -> Self {
        let (inputs, taps) = (plan.inputs, plan.kernel[0] * plan.kernel[1]);
        Self::new([plan.outputs.div_ceil(PANEL), taps, inputs], |panel, values| {
            let outputs = weight[panel * PANEL * inputs * taps..].chunks_exact(inputs * taps).take(PANEL);
            for (lane, output) in outputs.enumerate() {
                for (input, weights) in output.chunks_exact(taps).enumerate() {
                    for (tap, &weight) in weights.iter().enumerate() {
                        values[(tap * inputs + input) * PANEL + lane] = weight;
                    }
                }
            }
        })
    }

    /// `[out, in, taps]` for the gradient of the input: inputs come out.
    fn by_input(weight: &[T], plan: &Plan) -> Self {
        let (inputs, outputs, taps) = (plan.inputs, plan.outputs, plan.kernel[0] * plan.kernel[1]);
        Self::new([inputs.div_ceil(PANEL), taps, outputs], |panel, values| {
            let first = panel * PANEL;
            for (output, weights) in weight.chunks_exact(inputs * taps).enumerate() {
                for (lane, weights) in weights[first * taps..].chunks_exact(taps).take(PANEL).enumerate() {
                    for (tap, &weight) in weights.iter().enumerate() {
                        values[(tap * outputs + output) * PANEL + lane] = weight;
                    }
                }
            }
        })
    }
}

/// Some taps of [`Weights`].
struct Selected<'a, T> {
    values: &'a [T],
    panel: usize,
    taps: Vec<usize>,
}

/// Positions at which products are summed, and where the sums go.
struct Lattice {
    /// Rows and columns.
    size: [usize; 2],
    /// Distance between rows, and between columns, of what goes in.
    step: [usize; 2],
    /// Distance of every tap from its position.
    offsets: Vec<usize>,
    /// Place of the first sum in its plane.
    first: usize,
    /// Distance between rows, and between columns, of sums.
    place: [usize; 2],
}

/// Planes of sums, `[batch, channels, plane]`.
#[derive(Clone, Copy)]
struct Out<'a, T> {
    values: Shared<'a, T>,
    channels: usize,
    plane: usize,
}

/// Sums over taps and the first `inputs` channels of `x`, at every position of the lattice.
fn products<T: Tiles>(
    x: &ChannelsLast<T>,
    inputs: usize,
    weights: &Selected<'_, T>,
    lattice: &Lattice,
    out: Out<'_, T>,
) {
    let sample = x.size[0] * x.size[1] * x.pitch;
    let batch = x.values.len() / sample;
    let samples = (POSITIONS / (lattice.size[0] * lattice.size[1]).max(1)).max(1);
    let panels = weights.values.len() / weights.panel;
    let segments: Vec<[usize; 2]> =
        lattice.offsets.iter().zip(&weights.taps).map(|(&offset, &tap)| [offset, tap]).collect();
    (0..batch.div_ceil(samples) * panels).into_par_iter().for_each(|task| {
        let (group, panel) = (task / panels, task % panels);
        let first = group * samples;
        dispatch(Products {
            x,
            steps: inputs,
            weights: &weights.values[panel * weights.panel..][..weights.panel],
            segments: &segments,
            lattice,
            samples: [first, (first + samples).min(batch)],
            channel: panel * PANEL,
            out,
        });
    });
}

/// One panel of channels of some samples.
struct Products<'a, T> {
    x: &'a ChannelsLast<T>,
    steps: usize,
    weights: &'a [T],
    segments: &'a [[usize; 2]],
    lattice: &'a Lattice,
    samples: [usize; 2],
    channel: usize,
    out: Out<'a, T>,
}

impl<T: Tiles> Loop for Products<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let [rows, columns] = self.lattice.size;
        for sample in self.samples[0]..self.samples[1] {
            for y in 0..rows {
                let mut x = 0;
                // As many positions at a time as registers hold sums of.
                if LEVEL == WIDE {
                    while x + 8 <= columns {
                        self.tile::<8, LEVEL>(sample, [y, x]);
                        x += 8;
                    }
                    if x + 4 <= columns {
                        self.tile::<4, LEVEL>(sample, [y, x]);
                        x += 4;
                    }
                }
                if LEVEL != PLAIN {
                    while x + 2 <= columns {
                        self.tile::<2, LEVEL>(sample, [y, x]);
                        x += 2;
                    }
                }
                while x < columns {
                    self.tile::<1, LEVEL>(sample, [y, x]);
                    x += 1;
                }
            }
        }
    }
}

impl<T: Tiles> Products<'_, T> {
    /// `M` neighbouring positions.
    #[inline(always)]
    fn tile<const M: usize, const LEVEL: usize>(&self, sample: usize, [y, x]: [usize; 2]) {
        let Lattice { step, first, place, .. } = self.lattice;
        let begin = self.x.of(sample, [0, 0]) + y * step[0] + x * step[1];
        let left = Strided { values: &self.x.values[begin..], row: step[1], step: 1 };
        let sums = T::tile::<M, LEVEL>(left, self.weights, PANEL, self.segments, self.steps);
        let Out { values, channels, plane } = self.out;
        let begin = first + y * place[0] + x * place[1];
        for lane in 0..PANEL.min(channels - self.channel) {
            // SAFETY: no other task has this channel of this sample.
            let out = unsafe { values.slice((sample * channels + self.channel + lane) * plane, plane) };
            for (i, sums) in sums.iter().enumerate() {
                out[begin + i * place[1]] = sums[lane];
            }
        }
    }
}

/// The gradient of some weights of one tap: up to [`ROWS`] output channels and a panel of input channels, summed over the
/// positions of some samples and added to what is there.
struct WeightTile<'a, T> {
    left: Strided<'a, T>,
    right: &'a [T],
    right_step: usize,
    segments: &'a [[usize; 2]],
    steps: usize,
    dw: &'a mut [T],
    /// Distance between output channels, place of the first weight, distance between input channels.
    place: [usize; 3],
    width: usize,
}

impl<T: Tiles> Loop for WeightTile<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(mut self) {
        let rows = self.dw.len() / self.place[0];
        let mut row = 0;
        if LEVEL == WIDE {
            while row + 8 <= rows {
                self.add::<8, LEVEL>(row);
                row += 8;
            }
        }
        if LEVEL != PLAIN {
            while row + 2 <= rows {
                self.add::<2, LEVEL>(row);
                row += 2;
            }
        }
        while row < rows {
            self.add::<1, LEVEL>(row);
            row += 1;
        }
    }
}

impl<T: Tiles> WeightTile<'_, T> {
    #[inline(always)]
    fn add<const M: usize, const LEVEL: usize>(&mut self, row: usize) {
        let left = Strided { values: &self.left.values[row..], ..self.left };
        let sums = T::tile::<M, LEVEL>(left, self.right, self.right_step, self.segments, self.steps);
        let [output, first, input] = self.place;
        for (i, sums) in sums.iter().enumerate() {
            for (lane, &sum) in sums.iter().enumerate().take(self.width) {
                self.dw[(row + i) * output + first + lane * input] += sum;
            }
        }
    }
}
