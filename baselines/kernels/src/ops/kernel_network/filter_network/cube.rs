//! Networks on a GPU, in f32: one launch forward, two backward.
//!
//! A cube takes a tile of neighbouring points through all layers, in shared memory. The backward pass does so again, down and up, and
//! writes what the gradients of parameters are sums over points of; a second launch adds these up, in a fixed order.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::{OTHER, PER_LAYER};
use crate::gpu::{empty, row_major, suits};

/// Threads of a cube; a power of two within the limits of every device.
const THREADS: usize = 256;
/// Points of a tile at most.
const TILE: usize = 8;
/// Threads that share a sum over points; a power of two.
const LANES: usize = 8;
/// Buffers that a launch needs beside the inputs.
const OTHER_BUFFERS: usize = 4;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Network {
    layers: usize,
    axes: usize,
    hidden: usize,
    /// Points of a tile.
    tile: usize,
    /// Inverse widths of a channel: one, or one per axis.
    widths: usize,
}

impl Network {
    /// Values of the hidden channels over a tile.
    fn channels(self) -> usize {
        self.hidden * self.tile
    }

    /// Values that the forward pass keeps in shared memory.
    fn forward_values(self) -> usize {
        2 * self.channels()
    }

    /// Values that the backward pass keeps: hₗ of all layers and the filter, z of all but the first, and two more.
    fn backward_values(self) -> usize {
        (2 * self.layers + 3) * self.channels()
    }

    /// Centres and inverse widths of all filters.
    fn constants(self) -> usize {
        (self.layers + 1) * self.hidden * (self.axes + self.widths)
    }

    /// Rows of what the backward pass writes down per point: h, and the slopes by phase and by the logarithm of the envelope, of
    /// every filter, then the slopes of z of every layer.
    fn rows(self) -> usize {
        (3 * (self.layers + 1) + self.layers) * self.hidden
    }
}

/// A network and its inputs row-major; `None` where the kernels do not apply.
fn prepared(inputs: &[CubeTensor], backward: bool) -> Option<(Network, Vec<CubeTensor>)> {
    let [positions, weight, _, frequencies, _, _, widths, ..] = inputs else { return None };
    let hardware = &positions.client.properties().hardware;
    let widths = widths.shape()[1];
    let same_widths = (OTHER..inputs.len()).step_by(PER_LAYER).all(|filter| inputs[filter + 3].shape()[1] == widths);
    let enough = inputs.len() + OTHER_BUFFERS <= hardware.max_bindings as usize
        && THREADS as u32 <= hardware.max_units_per_cube
        && weight.shape()[0] <= hardware.max_cube_count.0 as usize / 2;
    if !inputs.iter().all(suits) || !same_widths || !enough {
        return None;
    }
    let layers = (inputs.len() - OTHER) / PER_LAYER;
    let (axes, hidden) = (frequencies.shape()[1], frequencies.shape()[0]);
    let mut network = Network { layers, axes, hidden, tile: TILE, widths };
    let needed = |network: Network| {
        let values = if backward { network.backward_values() } else { network.forward_values() };
        values * size_of::<f32>()
    };
    while network.tile > 1 && needed(network) > hardware.max_shared_memory_size {
        network.tile /= 2;
    }
    let points = positions.shape()[1].div_ceil(network.tile);
    let fits = needed(network) <= hardware.max_shared_memory_size && points <= hardware.max_cube_count.0 as usize;
    fits.then(|| (network, inputs.iter().cloned().map(into_contiguous).collect()))
}

/// The parameters, without the positions.
fn arguments(inputs: &[CubeTensor]) -> SequenceArg<OwnedTensor<f32>> {
    inputs[1..].iter().map(|input| input.clone().into_tensor_arg()).collect()
}

/// Kernel values; `None` where the kernel does not apply.
pub(super) fn forward(inputs: &[CubeTensor]) -> Option<CubeTensor> {
    let (network, inputs) = prepared(inputs, false)?;
    let (positions, outputs) = (&inputs[0], inputs[1].shape()[0]);
    let points = positions.shape()[1];
    let values = empty(positions, [outputs, points]);
    // SAFETY: every index is below the sizes in the shapes, which the operation has checked against each other.
    unsafe {
        forward_kernel::launch_unchecked(
            &positions.client,
            CubeCount::Static(points.div_ceil(network.tile) as u32, 1, 1),
            CubeDim::new_1d(THREADS as u32),
            positions.clone().into_tensor_arg(),
            arguments(&inputs),
            values.clone().into_tensor_arg(),
            0,
            network,
        );
    }
    Some(values)
}

