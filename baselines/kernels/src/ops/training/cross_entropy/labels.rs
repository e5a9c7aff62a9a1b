//! Labels of positions.

use std::sync::Arc;

/// Labels `[batch, positions]`, row-major; those below zero do not count.
pub(super) type Labels = Arc<[i32]>;

/// Labels that count, at least one, so that means of none are zero.
pub(super) fn counted(labels: &[i32]) -> f64 {
    labels.iter().filter(|&&label| label >= 0).count().max(1) as f64
}
