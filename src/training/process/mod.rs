//! The process that trains: its memory, and its threads.

mod keep_workers_awake;
pub(crate) mod memory;

pub(crate) use keep_workers_awake::keep_workers_awake;
