//! What a training works with, where it stands, and the checkpoints that keep that.

mod checkpoint;
mod newest;
mod progress;
mod session;

pub(crate) use checkpoint::{best_path, last_path, restore};
pub(super) use checkpoint::{save, save_best};
pub(super) use newest::forget_previous;
pub(crate) use newest::{Newest, newest, newest_position};
pub(crate) use progress::Progress;
pub(super) use progress::{Best, Penalty};
pub(super) use session::{Clock, Session};
pub(crate) use session::{Epoch, Finish, Job, State, TrainError, Watch};
