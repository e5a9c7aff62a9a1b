//! One run: from the lock on its folder to its final status.

mod attempt;
pub(super) mod complete;
pub(super) mod context;
mod failure;
pub(super) mod perform;
mod resume;
mod watch;
