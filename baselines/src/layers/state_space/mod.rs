//! State-space layers: linear recurrences computed as long convolutions.

mod complex;
pub mod hippo;
pub mod lru;
pub mod s4;
pub mod s4d;
mod taps;

pub use lru::{Lru, LruSpec};
pub use s4::{S4Block, S4BlockSpec, S4Kernel, S4KernelSpec, StateMatrix};
pub use s4d::{S4d, S4dKernel, S4dSpec};
pub use taps::check_states;
