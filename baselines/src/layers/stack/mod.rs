//! Networks of maps over sequences with residual connections.

mod gated;
mod layer;
mod network;

pub use gated::{Gated, Mixer};
pub use layer::SequenceLayer;
pub use network::{Residual, Stack, StackSpec};
