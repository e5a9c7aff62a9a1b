//! Updates on a GPU: many parameters in one launch, since most have fewer elements than a launch costs time.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::ir::HardwareProperties;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::update::{AdamUpdate, Factors};
use crate::gpu::{has_cubes_of, suits};

/// Threads of a cube; a power of two within the limits of every device.
const THREADS: usize = 128;
/// Elements of a thread.
const PER_THREAD: usize = 4;
/// Parameters of a launch at most: the addresses of their buffers have to fit into the 4096 bytes that CUDA takes as arguments.
const PARAMETERS: usize = 96;
/// Buffers of a parameter.
const BUFFERS: usize = 4;
/// Buffers that a launch needs beside those of parameters.
const OTHER_BUFFERS: usize = 2;

/// A parameter, its gradient and both moments.
type Operands = [CubeTensor; BUFFERS];

/// Whether the kernel takes these tensors.
pub(super) fn applies(tensors: &[CubeTensor]) -> bool {
    let fits = |tensor: &CubeTensor| parameters(tensor) > 0 && has_cubes_of(tensor, THREADS);
    tensors.first().is_none_or(fits) && tensors.iter().all(suits)
}

fn limits(tensor: &CubeTensor) -> &HardwareProperties {
    &tensor.client.properties().hardware
}

/// Parameters of a launch on the device of `tensor`.
fn parameters(tensor: &CubeTensor) -> usize {
    let buffers = limits(tensor).max_bindings as usize;
    PARAMETERS.min(buffers.saturating_sub(OTHER_BUFFERS) / BUFFERS)
}

/// Parameters and moments after the update `update` of all of them, to which the kernel [`applies`].
///
/// The memory of gradients and moments that nobody else refers to is used again: a gradient's for the parameter.
pub(super) fn step(all: Vec<Operands>, update: AdamUpdate) -> Vec<[CubeTensor; 3]> {
    let Some([first, ..]) = all.first() else { return Vec::new() };
    let (room, most_cubes) = (parameters(first), limits(first).max_cube_count.0 as usize);
    let mut updated = Vec::with_capacity(all.len());
    let mut part = Vec::new();
    let mut cubes = 0;
    for operands in all {
        let more = operands[0].shape().num_elements().div_ceil(THREADS * PER_THREAD);
        if part.len() == room || cubes + more > most_cubes {
            launch(std::mem::take(&mut part), cubes, update.into(), &mut updated);
            cubes = 0;
        }
        part.push(operands);
        cubes += more;
    }
    launch(part, cubes, update.into(), &mut updated);
    updated
}

fn launch(part: Vec<Operands>, cubes: usize, factors: Factors, updated: &mut Vec<[CubeTensor; 3]>) {
    let Some([first, ..]) = part.first() else { return };
    let client = first.client.clone();
    let [mut values, mut gradients, mut firsts, mut seconds] = [(); BUFFERS].map(|()| SequenceArg::new());
    for [value, gradient, first, second] in part {
        let [gradient, first, second] = [gradient, first, second].map(own);
        values.push(into_contiguous(value).into_tensor_arg());
        gradients.push(gradient.clone().into_tensor_arg());
        firsts.push(first.clone().into_tensor_arg());
        seconds.push(second.clone().into_tensor_arg());
        updated.push([gradient, first, second]);
    }
    let Factors { coupled_decay, shrinkage, betas: [beta1, beta2], root, epsilon, rate } = factors;
    let of = |factor: f64| factor as f32;
    // SAFETY: the buffers of a parameter have as many elements as it, and the kernel leaves out threads beyond them.
    unsafe {
        step_kernel::launch_unchecked(
            &client,
            CubeCount::Static(cubes as u32, 1, 1),
            CubeDim::new_1d(THREADS as u32),
            values,
            gradients,
            firsts,
            seconds,
            of(coupled_decay),
            of(shrinkage),
            of(beta1),
            of(1.0 - beta1),
            of(beta2),
            of(1.0 - beta2),
            of(root),
            of(epsilon),
            of(rate),
        );
    }
}

/// `tensor` itself where nobody else refers to its memory, else a copy.
fn own(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    if tensor.can_mut() { tensor } else { tensor.copy() }
}

/// Cubes are dealt to the parameters in order, as many as their elements need. The new value takes the place of the gradient.
#[cube(launch_unchecked)]
fn step_kernel(
    values: &Sequence<OwnedTensor<f32>>,
    gradients: &mut Sequence<OwnedTensor<f32>>,
    firsts: &mut Sequence<OwnedTensor<f32>>,
    seconds: &mut Sequence<OwnedTensor<f32>>,
    coupled_decay: f32,
    shrinkage: f32,
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    root: f32,
    epsilon: f32,
    rate: f32,
) {
    let mut begin = 0usize;
    #[unroll]
    for parameter in 0..values.len() {
        let value = &values[parameter];
        let gradient = &mut gradients[parameter];
        let first = &mut firsts[parameter];
        let second = &mut seconds[parameter];
        let elements = value.len();
        let end = begin + elements.div_ceil(THREADS * PER_THREAD);
        let cube = CUBE_POS_X as usize;
        if cube >= begin && cube < end {
            let base = (cube - begin) * (THREADS * PER_THREAD) + UNIT_POS as usize;
            for i in 0..PER_THREAD {
                let at = base + i * THREADS;
                if at < elements {
                    let old = value[at];
                    let slope = gradient[at] + coupled_decay * old;
                    let mean = beta1 * first[at] + rest1 * slope;
                    let square = beta2 * second[at] + rest2 * (slope * slope);
                    first[at] = mean;
                    second[at] = square;
                    gradient[at] = old * shrinkage - mean / (square.sqrt() * root + epsilon) * rate;
                }
            }
        }
        begin = end;
    }
}
