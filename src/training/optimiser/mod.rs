//! Updates of the weights: Adam with parameter groups, gradients, and the learning rate over time.

pub(crate) mod adam;
pub(crate) mod gradients;
pub(crate) mod schedule;
