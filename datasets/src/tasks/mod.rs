//! One file per task.

pub mod adding;
pub mod cifar;
pub mod copy;
pub mod fashion;
pub mod image;
pub mod listops;
pub mod mnist;
pub mod pathfinder;
mod pictures;
pub mod retrieval;
pub mod stl10;
pub mod text;
