//! Recurrent layers on a GPU: one launch for the whole sequence.
//!
//! A cube keeps the state of a few samples in shared memory and walks through time by itself, so that nothing is launched
//! per step. The samples of a cube are the lanes of a vector: a weight is read once for all of them. Products with the
//! input and the gradients of the weights are matrix products outside. Time-major inside: `[length, batch, features]`.
//! Sums are in f32, as are the operands; other types take the composed path.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::Cube;
use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use super::cell::{Operands, RnnCell};
use super::composed;
use crate::precision::Precision;
use crate::value::Value;

/// Most threads of a cube: enough for the gates of a layer, and within the limits of every device.
const THREADS: usize = 256;
/// Cubes up to which more cubes are worth more than fewer reads of the weights.
const CUBES: usize = 64;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Layer {
    cell: RnnCell,
    hidden: usize,
    /// Whether the forward pass writes down its activations.
    keep: bool,
    /// Parts into which the backward pass splits the sum over the gates.
    parts: usize,
}

impl Layer {
    fn rows(self) -> usize {
        self.cell.gates() * self.hidden
    }

    fn is(self, cell: RnnCell) -> bool {
        self.cell == cell
    }
}

/// How many cubes of how many threads, each with how many samples.
#[derive(Debug, Clone, Copy)]
struct Launch {
    cubes: u32,
    threads: u32,
    lanes: usize,
}

impl Launch {
    /// `None` where a single sample needs more shared memory (`values` per sample) than there is.
    fn new(client: &Client, batch: usize, values: usize, work: usize) -> Option<Self> {
        let hardware = &client.properties().hardware;
        let fits = |lanes: &usize| lanes * values * size_of::<f32>() <= hardware.max_shared_memory_size;
        let wanted = batch.div_ceil(CUBES).next_power_of_two().min(4);
        let lanes = [4, 2, 1].into_iter().filter(|lanes| *lanes <= wanted).find(fits)?;
        let threads = work.next_multiple_of(32).min(THREADS).min(hardware.max_units_per_cube as usize);
        Some(Self { cubes: u32::try_from(batch.div_ceil(lanes)).ok()?, threads: u32::try_from(threads).ok()?, lanes })
    }

    fn count(self) -> CubeCount {
        CubeCount::Static(self.cubes, 1, 1)
    }

    fn dim(self) -> CubeDim {
        CubeDim::new_1d(self.threads)
    }
}

/// [`composed::forward`] in one launch; `None` where the kernel does not apply.
pub(super) fn forward(
    cell: RnnCell,
    operands: &Operands<Cube>,
    keep: bool,
    precision: Precision,
) -> Option<(CubeTensor, CubeTensor)> {
    let [x, w_ih, w_hh, b_ih, b_hh] = operands.clone();
    let ([b, _, l], h) = (dims(&x), w_hh.shape()[1]);
    let layer = Layer { cell, hidden: h, keep, parts: 1 };
    let rows = layer.rows();
    let client = x.client.clone();
    let launch = is_f32(operands).then(|| Launch::new(&client, b, rows + 2 * h, rows))??;
    let projected = composed::project::<Cube>(Value(x), Value(w_ih), Value(b_ih), precision).0;
    // Threads that are neighbours read neighbours.
    let weights = into_contiguous(Value::<Cube>(w_hh).permute(&[1, 0]).0);
    let states = like(&weights, [l, b, h]);
    let kept = like(&weights, if keep { [l, b, activations(cell) * h] } else { [1, 1, 1] });
    let sizes = (u32::try_from(l).ok()?, u32::try_from(b).ok()?);
    // SAFETY: the kernel reads and writes inside the shapes given here, samples beyond the batch being left out.
    unsafe {
        forward_kernel::launch_unchecked(
            &client,
            launch.count(),
            launch.dim(),
            launch.lanes,
            projected.into_tensor_arg(),
            weights.into_tensor_arg(),
            b_hh.into_tensor_arg(),
            states.clone().into_tensor_arg(),
            kept.clone().into_tensor_arg(),
            sizes.0,
            sizes.1,
            layer,
        );
    }
    let y = Value::<Cube>(states).permute(&[1, 2, 0]).0;
    let kept = if keep { kept } else { y.clone() };
    Some((y, kept))
}

