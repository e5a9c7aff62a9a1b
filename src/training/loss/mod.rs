//! Losses and metrics of predictions.

pub(crate) mod objective;
mod ranking;
