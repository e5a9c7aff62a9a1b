//! S4, the structured state-space layer: `models/s4/s4.py` of `state-spaces/s4` (Gu et al. 2022, arXiv 2111.00396).

mod block;
mod kernel;
mod truncation;

pub use block::{S4Block, S4BlockSpec, SsmConv};
pub use kernel::{S4Kernel, S4KernelSpec, StateMatrix};
