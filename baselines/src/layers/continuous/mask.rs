//! Settings of Gaussian masks that CCNN and FlexNet share.

use crate::{BuildError, ParameterGroup, check};

/// Checks initial width, cropping threshold and learning-rate factor.
///
/// # Errors
/// A number is out of its range; the error names it as configurations do.
pub(crate) fn check_settings(init: f64, threshold: f64, learning_rate_factor: f64) -> Result<(), BuildError> {
    check::positive("mask_init", init)?;
    check::probability("mask_threshold", threshold)?;
    check::not_negative("mask_learning_rate_factor", learning_rate_factor)
}

/// The group `name` of the tensors called `parameter`; none where they learn at the common rate.
pub(crate) fn groups(name: &str, parameter: &str, learning_rate_factor: f64) -> Vec<ParameterGroup> {
    if learning_rate_factor == 1.0 {
        return Vec::new();
    }
    vec![ParameterGroup { learning_rate_factor, ..ParameterGroup::new(name, [parameter]) }]
}
