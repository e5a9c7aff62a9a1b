//! Settings that cannot be built: the error, and the ranges that several baselines share.

use crate::ReadError;

/// A setting that keeps a network from being built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct BuildError {
    /// Field of the baseline's configuration, dotted where nested; empty for the whole.
    pub field: String,
    /// What is wrong, and the remedy.
    pub message: String,
}

impl BuildError {
    /// An error of `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl From<ReadError> for BuildError {
    fn from(error: ReadError) -> Self {
        // An empty field would say that the baseline does not fit the task.
        Self::new("device", error.to_string())
    }
}

/// Largest size of anything in a network; a larger one is a slip that would fill the memory.
const MOST: usize = 1 << 24;

/// 1 ≤ `value` ≤ 2²⁴.
pub(crate) fn at_least_one(field: &str, value: usize) -> Result<(), BuildError> {
    match value {
        0 => Err(BuildError::new(field, "must be at least 1")),
        1..=MOST => Ok(()),
        _ => Err(BuildError::new(field, format!("must be at most {MOST}, found {value}"))),
    }
}

/// 0 ≤ `value` < 1.
pub(crate) fn probability(field: &str, value: f64) -> Result<(), BuildError> {
    within(field, value, (0.0..1.0).contains(&value), "a probability from 0 up to, but not including, 1")
}

/// `value` > 0 and finite.
pub(crate) fn positive(field: &str, value: f64) -> Result<(), BuildError> {
    within(field, value, value > 0.0 && value.is_finite(), "a positive number")
}

/// `value` ≥ 0 and finite.
pub(crate) fn not_negative(field: &str, value: f64) -> Result<(), BuildError> {
    within(field, value, value >= 0.0 && value.is_finite(), "zero or a positive number")
}

fn within(field: &str, value: f64, holds: bool, wanted: &str) -> Result<(), BuildError> {
    if holds { Ok(()) } else { Err(BuildError::new(field, format!("{value} is not {wanted}"))) }
}
