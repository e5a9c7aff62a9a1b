//! Checks shared by the settings of several tasks.

use std::ops::RangeInclusive;

use crate::config::error::ConfigError;
use vocabulary::SplitSizes;

/// Most samples of one split.
pub(crate) const MOST_SAMPLES: usize = 100_000_000;

/// Refuses a `value` outside `range`, naming `field`.
pub(crate) fn within(field: &str, value: usize, range: RangeInclusive<usize>) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ConfigError::new(field, format!("must be from {} to {}, not {value}", range.start(), range.end())))
}

/// Sizes of the splits from the three settings every generated task has.
pub(crate) fn splits(train: usize, validation: usize, test: usize) -> Result<SplitSizes, ConfigError> {
    within("train_samples", train, 1..=MOST_SAMPLES)?;
    within("validation_samples", validation, 1..=MOST_SAMPLES)?;
    within("test_samples", test, 1..=MOST_SAMPLES)?;
    Ok(SplitSizes { train, validation, test })
}
