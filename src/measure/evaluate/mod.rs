//! The score of a checkpoint on a split: ours, or a reference program's.

mod checkpoint;
mod error;
mod judge;
mod request;
mod resolve;
mod variants;

pub(crate) use checkpoint::{Evaluation, Opened, evaluate, open};
pub(crate) use error::EvalError;
pub(crate) use judge::EvalResult;
pub(crate) use request::{BATCH_SIZE, Request};
pub(crate) use variants::{Judging, variants};