/// [`composed::backward`] with its walk through time in one launch; `None` where the kernel does not apply.
pub(super) fn backward(
    cell: RnnCell,
    operands: &Operands<Cube>,
    [y, kept, g]: [&CubeTensor; 3],
    wanted: [bool; 5],
    precision: Precision,
) -> Option<[Option<CubeTensor>; 5]> {
    let [x, w_ih, w_hh, _, _] = operands.clone();
    let ([b, _, l], h) = (dims(&x), w_hh.shape()[1]);
    let client = x.client.clone();
    let parts = (THREADS / h).clamp(1, 4);
    let layer = Layer { cell, hidden: h, keep: false, parts };
    let rows = layer.rows();
    let values = rows + (2 + parts) * h;
    let launch = is_f32(operands).then(|| Launch::new(&client, b, values, parts * h))??;
    let weights = into_contiguous(w_hh);
    let g = Value::<Cube>(g.clone()).permute(&[2, 0, 1]);
    let states = Value::<Cube>(y.clone()).permute(&[2, 0, 1]);
    let from_x = like(&weights, [l, b, rows]);
    let from_h = like(&weights, if cell == RnnCell::Gru { [l, b, rows] } else { [1, 1, 1] });
    let sizes = (u32::try_from(l).ok()?, u32::try_from(b).ok()?);
    // SAFETY: the kernel reads and writes inside the shapes given here, samples beyond the batch being left out.
    unsafe {
        backward_kernel::launch_unchecked(
            &client,
            launch.count(),
            launch.dim(),
            launch.lanes,
            g.0.into_tensor_arg(),
            kept.clone().into_tensor_arg(),
            states.clone().0.into_tensor_arg(),
            weights.into_tensor_arg(),
            from_x.clone().into_tensor_arg(),
            from_h.clone().into_tensor_arg(),
            sizes.0,
            sizes.1,
            layer,
        );
    }
    let from_h = (cell == RnnCell::Gru).then_some(Value(from_h));
    Some(composed::gather::<Cube>([Value(x), Value(w_ih), states], Value(from_x), from_h, wanted, precision))
}

/// Values that are written down per hidden unit and step.
fn activations(cell: RnnCell) -> usize {
    match cell {
        RnnCell::Lstm => 5,
        RnnCell::Gru => 4,
        RnnCell::Rnn => 1,
    }
}

fn dims(x: &CubeTensor) -> [usize; 3] {
    let shape = x.shape();
    [shape[0], shape[1], shape[2]]
}

fn is_f32(operands: &Operands<Cube>) -> bool {
    operands.iter().all(|operand| operand.dtype == DType::F32)
}

fn like(tensor: &CubeTensor, shape: [usize; 3]) -> CubeTensor {
    let (client, device) = (tensor.client.clone(), tensor.device.clone());
    empty_device_contiguous_dtype(client, device, Shape::from(shape), tensor.dtype)
}

/// A time and the samples of a vector's lanes, from `first` on. Lanes beyond the batch repeat its last sample.
#[derive(CubeType)]
struct Place {
    t: usize,
    first: usize,
    batch: usize,
}

/// The values of feature `unit` at a place.
#[cube]
fn load<N: Size>(from: &Tensor<f32>, place: &Place, unit: usize) -> Vector<f32, N> {
    let at = place.t * from.stride(0) + unit * from.stride(2);
    let mut values = Vector::<f32, N>::empty();
    #[unroll]
    for lane in 0..N::value() {
        let item = select(place.first + lane < place.batch, place.first + lane, place.batch - 1);
        values.insert(lane, from[at + item * from.stride(1)]);
    }
    values
}

/// The values of feature `unit` at the time before, zeros before the first.
#[cube]
fn load_before<N: Size>(from: &Tensor<f32>, place: &Place, unit: usize) -> Vector<f32, N> {
    let mut values = Vector::<f32, N>::new(0.0f32);
    if place.t > 0 {
        values = load::<N>(from, &Place { t: place.t - 1, first: place.first, batch: place.batch }, unit);
    }
    values
}

/// The counterpart of [`load`].
#[cube]
fn store<N: Size>(to: &mut Tensor<f32>, place: &Place, unit: usize, values: Vector<f32, N>) {
    let at = place.t * to.stride(0) + unit * to.stride(2);
    #[unroll]
    for lane in 0..N::value() {
        if place.first + lane < place.batch {
            let item = at + (place.first + lane) * to.stride(1);
            to[item] = values.extract(lane);
        }
    }
}

