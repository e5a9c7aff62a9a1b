//! Weights from a file into a network: our own checkpoints, and the safetensors and PyTorch files of reference programs.

mod choose;
mod error;
mod file;
mod kind;
mod load;
mod unusable;

pub(crate) use error::WeightsError;
pub(crate) use file::{File, KERNEL_LENGTH, Own, digest};
pub(crate) use load::{Wanted, load};
