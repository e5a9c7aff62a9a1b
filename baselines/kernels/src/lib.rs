//! Fused operations with hand-written gradients.
//!
//! Each is one node of the gradient graph and has one implementation per backend: on the CPU (Flex) a kernel of ours,
//! vectorised and parallel, on GPUs a kernel of ours where that pays, elsewhere a composition of ordinary tensor operations.
//! The kernels split their work into pieces whose sizes do not depend on the number of threads, and add up partial sums in
//! a fixed order, so that results are bit-identical whatever the number of threads.
//!
//! An operation is a folder in a family of `src/ops` with one declaration, which `CONTRIBUTING.md` explains.

#![cfg_attr(feature = "tch", expect(deprecated, reason = "LibTorch is offered as long as Burn ships it"))]

mod cpu;
#[cfg(feature = "cube")]
mod gpu;
#[cfg(feature = "tch")]
pub mod libtorch;
mod operation;
mod ops;
pub mod precision;
pub mod profile;
mod value;

pub use cpu::buffer::release_idle;
pub use ops::*;
pub use precision::Precision;
