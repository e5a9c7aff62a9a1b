//! Long convolutions whose kernels are free: a weight for every tap.

pub mod conv;
pub mod kernel;
pub mod layer;
pub mod smoothing;

pub use conv::{FreeConv, FreeConvSpec};
pub use kernel::{FreeKernel, FreeKernelSpec, KernelStart};
pub use layer::{LongConv, LongConvSpec, Program, Sides};
pub use smoothing::Smoothing;
