//! Correction for the number of comparisons.

use super::undefined::{Undefined, check, within};

/// Holm's corrected p values of all comparisons of a table, in the order given.
///
/// Those of m comparisons that stay at or below α keep the chance of a single wrong one at or below α, whatever their
/// dependence: the k-th smallest is multiplied by m − k + 1, is at least as large as the one before and at most 1 (Holm 1979,
/// "A Simple Sequentially Rejective Multiple Test Procedure"; as statsmodels' `multipletests(method="holm")`).
///
/// # Errors
/// There are no p values, or one is not from 0 to 1.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, Undefined> {
    check(p_values, 1)?;
    for p in p_values {
        within("p value", *p, [0.0, 1.0])?;
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, place) in order.into_iter().enumerate() {
        largest = largest.max((p_values.len() - rank) as f64 * p_values[place]).min(1.0);
        corrected[place] = largest;
    }
    Ok(corrected)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_p_value_is_said() {
        assert_eq!(holm(&[]), Err(Undefined::Empty));
        assert_eq!(holm(&[0.1, f64::NAN]), Err(Undefined::NotFinite));
        assert!(matches!(holm(&[0.1, 1.1]), Err(Undefined::OutOfRange { name: "p value", .. })));
        assert_eq!(holm(&[0.3]), Ok(vec![0.3]));
    }

    proptest! {
        #[test]
        fn the_order_of_p_values_stays_and_none_becomes_smaller(p_values in prop::collection::vec(0.0..=1.0f64, 1..20)) {
            let corrected = holm(&p_values).unwrap();
            let m = p_values.len() as f64;
            for (p, q) in p_values.iter().zip(&corrected) {
                prop_assert!(p <= q && *q <= (m * p).min(1.0));
                for (other, other_q) in p_values.iter().zip(&corrected) {
                    prop_assert!(p > other || q <= other_q);
                }
            }
            let reversed: Vec<f64> = p_values.iter().rev().copied().collect();
            let back: Vec<f64> = holm(&reversed).unwrap().into_iter().rev().collect();
            prop_assert_eq!(back, corrected);
        }
    }
}
