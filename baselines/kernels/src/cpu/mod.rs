//! Machinery of kernels for the CPU: vectorised loops, products, transforms, and memory for results.

pub(crate) mod batched_fft;
pub(crate) mod buffer;
pub(crate) mod element;
pub(crate) mod matmul;
pub(crate) mod rows;
pub(crate) mod shared;
pub(crate) mod simd;
pub(crate) mod tensor;