#[cube]
fn sigmoid<N: Size>(x: Vector<f32, N>) -> Vector<f32, N> {
    let one = Vector::<f32, N>::new(1.0f32);
    one / (one + (-x).exp())
}

/// Derivative of the logistic function, from its value.
#[cube]
fn slope<N: Size>(s: Vector<f32, N>) -> Vector<f32, N> {
    s * (Vector::<f32, N>::new(1.0f32) - s)
}

/// Derivative of the hyperbolic tangent, from its value.
#[cube]
fn bend<N: Size>(s: Vector<f32, N>) -> Vector<f32, N> {
    Vector::<f32, N>::new(1.0f32) - s * s
}

/// Sets the values of two arrays of shared memory to zero.
#[cube]
fn clear<N: Size>(a: &mut Shared<[Vector<f32, N>]>, b: &mut Shared<[Vector<f32, N>]>, #[comptime] length: usize) {
    let mut at = UNIT_POS as usize;
    while at < length {
        a[at] = Vector::<f32, N>::new(0.0f32);
        b[at] = Vector::<f32, N>::new(0.0f32);
        at += CUBE_DIM as usize;
    }
}

/// The next state of an LSTM's unit, whose memory moves on too; activations are written down where they are kept.
#[cube]
fn lstm_step<N: Size>(
    projected: &Tensor<f32>,
    sums: &Shared<[Vector<f32, N>]>,
    memory: &mut Shared<[Vector<f32, N>]>,
    kept: &mut Tensor<f32>,
    at: &Place,
    unit: usize,
    #[comptime] layer: Layer,
) -> Vector<f32, N> {
    let h = comptime!(layer.hidden);
    let i = sigmoid::<N>(sums[unit] + load::<N>(projected, at, unit));
    let f = sigmoid::<N>(sums[h + unit] + load::<N>(projected, at, h + unit));
    let g = (sums[2 * h + unit] + load::<N>(projected, at, 2 * h + unit)).tanh();
    let o = sigmoid::<N>(sums[3 * h + unit] + load::<N>(projected, at, 3 * h + unit));
    let c = f * memory[unit] + i * g;
    memory[unit] = c;
    if comptime!(layer.keep) {
        store::<N>(kept, at, unit, i);
        store::<N>(kept, at, h + unit, f);
        store::<N>(kept, at, 2 * h + unit, g);
        store::<N>(kept, at, 3 * h + unit, o);
        store::<N>(kept, at, 4 * h + unit, c);
    }
    o * c.tanh()
}

/// The next state of a GRU's unit after `state`; activations are written down where they are kept.
#[cube]
fn gru_step<N: Size>(
    projected: &Tensor<f32>,
    sums: &Shared<[Vector<f32, N>]>,
    state: Vector<f32, N>,
    kept: &mut Tensor<f32>,
    at: &Place,
    unit: usize,
    #[comptime] layer: Layer,
) -> Vector<f32, N> {
    let h = comptime!(layer.hidden);
    let r = sigmoid::<N>(sums[unit] + load::<N>(projected, at, unit));
    let z = sigmoid::<N>(sums[h + unit] + load::<N>(projected, at, h + unit));
    let recurrent = sums[2 * h + unit];
    let n = (load::<N>(projected, at, 2 * h + unit) + r * recurrent).tanh();
    if comptime!(layer.keep) {
        store::<N>(kept, at, unit, r);
        store::<N>(kept, at, h + unit, z);
        store::<N>(kept, at, 2 * h + unit, n);
        store::<N>(kept, at, 3 * h + unit, recurrent);
    }
    n + z * (state - n)
}

