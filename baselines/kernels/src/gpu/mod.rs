//! What the kernels for GPUs have in common.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl::{self, calculate_cube_count_elemwise, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

/// The operands row-major; `None` where one is not in f32 or has more elements than a 32-bit index reaches.
pub(crate) fn row_major<const N: usize>(operands: [&CubeTensor; N]) -> Option<[CubeTensor; N]> {
    operands.iter().all(|operand| suits(operand)).then(|| operands.map(|operand| into_contiguous(operand.clone())))
}

/// Whether `tensor` is in f32 and a 32-bit index reaches all of its elements.
pub(crate) fn suits(tensor: &CubeTensor) -> bool {
    tensor.dtype == DType::F32 && u32::try_from(tensor.shape().num_elements()).is_ok()
}

/// Whether the device of `tensor` has cubes of so many threads.
pub(crate) fn has_cubes_of(tensor: &CubeTensor, threads: usize) -> bool {
    threads <= tensor.client.properties().hardware.max_units_per_cube as usize
}

/// A tensor without values yet, of the type of `tensor` and where it is.
pub(crate) fn empty(tensor: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty_device_contiguous_dtype(tensor.client.clone(), tensor.device.clone(), shape.into(), tensor.dtype)
}

/// A thread per element of `tensor`, and the number of elements.
pub(crate) fn per_element(tensor: &CubeTensor) -> (CubeCount, CubeDim, u32) {
    let n = tensor.shape().num_elements();
    let dim = CubeDim::new(&tensor.client, n);
    (calculate_cube_count_elemwise(&tensor.client, n, dim), dim, n as u32)
}

/// The sum of `value` over the `threads` of a cube, a power of two, for all of them, in a fixed order. Every thread has to call it.
#[cube]
pub(crate) fn cube_sum(value: f32, sums: &mut Shared<[f32]>, #[comptime] threads: usize) -> f32 {
    let unit = UNIT_POS as usize;
    sums[unit] = value;
    sync_cube();
    let mut half = comptime!(threads / 2).runtime();
    while half > 0usize {
        if unit < half {
            let other = sums[unit + half];
            sums[unit] += other;
        }
        sync_cube();
        half /= 2usize;
    }
    let sum = sums[0];
    // Nobody may write the next sums before everybody has read this one.
    sync_cube();
    sum
}
