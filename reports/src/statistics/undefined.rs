//! Why a statistic has no value.

/// Why a statistic is undefined; it is never NaN instead.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Undefined {
    /// No values at all.
    #[error("there are no values")]
    Empty,
    /// Fewer values than the method needs.
    #[error("too few: {given} given, {needed} needed")]
    TooFew {
        /// Number of values.
        given: usize,
        /// Fewest that are enough.
        needed: usize,
    },
    /// A value is NaN or infinite, or so large that a sum of values is.
    #[error("a value, or a sum of values, is not a finite number")]
    NotFinite,
    /// All values are equal: a spread of zero says nothing about other seeds.
    #[error("all values are equal, which gives no spread to make an interval of")]
    NoSpread,
    /// Both sides agree on every sample, so there is nothing to test.
    #[error("the two sides differ nowhere, so there is nothing to test")]
    NoDifference,
    /// Two samples that belong together in pairs have different lengths.
    #[error("{first} and {second} values make no pairs")]
    Unpaired {
        /// Values of the first sample.
        first: usize,
        /// Values of the second sample.
        second: usize,
    },
    /// Tasks with different numbers of seeds.
    #[error("a task has {given} seeds and another {expected}; take the seeds that all tasks have")]
    Uneven {
        /// Seeds of the first task.
        expected: usize,
        /// Seeds of the task that differs.
        given: usize,
    },
    /// A parameter outside of its range.
    #[error("the {name} is {given}, and has to be from {least} to {most}")]
    OutOfRange {
        /// What is out of range.
        name: &'static str,
        /// Its value.
        given: f64,
        /// Smallest value allowed.
        least: f64,
        /// Largest value allowed.
        most: f64,
    },
}

/// `value` if it is a finite number.
pub(super) fn finite(value: f64) -> Result<f64, Undefined> {
    if value.is_finite() { Ok(value) } else { Err(Undefined::NotFinite) }
}

/// `value` if it lies from `least` to `most`.
pub(super) fn within(name: &'static str, value: f64, [least, most]: [f64; 2]) -> Result<f64, Undefined> {
    let inside = (least..=most).contains(&value);
    if inside { Ok(value) } else { Err(Undefined::OutOfRange { name, given: value, least, most }) }
}

/// Whether `values` are finite numbers, and at least `needed` of them.
pub(super) fn check(values: &[f64], needed: usize) -> Result<(), Undefined> {
    if values.is_empty() {
        return Err(Undefined::Empty);
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Undefined::NotFinite);
    }
    if values.len() < needed {
        return Err(Undefined::TooFew { given: values.len(), needed });
    }
    Ok(())
}

/// The differences of pairs, first − second, if there are at least `needed` and all are finite numbers.
pub(super) fn differences(first: &[f64], second: &[f64], needed: usize) -> Result<Vec<f64>, Undefined> {
    if first.len() != second.len() {
        return Err(Undefined::Unpaired { first: first.len(), second: second.len() });
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    check(&differences, needed)?;
    Ok(differences)
}

/// Whether all values are the same.
pub(super) fn all_equal(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(check(&[], 3), Err(Undefined::Empty));
        assert_eq!(check(&[f64::NAN], 3), Err(Undefined::NotFinite));
        assert_eq!(check(&[1.0, 2.0], 3), Err(Undefined::TooFew { given: 2, needed: 3 }));
        assert_eq!(check(&[1.0, 2.0, 3.0], 3), Ok(()));
        assert_eq!(differences(&[1.0], &[], 1), Err(Undefined::Unpaired { first: 1, second: 0 }));
        assert_eq!(differences(&[f64::MAX], &[f64::MIN], 1), Err(Undefined::NotFinite));
        assert_eq!(differences(&[3.0, 1.0], &[1.0, 1.0], 1), Ok(vec![2.0, 0.0]));
        assert_eq!(Undefined::TooFew { given: 2, needed: 3 }.to_string(), "too few: 2 given, 3 needed");
    }

    #[test]
    fn a_range_includes_its_ends_and_no_nan() {
        assert_eq!([0.0, 1.0].map(|value| within("share", value, [0.0, 1.0])), [Ok(0.0), Ok(1.0)]);
        assert!(within("share", f64::NAN, [0.0, 1.0]).is_err());
    }
}