/// The gradients of all inputs but the positions, in their order; `None` where the kernels do not apply.
pub(super) fn backward(inputs: &[CubeTensor], g: &CubeTensor) -> Option<Vec<CubeTensor>> {
    let (network, inputs) = prepared(inputs, true)?;
    let [g] = row_major([g])?;
    let (positions, outputs) = (&inputs[0], inputs[1].shape()[0]);
    let points = positions.shape()[1];
    // Centres and inverse widths come after the rows: a launch has room for few buffers.
    let terms = empty(positions, [network.rows() * points + network.constants()]);
    // SAFETY: every index is below the sizes in the shapes, which the operation has checked against each other.
    unsafe {
        backward_kernel::launch_unchecked(
            &positions.client,
            CubeCount::Static(points.div_ceil(network.tile) as u32, 1, 1),
            CubeDim::new_1d(THREADS as u32),
            positions.clone().into_tensor_arg(),
            arguments(&inputs),
            g.clone().into_tensor_arg(),
            terms.clone().into_tensor_arg(),
            0,
            network,
        );
    }
    let gradients: Vec<CubeTensor> = inputs[1..].iter().map(|input| empty(input, input.shape())).collect();
    let rows = outputs + (2 * network.layers + 1) * network.hidden;
    // SAFETY: a cube per row, and every index is below the sizes in the shapes.
    unsafe {
        sums_kernel::launch_unchecked(
            &positions.client,
            CubeCount::Static(rows as u32, 1, 1),
            CubeDim::new_1d(THREADS as u32),
            positions.clone().into_tensor_arg(),
            g.into_tensor_arg(),
            terms.into_tensor_arg(),
            gradients.iter().map(|gradient| gradient.clone().into_tensor_arg()).collect(),
            network,
        );
    }
    Some(gradients)
}

/// The place of the filter of a layer (0 for the first filter) among the parameters.
fn filter_at(layer: usize) -> usize {
    if layer == 0 { 2 } else { OTHER - 1 + PER_LAYER * (layer - 1) }
}

/// Phase and envelope of a filter at a point.
#[cube]
fn filter(
    positions: &Tensor<f32>,
    parameters: &Sequence<OwnedTensor<f32>>,
    channel: usize,
    point: usize,
    zero: u32,
    #[comptime] layer: usize,
    #[comptime] network: Network,
) -> (f32, f32) {
    let at = comptime!(filter_at(layer));
    let weight = &parameters[at];
    let bias = &parameters[comptime!(at + 1)];
    let mu = &parameters[comptime!(at + 2)];
    let gamma = &parameters[comptime!(at + 3)];
    let mut phase = bias[channel];
    let mut exponent = 0.0f32;
    #[unroll]
    for d in 0..network.axes {
        let x = positions[d * positions.shape(1) + point];
        let place = channel * comptime!(network.axes) + d;
        // Two roundings, as the originals have them: high frequencies magnify the difference. Bits that nobody knows at compile
        // time, though they are zeros, keep product and sum apart.
        let product = u32::reinterpret(weight[place] * x) ^ zero;
        phase += f32::reinterpret(product);
        let width = if comptime!(network.widths == 1) { gamma[channel] } else { gamma[place] };
        let scaled = (x - mu[place]) * width;
        exponent += scaled * scaled;
    }
    (phase, (exponent * -0.5f32).exp())
}

