//! The trials of a search: how far each is trained, who is pruned, and which is chosen.
//!
//! Nothing is kept of a decision but its effect. Who goes on beyond a rung follows from the folders of the trials (`standing`), once
//! all of them have reached it, by `rungs`; so a search that was interrupted at any moment, begun again, decides the same.

mod queue;
mod rungs;
mod selected;
mod standing;
#[cfg(test)]
mod tests;

pub(super) use queue::{Passed, Queue};
pub(crate) use selected::{Selected, SelectedError, write};
