//! Location and spread of one sample.

/// Arithmetic mean; none for an empty sample.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviation, dividing by n − 1; none below two values.
pub fn std(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let centre = mean(values)?;
    let squares: f64 = values.iter().map(|v| (v - centre).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Middle value, or the mean of the two middle values; none for an empty sample.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 || upper.is_infinite() && sorted[middle - 1] == upper {
        return Some(upper);
    }
    Some((sorted[middle - 1] + upper) / 2.0)
}

/// Geometric mean; none for an empty sample or one with a value that is not positive.
pub fn geometric_mean(values: &[f64]) -> Option<f64> {
    if values.iter().any(|v| v.is_nan() || *v <= 0.0) {
        return None;
    }
    mean(&values.iter().map(|v| v.ln()).collect::<Vec<_>>()).map(f64::exp)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_defined_is_none() {
        assert_eq!((mean(&[]), std(&[0.5]), median(&[])), (None, None, None));
        assert_eq!([geometric_mean(&[1.0, 0.0]), geometric_mean(&[1.0, f64::NAN])], [None, None]);
        assert!((geometric_mean(&[1.0, 100.0]).unwrap() - 10.0).abs() < 1e-12);
    }

    #[test]
    fn the_median_of_overflows_is_one() {
        assert_eq!(median(&[1.0, f64::INFINITY, f64::INFINITY]), Some(f64::INFINITY));
        assert_eq!(median(&[f64::INFINITY, f64::INFINITY]), Some(f64::INFINITY));
    }

    proptest! {
        #[test]
        fn the_geometric_mean_is_at_most_the_mean(values in prop::collection::vec(1e-3..1e3f64, 1..20)) {
            prop_assert!(geometric_mean(&values).unwrap() <= mean(&values).unwrap() + 1e-9);
        }
    }
}
