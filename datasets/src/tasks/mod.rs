//! One file per task.

pub mod adding;
pub mod copy;
pub mod listops;
pub mod mnist;
pub mod pathfinder;
pub mod retrieval;
pub mod text;
