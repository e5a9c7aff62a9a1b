//! One training: from its first step, or from a checkpoint, to its final metrics.
//!
//! [`train`] is the loop. It takes the steps of an epoch (`step`), judges the epoch (`epoch`), saves (`checkpoint`), and at the
//! end tests the best weights. `metrics` writes `metrics.jsonl` and `diagnostics.jsonl`.

pub(crate) mod batches;
pub(crate) mod checkpoint;
pub(crate) mod epoch;
pub(crate) mod evaluate;
pub(crate) mod health;
pub(crate) mod loss;
pub(crate) mod metrics;
pub(crate) mod optimiser;
pub(crate) mod process;
pub(crate) mod progress;
pub(crate) mod session;
mod step;
#[cfg(test)]
mod tests;
pub(crate) mod train;
