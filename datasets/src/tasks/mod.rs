//! One file per task.

pub mod adding;
pub mod char_lm;
pub mod character_trajectories;
pub mod cifar;
pub mod copy;
pub mod fashion;
pub mod fsdd;
pub mod image;
pub mod listops;
pub mod mnist;
pub mod pathfinder;
pub mod physionet2019;
mod pictures;
pub mod retrieval;
pub mod speech_commands;
pub mod stl10;
pub mod text;
