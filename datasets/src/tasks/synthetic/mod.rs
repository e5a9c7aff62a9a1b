//! Problems that are made up to test memory.

pub mod adding;
pub mod copy;