/// `projected` `[length, batch, rows]`, `weights` `[hidden, rows]`, `bias` `[rows]` to `states` `[length, batch, hidden]`
/// and, where kept, the activations `kept` `[length, batch, activations · hidden]`.
#[cube(launch_unchecked)]
fn forward_kernel<N: Size>(
    projected: &Tensor<f32>,
    weights: &Tensor<f32>,
    bias: &Tensor<f32>,
    states: &mut Tensor<f32>,
    kept: &mut Tensor<f32>,
    length: u32,
    batch: u32,
    #[comptime] layer: Layer,
) {
    let h = comptime!(layer.hidden);
    let rows = comptime!(layer.rows());
    let batch = batch as usize;
    let first = CUBE_POS_X as usize * N::value();
    let threads = CUBE_DIM as usize;
    let mut hidden = Shared::<[Vector<f32, N>]>::new_slice(h);
    let mut memory = Shared::<[Vector<f32, N>]>::new_slice(h);
    let mut sums = Shared::<[Vector<f32, N>]>::new_slice(rows);

    clear::<N>(&mut hidden, &mut memory, h);
    sync_cube();

    for step in 0..length {
        let at = Place { t: step as usize, first, batch };
        let mut row = UNIT_POS as usize;
        while row < rows {
            let mut sum = Vector::<f32, N>::new(bias[row]);
            for k in 0..h {
                sum += hidden[k] * Vector::<f32, N>::new(weights[k * rows + row]);
            }
            sums[row] = sum;
            row += threads;
        }
        sync_cube();

        let mut unit = UNIT_POS as usize;
        while unit < h {
            let mut state = hidden[unit];
            if comptime!(layer.is(RnnCell::Lstm)) {
                state = lstm_step::<N>(projected, &sums, &mut memory, kept, &at, unit, layer);
            }
            if comptime!(layer.is(RnnCell::Gru)) {
                state = gru_step::<N>(projected, &sums, state, kept, &at, unit, layer);
            }
            if comptime!(layer.is(RnnCell::Rnn)) {
                state = (sums[unit] + load::<N>(projected, &at, unit)).tanh();
                if comptime!(layer.keep) {
                    store::<N>(kept, &at, unit, state);
                }
            }
            hidden[unit] = state;
            store::<N>(states, &at, unit, state);
            unit += threads;
        }
        sync_cube();
    }
}

/// From the gradient `d` of the state of an LSTM's unit to those of its gates, in `sums` and `from_x`, and of its memory.
#[cube]
fn lstm_step_back<N: Size>(
    d: Vector<f32, N>,
    kept: &Tensor<f32>,
    memory: &mut Shared<[Vector<f32, N>]>,
    sums: &mut Shared<[Vector<f32, N>]>,
    from_x: &mut Tensor<f32>,
    at: &Place,
    unit: usize,
    #[comptime] h: usize,
) {
    let i = load::<N>(kept, at, unit);
    let f = load::<N>(kept, at, h + unit);
    let candidate = load::<N>(kept, at, 2 * h + unit);
    let o = load::<N>(kept, at, 3 * h + unit);
    let tanh_c = load::<N>(kept, at, 4 * h + unit).tanh();
    let before = load_before::<N>(kept, at, 4 * h + unit);
    let d_c = memory[unit] + d * o * bend::<N>(tanh_c);
    memory[unit] = d_c * f;
    let d_i = d_c * candidate * slope::<N>(i);
    let d_f = d_c * before * slope::<N>(f);
    let d_g = d_c * i * bend::<N>(candidate);
    let d_o = d * tanh_c * slope::<N>(o);
    sums[unit] = d_i;
    sums[h + unit] = d_f;
    sums[2 * h + unit] = d_g;
    sums[3 * h + unit] = d_o;
    store::<N>(from_x, at, unit, d_i);
    store::<N>(from_x, at, h + unit, d_f);
    store::<N>(from_x, at, 2 * h + unit, d_g);
    store::<N>(from_x, at, 3 * h + unit, d_o);
}

/// From the gradient `d` of the state of a GRU's unit to those of its gates, in `sums`, `from_x` and `from_h`; returns what
/// reaches the state before without the weights.
#[cube]
fn gru_step_back<N: Size>(
    d: Vector<f32, N>,
    kept: &Tensor<f32>,
    states: &Tensor<f32>,
    sums: &mut Shared<[Vector<f32, N>]>,
    from_x: &mut Tensor<f32>,
    from_h: &mut Tensor<f32>,
    at: &Place,
    unit: usize,
    #[comptime] h: usize,
) -> Vector<f32, N> {
    let r = load::<N>(kept, at, unit);
    let z = load::<N>(kept, at, h + unit);
    let n = load::<N>(kept, at, 2 * h + unit);
    let recurrent = load::<N>(kept, at, 3 * h + unit);
    let before = load_before::<N>(states, at, unit);
    let d_z = d * (before - n) * slope::<N>(z);
    let d_n = d * (Vector::<f32, N>::new(1.0f32) - z) * bend::<N>(n);
    let d_r = d_n * recurrent * slope::<N>(r);
    sums[unit] = d_r;
    sums[h + unit] = d_z;
    sums[2 * h + unit] = d_n * r;
    store::<N>(from_h, at, unit, d_r);
    store::<N>(from_h, at, h + unit, d_z);
    store::<N>(from_h, at, 2 * h + unit, d_n * r);
    store::<N>(from_x, at, unit, d_r);
    store::<N>(from_x, at, h + unit, d_z);
    store::<N>(from_x, at, 2 * h + unit, d_n);
    d * z
}

