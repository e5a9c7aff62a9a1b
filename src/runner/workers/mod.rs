//! The processes that train runs, the one that gives them orders, and what it shows.

mod death;
mod display;
mod memory;
mod pool;
mod worker;

pub(super) use display::Display;
pub(super) use memory::MemoryBudget;
pub(super) use pool::{WorkerPool, workers};
pub(crate) use worker::serve;
