//! Losses and metrics of predictions.

mod objective;
mod ranking;

pub(crate) use objective::{Evaluated, Score, evaluate, outcomes};
