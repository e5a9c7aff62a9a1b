//! The score of a checkpoint on a split: ours, or a reference program's.

mod checkpoint;
mod error;
mod resolve;

pub(crate) use checkpoint::{EvalResult, Evaluation, Opened, Request, evaluate, open};
pub(crate) use error::EvalError;
