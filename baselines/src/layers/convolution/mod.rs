//! Convolutions with a weight for every tap, few or many, and what image networks put around them.

pub mod conv;
pub mod free_kernel;
pub mod pool;
pub mod resnet;
pub(crate) mod same;
pub mod spatial_transformer;

pub use conv::{CausalConv, Conv, Geometry};
