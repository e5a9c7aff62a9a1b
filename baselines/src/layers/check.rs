//! Ranges of settings.

use crate::BuildError;

/// `value` ≥ 1.
pub(crate) fn at_least_one(field: &str, value: usize) -> Result<(), BuildError> {
    if value >= 1 { Ok(()) } else { Err(BuildError::new(field, "must be at least 1")) }
}

/// 0 ≤ `value` < 1.
pub(crate) fn probability(field: &str, value: f64) -> Result<(), BuildError> {
    if (0.0..1.0).contains(&value) {
        Ok(())
    } else {
        Err(BuildError::new(field, format!("{value} is not a probability from 0 up to, but not including, 1")))
    }
}

/// `value` > 0 and finite.
pub(crate) fn positive(field: &str, value: f64) -> Result<(), BuildError> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(BuildError::new(field, format!("{value} is not a positive number")))
    }
}

/// `value` ≥ 0 and finite.
pub(crate) fn not_negative(field: &str, value: f64) -> Result<(), BuildError> {
    if value >= 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(BuildError::new(field, format!("{value} is not zero or a positive number")))
    }
}
