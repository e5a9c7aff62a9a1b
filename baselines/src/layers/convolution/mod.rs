//! Convolutions of few taps, and what image networks put around them.

pub mod conv;
pub mod pool;
pub mod resnet;
pub mod spatial_transformer;

pub use conv::{CausalConv, Conv, Geometry};
