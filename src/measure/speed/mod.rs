//! Time and memory of training steps.

pub(crate) mod benchmark;
pub(crate) mod result;
mod samples;
