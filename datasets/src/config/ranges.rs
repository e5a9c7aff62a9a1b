//! Ranges that settings have to lie in.

use std::{fmt::Display, ops::RangeInclusive};

use vocabulary::SplitSizes;

use crate::config::error::ConfigError;

/// Most samples of one split.
pub(crate) const MOST_SAMPLES: usize = 100_000_000;

/// Refuses a `value` outside `range`, naming `field`.
pub(crate) fn within<T: PartialOrd + Display>(
    field: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ConfigError::new(field, format!("must be from {} to {}, not {value}", range.start(), range.end())))
}

/// Refuses sizes of splits outside 1 to those of `most`, naming the setting.
pub(crate) fn sizes_within(sizes: SplitSizes, most: SplitSizes) -> Result<SplitSizes, ConfigError> {
    within("train_samples", sizes.train, 1..=most.train)?;
    within("validation_samples", sizes.validation, 1..=most.validation)?;
    within("test_samples", sizes.test, 1..=most.test)?;
    Ok(sizes)
}

/// Refuses sizes of splits of which there may be any number of samples, but not none.
pub(crate) fn any_sizes(sizes: SplitSizes) -> Result<SplitSizes, ConfigError> {
    sizes_within(sizes, SplitSizes { train: MOST_SAMPLES, validation: MOST_SAMPLES, test: MOST_SAMPLES })
}

/// Refuses more samples than there are in an official training part, which training and validation share, and in a test part.
pub(crate) fn sizes_of_parts(sizes: SplitSizes, training: usize, test: usize) -> Result<SplitSizes, ConfigError> {
    let SplitSizes { train, validation, .. } =
        sizes_within(sizes, SplitSizes { train: training, validation: training, test })?;
    if train + validation > training {
        return Err(ConfigError::new(
            "train_samples",
            format!("{train} and {validation} validation samples are more than the {training} there are"),
        ));
    }
    Ok(sizes)
}
