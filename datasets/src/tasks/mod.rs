//! One file per task.

pub mod adding;
pub mod char_lm;
pub mod character_trajectories;
pub mod copy;
pub mod fsdd;
pub mod listops;
pub mod mnist;
pub mod pathfinder;
pub mod physionet2019;
pub mod speech_commands;
