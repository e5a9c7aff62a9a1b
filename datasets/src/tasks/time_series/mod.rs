//! Sound, pen movements and vital signs.

pub mod character_trajectories;
pub mod fsdd;
pub mod physionet2019;
pub mod speech_commands;
