//! The processes that train runs, the one that gives them orders, and what it shows.

mod death;
pub(super) mod display;
pub(super) mod pool;
mod worker;

pub(crate) use worker::serve;
