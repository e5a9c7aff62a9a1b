//! Loops, numbers and vectors that use the widest instructions of the processor.

pub(crate) mod level;
pub(crate) mod real;
pub(crate) mod special;
pub(crate) mod vector;
