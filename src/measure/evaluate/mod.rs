//! The score of a checkpoint on a split: ours, or a reference program's.

mod checkpoint;
mod error;
mod request;
mod resolve;
mod source_run;

pub(crate) use checkpoint::evaluate;
pub(crate) use error::EvalError;
pub(crate) use request::{EvalResult, Evaluation, Request};
