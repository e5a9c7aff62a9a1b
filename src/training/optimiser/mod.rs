//! Updates of the weights: Adam with parameter groups, gradients, and the learning rate over time.

mod adam;
pub(crate) mod gradients;
mod schedule;

pub(crate) use adam::{EmptyGroup, Optimiser};
pub(crate) use gradients::Gradients;
pub(crate) use schedule::learning_rate;