/// `partial[part, unit] = Σ sums[row] · weights[row, unit]` over the rows of each part.
#[cube]
fn multiply<N: Size>(
    sums: &Shared<[Vector<f32, N>]>,
    weights: &Tensor<f32>,
    partial: &mut Shared<[Vector<f32, N>]>,
    #[comptime] layer: Layer,
) {
    let h = comptime!(layer.hidden);
    let rows = comptime!(layer.rows());
    let share = comptime!(layer.rows().div_ceil(layer.parts));
    let mut at = UNIT_POS as usize;
    while at < comptime!(layer.parts * layer.hidden) {
        let part = at / h;
        let unit = at - part * h;
        let end = select((part + 1) * share < rows, (part + 1) * share, rows);
        let mut sum = Vector::<f32, N>::new(0.0f32);
        for row in part * share..end {
            sum += sums[row] * Vector::<f32, N>::new(weights[row * h + unit]);
        }
        partial[at] = sum;
        at += CUBE_DIM as usize;
    }
}

/// Gradients of the sums before the gates: `from_x` `[length, batch, rows]` of the input's part, `from_h` of the recurrent
/// part where that differs (GRU). `g` and `states` are `[length, batch, hidden]`, `weights` `[rows, hidden]`.
#[cube(launch_unchecked)]
fn backward_kernel<N: Size>(
    g: &Tensor<f32>,
    kept: &Tensor<f32>,
    states: &Tensor<f32>,
    weights: &Tensor<f32>,
    from_x: &mut Tensor<f32>,
    from_h: &mut Tensor<f32>,
    length: u32,
    batch: u32,
    #[comptime] layer: Layer,
) {
    let h = comptime!(layer.hidden);
    let parts = comptime!(layer.parts);
    let batch = batch as usize;
    let length = length as usize;
    let first = CUBE_POS_X as usize * N::value();
    let threads = CUBE_DIM as usize;
    // What reaches the state and the memory from later steps.
    let mut later = Shared::<[Vector<f32, N>]>::new_slice(h);
    let mut memory = Shared::<[Vector<f32, N>]>::new_slice(h);
    let mut sums = Shared::<[Vector<f32, N>]>::new_slice(comptime!(layer.rows()));
    let mut partial = Shared::<[Vector<f32, N>]>::new_slice(comptime!(layer.parts * layer.hidden));

    clear::<N>(&mut later, &mut memory, h);

    for step in 0..length {
        let at = Place { t: length - 1 - step, first, batch };
        let mut unit = UNIT_POS as usize;
        while unit < h {
            let d = load::<N>(g, &at, unit) + later[unit];
            let mut past_weights = Vector::<f32, N>::new(0.0f32);
            if comptime!(layer.is(RnnCell::Lstm)) {
                lstm_step_back::<N>(d, kept, &mut memory, &mut sums, from_x, &at, unit, h);
            }
            if comptime!(layer.is(RnnCell::Gru)) {
                past_weights = gru_step_back::<N>(d, kept, states, &mut sums, from_x, from_h, &at, unit, h);
            }
            if comptime!(layer.is(RnnCell::Rnn)) {
                let d_sum = d * bend::<N>(load::<N>(kept, &at, unit));
                sums[unit] = d_sum;
                store::<N>(from_x, &at, unit, d_sum);
            }
            later[unit] = past_weights;
            unit += threads;
        }
        sync_cube();
        multiply::<N>(&sums, weights, &mut partial, layer);
        sync_cube();

        // A unit stays with its thread, so that the next step needs no further barrier.
        let mut unit = UNIT_POS as usize;
        while unit < h {
            let mut sum = later[unit];
            for part in 0..parts {
                sum += partial[part * h + unit];
            }
            later[unit] = sum;
            unit += threads;
        }
    }
}
