//! One file per task.

pub mod adding;
pub mod copy;
pub mod fsdd;
pub mod listops;
pub mod mnist;
pub mod pathfinder;
pub mod speech_commands;
