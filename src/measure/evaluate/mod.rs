//! The score of a checkpoint on a split: ours, or a reference program's.

mod checkpoint;
mod error;
mod request;
mod resolve;

pub(crate) use checkpoint::{EvalResult, Evaluation, Opened, evaluate, open};
pub(crate) use error::EvalError;
pub(crate) use request::Request;