/// The network at the points of a tile.
#[cube(launch_unchecked)]
fn forward_kernel(
    positions: &Tensor<f32>,
    parameters: &Sequence<OwnedTensor<f32>>,
    values: &mut Tensor<f32>,
    zero: u32,
    #[comptime] network: Network,
) {
    let channels = comptime!(network.channels());
    let tile = comptime!(network.tile);
    let hidden = comptime!(network.hidden);
    // Those of every second layer follow those of the others.
    let mut h = Shared::<[f32]>::new_slice(comptime!(2 * network.channels()));
    let points = positions.shape(1);
    let begin = CUBE_POS_X as usize * tile;
    let unit = UNIT_POS as usize;
    #[unroll]
    for layer in 0..network.layers + 1 {
        let from = comptime!((layer + 1) % 2 * network.channels());
        let to = comptime!(layer % 2 * network.channels());
        let mut at = unit;
        while at < channels {
            let channel = at / tile;
            // Points beyond the last are computed as that one, and not written.
            let point = min_of(begin + at % tile, points - 1);
            let (phase, envelope) = filter(positions, parameters, channel, point, zero, layer, network);
            let mut value = envelope * phase.sin();
            if comptime!(layer > 0) {
                let map = comptime!(filter_at(layer) + 4);
                let weight = &parameters[map];
                let bias = &parameters[comptime!(map + 1)];
                let mut sum = bias[channel];
                for k in 0..hidden {
                    sum += weight[channel * hidden + k] * h[from + k * tile + at % tile];
                }
                value *= sum;
            }
            h[to + at] = value;
            at += THREADS;
        }
        sync_cube();
    }
    let last = comptime!(network.layers % 2 * network.channels());
    let weight = &parameters[0usize];
    let bias = &parameters[1usize];
    let outputs = values.shape(0);
    let mut at = unit;
    while at < outputs * tile {
        let output = at / tile;
        let point = begin + at % tile;
        if point < points {
            let mut sum = bias[output];
            for k in 0..hidden {
                sum += weight[output * hidden + k] * h[last + k * tile + at % tile];
            }
            values[output * points + point] = sum;
        }
        at += THREADS;
    }
}

#[cube]
fn min_of(a: usize, b: usize) -> usize {
    select(a < b, a, b)
}

/// Writes down what gradients are sums over points of.
#[cube(launch_unchecked)]
fn backward_kernel(
    positions: &Tensor<f32>,
    parameters: &Sequence<OwnedTensor<f32>>,
    g: &Tensor<f32>,
    terms: &mut Tensor<f32>,
    zero: u32,
    #[comptime] network: Network,
) {
    let channels = comptime!(network.channels());
    let tile = comptime!(network.tile);
    let hidden = comptime!(network.hidden);
    let mut h = Shared::<[f32]>::new_slice(comptime!((network.layers + 1) * network.channels()));
    let mut z = Shared::<[f32]>::new_slice(comptime!(network.layers * network.channels()));
    let mut slopes = Shared::<[f32]>::new_slice(comptime!(network.channels()));
    let mut dz = Shared::<[f32]>::new_slice(comptime!(network.channels()));
    let points = positions.shape(1);
    let begin = CUBE_POS_X as usize * tile;
    let unit = UNIT_POS as usize;
    #[unroll]
    for layer in 0..network.layers + 1 {
        let to = comptime!(layer * network.channels());
        let mut at = unit;
        while at < channels {
            let channel = at / tile;
            let point = begin + at % tile;
            let (phase, envelope) =
                filter(positions, parameters, channel, min_of(point, points - 1), zero, layer, network);
            let mut value = envelope * phase.sin();
            if comptime!(layer > 0) {
                let from = comptime!((layer - 1) * network.channels());
                let map = comptime!(filter_at(layer) + 4);
                let weight = &parameters[map];
                let bias = &parameters[comptime!(map + 1)];
                let mut sum = bias[channel];
                for k in 0..hidden {
                    sum += weight[channel * hidden + k] * h[from + k * tile + at % tile];
                }
                z[from + at] = sum;
                value *= sum;
            }
            h[to + at] = value;
            if point < points {
                let row = comptime!(layer * network.hidden) + channel;
                terms[row * points + point] = value;
            }
            at += THREADS;
        }
        sync_cube();
    }
    if begin == 0usize {
        write_constants(parameters, terms, points, network);
    }
    // From the outputs to the last layer.
    let weight = &parameters[0usize];
    let outputs = g.shape(0);
    let mut at = unit;
    while at < channels {
        let channel = at / tile;
        let point = min_of(begin + at % tile, points - 1);
        let mut sum = 0.0f32;
        for output in 0..outputs {
            sum += weight[output * hidden + channel] * g[output * points + point];
        }
        slopes[at] = sum;
        at += THREADS;
    }
    sync_cube();
    #[unroll]
    for up in 0..network.layers + 1 {
        let layer = comptime!(network.layers - up);
        let mut at = unit;
        while at < channels {
            let channel = at / tile;
            let point = begin + at % tile;
            let (phase, envelope) =
                filter(positions, parameters, channel, min_of(point, points - 1), zero, layer, network);
            let sine = phase.sin();
            let mut slope = slopes[at];
            if comptime!(layer > 0) {
                let through = slope * envelope * sine;
                dz[at] = through;
                if point < points {
                    let row = comptime!((3 * (network.layers + 1) + layer - 1) * network.hidden) + channel;
                    terms[row * points + point] = through;
                }
                slope *= z[comptime!((layer - 1) * network.channels()) + at];
            }
            if point < points {
                let weighed = slope * envelope;
                let by_phase = comptime!((network.layers + 1 + layer) * network.hidden) + channel;
                let by_log = comptime!((2 * (network.layers + 1) + layer) * network.hidden) + channel;
                terms[by_phase * points + point] = weighed * phase.cos();
                terms[by_log * points + point] = weighed * sine;
            }
            at += THREADS;
        }
        sync_cube();
        if comptime!(layer > 0) {
            let map = comptime!(filter_at(layer) + 4);
            let weight = &parameters[map];
            let mut at = unit;
            while at < channels {
                let channel = at / tile;
                let mut sum = 0.0f32;
                for k in 0..hidden {
                    sum += weight[k * hidden + channel] * dz[k * tile + at % tile];
                }
                slopes[at] = sum;
                at += THREADS;
            }
            sync_cube();
        }
    }
}

