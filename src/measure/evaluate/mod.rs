//! The score of a checkpoint on a split: ours, or a reference program's.

pub(crate) mod checkpoint;
pub(crate) mod error;
pub(crate) mod request;
mod resolve;
mod source_run;
