//! One training: from its first step, or from a checkpoint, to its final metrics.
//!
//! [`train()`] is the loop. It takes the steps of an epoch (`step`), judges the epoch (`epoch`), saves (`checkpoint`), and at the
//! end tests the best weights. `metrics` writes `metrics.jsonl` and `diagnostics.jsonl`.

pub(crate) mod batches;
mod checkpoint;
mod epoch;
mod evaluate;
mod health;
pub(crate) mod loss;
pub(crate) mod metrics;
pub(crate) mod optimiser;
pub(crate) mod process;
mod progress;
mod session;
mod step;
#[cfg(test)]
mod tests;
mod train;

pub(crate) use checkpoint::{last_path, restore};
pub(crate) use epoch::patience_ends;
pub(crate) use evaluate::{Pass, score};
pub(crate) use progress::Progress;
pub(crate) use session::{Epoch, Finish, Job, State, TrainError, Watch};
pub(crate) use train::train;