/// Writes centres and inverse widths of every channel of every filter after the rows of `terms`.
#[cube]
fn write_constants(
    parameters: &Sequence<OwnedTensor<f32>>,
    terms: &mut Tensor<f32>,
    points: usize,
    #[comptime] network: Network,
) {
    let axes = comptime!(network.axes);
    let widths = comptime!(network.widths);
    #[unroll]
    for layer in 0..network.layers + 1 {
        let mu = &parameters[comptime!(filter_at(layer) + 2)];
        let gamma = &parameters[comptime!(filter_at(layer) + 3)];
        let mut channel = UNIT_POS as usize;
        while channel < comptime!(network.hidden) {
            let to = constants_at(points, channel, layer, network);
            for d in 0..axes {
                terms[to + d] = mu[channel * axes + d];
            }
            for d in 0..widths {
                terms[to + axes + d] = gamma[channel * widths + d];
            }
            channel += THREADS;
        }
    }
}

/// Where the constants of a channel begin.
#[cube]
fn constants_at(points: usize, channel: usize, #[comptime] layer: usize, #[comptime] network: Network) -> usize {
    let before = comptime!(layer * network.hidden) + channel;
    comptime!(network.rows()) * points + before * comptime!(network.axes + network.widths)
}

/// Adds up gradients: a cube per row of the output map, of a layer's map, or of a filter.
#[cube(launch_unchecked)]
fn sums_kernel(
    positions: &Tensor<f32>,
    g: &Tensor<f32>,
    terms: &Tensor<f32>,
    gradients: &mut Sequence<OwnedTensor<f32>>,
    #[comptime] network: Network,
) {
    let mut sums = Shared::<[f32]>::new_slice(THREADS);
    let hidden = comptime!(network.hidden);
    let points = positions.shape(1);
    let outputs = g.shape(0);
    let row = CUBE_POS_X as usize;
    if row < outputs {
        let h = comptime!(network.layers * network.hidden);
        products(g, row, terms, h, points, &mut sums, gradients, 0usize, network);
    }
    #[unroll]
    for layer in 1..network.layers + 1 {
        let first = outputs + comptime!((layer - 1) * network.hidden);
        if row >= first && row < first + hidden {
            let slope = comptime!((3 * (network.layers + 1) + layer - 1) * network.hidden) + row - first;
            let h = comptime!((layer - 1) * network.hidden);
            products(terms, slope, terms, h, points, &mut sums, gradients, comptime!(filter_at(layer) + 4), network);
        }
    }
    #[unroll]
    for layer in 0..network.layers + 1 {
        let first = outputs + comptime!((network.layers + layer) * network.hidden);
        if row >= first && row < first + hidden {
            filter_sums(positions, terms, row - first, points, &mut sums, gradients, layer, network);
        }
    }
}

/// The sum of the values of the lanes of this thread; every thread has to call it.
#[cube]
fn over_lanes(value: f32, sums: &mut Shared<[f32]>) -> f32 {
    let unit = UNIT_POS as usize;
    sync_cube();
    sums[unit] = value;
    sync_cube();
    let mut sum = 0.0f32;
    for lane in 0..LANES {
        sum += sums[unit / LANES * LANES + lane];
    }
    sum
}

