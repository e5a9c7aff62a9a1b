//! One training: from its first step, or from a checkpoint, to its final metrics.
//!
//! - `train`: the loop over epochs, and the test at its end;
//! - `step`: one optimiser step; `epoch`: the end of an epoch, judged on the validation split, and looks at the network;
//! - `evaluate`: the score of a network on a whole split;
//! - `batches`: samples, in order, read ahead and on the device;
//! - `loss`, `optimiser`: losses and metrics of predictions, and the updates of the weights;
//! - `metrics`: the lines of `metrics.jsonl` and `diagnostics.jsonl`;
//! - `health`: values that are not finite, and a loss that stays at chance;
//! - `state`: what a training works with, where it stands, and its checkpoints;
//! - `process`: memory and threads of the process.

mod batches;
mod epoch;
mod evaluate;
mod health;
pub(crate) mod loss;
mod metrics;
mod optimiser;
mod process;
mod state;
mod step;
#[cfg(test)]
mod tests;
mod train;

pub(crate) use batches::{EpochOrder, Seeds, prefetch, to_device};
pub(crate) use epoch::patience_ends;
pub(crate) use evaluate::{Pass, score};
pub(crate) use loss::Score;
pub(crate) use metrics::{DIAGNOSTICS, JournalError, Journals, METRICS};
use optimiser::EmptyGroup;
pub(crate) use optimiser::{Gradients, Optimiser, gradients, learning_rate};
pub(crate) use process::{keep_workers_awake, memory};
pub(crate) use state::{
    Epoch, Finish, Job, Newest, Progress, State, TrainError, Watch, best_path, last_path, newest, newest_position,
    restore,
};
pub(crate) use train::train;
