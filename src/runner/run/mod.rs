//! One run: from the lock on its folder to its final status.

mod attempt;
mod failure;
mod perform;
mod resume;
mod watch;

pub(super) use perform::{RunContext, perform};
pub(super) use resume::is_complete;