/// Sums over points of row `row` of `slopes`, by itself and times each of the rows of `terms` from `h` on: bias and weight of a map.
#[cube]
fn products(
    slopes: &Tensor<f32>,
    row: usize,
    terms: &Tensor<f32>,
    #[comptime] h: usize,
    points: usize,
    sums: &mut Shared<[f32]>,
    gradients: &mut Sequence<OwnedTensor<f32>>,
    #[comptime] map: usize,
    #[comptime] network: Network,
) {
    let hidden = comptime!(network.hidden);
    let lane = UNIT_POS as usize % LANES;
    // Which row of the map: that of a layer's slopes begins at a multiple of `hidden`.
    let output = if comptime!(map == 0) { row } else { row % hidden };
    let steps = comptime!((network.hidden + 1).div_ceil(THREADS / LANES));
    for step in 0..steps {
        let k = step * comptime!(THREADS / LANES) + UNIT_POS as usize / LANES;
        let mut sum = 0.0f32;
        let mut point = lane;
        if k < hidden {
            while point < points {
                sum += slopes[row * points + point] * terms[(h + k) * points + point];
                point += LANES;
            }
        } else if k == hidden {
            while point < points {
                sum += slopes[row * points + point];
                point += LANES;
            }
        }
        let total = over_lanes(sum, sums);
        if lane == 0usize {
            if k < hidden {
                let weight = &mut gradients[map];
                weight[output * hidden + k] = total;
            } else if k == hidden {
                let bias = &mut gradients[comptime!(map + 1)];
                bias[output] = total;
            }
        }
    }
}

/// The gradients of a channel of a filter. A group of lanes each adds up those of the phase, of the frequencies, of the centres and
/// of the inverse widths.
#[cube]
fn filter_sums(
    positions: &Tensor<f32>,
    terms: &Tensor<f32>,
    channel: usize,
    points: usize,
    sums: &mut Shared<[f32]>,
    gradients: &mut Sequence<OwnedTensor<f32>>,
    #[comptime] layer: usize,
    #[comptime] network: Network,
) {
    let axes = comptime!(network.axes);
    let centres = constants_at(points, channel, layer, network);
    let widths = centres + axes;
    let lane = UNIT_POS as usize % LANES;
    let group = UNIT_POS as usize / LANES;
    let by_phase = (comptime!((network.layers + 1 + layer) * network.hidden) + channel) * points;
    let by_log = (comptime!((2 * (network.layers + 1) + layer) * network.hidden) + channel) * points;
    let mut sum = 0.0f32;
    let mut point = lane;
    if group == 0usize {
        while point < points {
            sum += terms[by_phase + point];
            point += LANES;
        }
    } else if group <= axes {
        let d = group - 1;
        while point < points {
            sum += terms[by_phase + point] * positions[d * points + point];
            point += LANES;
        }
    } else if group <= 2 * axes {
        let d = group - axes - 1;
        let centre = terms[centres + d];
        while point < points {
            sum += terms[by_log + point] * (positions[d * points + point] - centre);
            point += LANES;
        }
    } else if group <= 2 * axes + comptime!(network.widths) {
        let d = group - 2 * axes - 1;
        while point < points {
            if comptime!(network.widths == network.axes) {
                let distance = positions[d * points + point] - terms[centres + d];
                sum += terms[by_log + point] * distance * distance;
            } else {
                for axis in 0..axes {
                    let distance = positions[axis * points + point] - terms[centres + axis];
                    sum += terms[by_log + point] * distance * distance;
                }
            }
            point += LANES;
        }
    }
    let total = over_lanes(sum, sums);
    if lane == 0usize {
        let at = comptime!(filter_at(layer));
        if group == 0usize {
            let bias = &mut gradients[comptime!(at + 1)];
            bias[channel] = total;
        } else if group <= axes {
            let weight = &mut gradients[at];
            weight[channel * axes + group - 1] = total;
        } else if group <= 2 * axes {
            let d = group - axes - 1;
            let width = if comptime!(network.widths == 1) { terms[widths] } else { terms[widths + d] };
            let mu = &mut gradients[comptime!(at + 2)];
            mu[channel * axes + d] = total * width * width;
        } else if group <= 2 * axes + comptime!(network.widths) {
            let d = group - 2 * axes - 1;
            let gamma = &mut gradients[comptime!(at + 3)];
            gamma[channel * comptime!(network.widths) + d] = total * terms[widths + d] * -1.0f32;
        }
    }
}
