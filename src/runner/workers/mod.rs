//! The processes that train runs, the one that gives them orders, and what it shows.

mod death;
mod display;
mod pool;
mod worker;

pub(super) use display::Display;
pub(super) use pool::{WorkerPool, workers};
pub(crate) use worker::serve;
