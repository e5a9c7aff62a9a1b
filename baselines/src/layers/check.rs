//! Ranges of settings.

use crate::BuildError;
use crate::layers::odd_fft;

/// Largest size of anything in a network: what is larger is a slip, and would be noticed by the memory it takes.
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

/// Whether `faithful` can be had for inputs of `shape`.
pub(crate) fn faithful(faithful: bool, shape: &[usize]) -> Result<(), BuildError> {
    match *shape {
        [length] if faithful && length % 2 == 1 && length > odd_fft::LONGEST => {
            let message =
                format!("is possible for sequences of odd length up to {} only, not {length}", odd_fft::LONGEST);
            Err(BuildError::new("faithful", message))
        }
        _ => Ok(()),
    }
}
