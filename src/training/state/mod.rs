//! What a training works with, where it stands, and the checkpoints that keep that.

mod checkpoint;
mod progress;
mod session;

pub(super) use checkpoint::{best_path, save, save_best};
pub(crate) use checkpoint::{last_path, restore};
pub(crate) use progress::Progress;
pub(super) use progress::{Best, Penalty};
pub(super) use session::{Clock, Session};
pub(crate) use session::{Epoch, Finish, Job, State, TrainError, Watch};
