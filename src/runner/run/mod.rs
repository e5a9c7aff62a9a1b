//! One run: from the lease of its folder to its final status.

mod attempt;
mod context;
mod evaluations;
mod failure;
mod perform;
mod resume;
mod watch;

pub(super) use context::RunContext;
pub(super) use perform::perform;
pub(super) use resume::{is_complete, validations};
