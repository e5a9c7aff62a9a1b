//! The process that trains: its memory, and its threads.

pub(crate) mod keep_workers_awake;
pub(crate) mod memory;
