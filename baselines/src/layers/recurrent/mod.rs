//! Recurrent layers in PyTorch's parametrisation: one above the other, or each in a residual block.

mod layer;
pub mod minimal;
mod network;

pub use layer::RecurrentLayer;
pub use network::{Recurrent, RecurrentBlock, RecurrentBody, RecurrentConfig};
