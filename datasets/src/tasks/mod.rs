//! One file or folder per task.

pub mod images;
pub mod language;
pub mod pathfinder;
pub mod synthetic;
pub mod time_series;
