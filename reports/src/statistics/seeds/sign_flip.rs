//! The permutation test of pairs.

use rand::Rng;

use super::exact::{Alternative, Assignments, EXACT_UP_TO, SeedTest, Tally, countable, drawn, rounding};
use crate::statistics::descriptive::mean;
use crate::statistics::resampling::{Resampling, sorted};
use crate::statistics::undefined::{Undefined, differences, finite};

/// Test whether two baselines differ in the mean over pairs, by exchanging the two of a pair.
///
/// Pairs are runs that share all but what is compared, e.g. the seed that orders the samples. Were both alike, every difference could
/// as well have the other sign; the p value is the share of the signs with a mean difference at least as large (Fisher 1935,
/// "The Design of Experiments", section 21; as `scipy.stats.permutation_test` with `permutation_type="samples"`). All 2ⁿ are
/// counted up to [`EXACT_UP_TO`]; beyond, signs are drawn as `resampling` says, and the result says so.
///
/// # Errors
/// There are no pairs or unpaired values, or a value or a sum is not finite.
pub fn sign_flip_test(
    first: &[f64],
    second: &[f64],
    alternative: Alternative,
    resampling: Resampling,
) -> Result<SeedTest, Undefined> {
    up_to(first, second, alternative, resampling, EXACT_UP_TO)
}

fn up_to(
    first: &[f64],
    second: &[f64],
    alternative: Alternative,
    resampling: Resampling,
    bound: u64,
) -> Result<SeedTest, Undefined> {
    let differences = sorted(&differences(first, second, 1)?);
    let difference = finite(mean(&differences).ok_or(Undefined::Empty)?)?;
    let tolerance = finite(rounding(&differences))?;
    let given: f64 = differences.iter().sum();
    let possible = 2.0_f64.powf(differences.len() as f64);
    let mut tally = Tally::default();
    let assignments = if countable(possible, bound) {
        for signs in 0..1_u64 << differences.len() {
            let flipped = differences.iter().enumerate().map(|(i, d)| if signs >> i & 1 == 1 { -d } else { *d });
            tally.count(flipped.sum::<f64>() - given, tolerance);
        }
        Assignments::Every(tally.all)
    } else {
        let mut rng = resampling.rng();
        for _ in 0..resampling.repetitions.get() {
            let flipped = differences.iter().map(|d| if rng.random() { -d } else { *d });
            tally.count(flipped.sum::<f64>() - given, tolerance);
        }
        drawn(resampling)
    };
    Ok(tally.test(difference, alternative, assignments, possible))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroUsize;

    use proptest::prelude::*;

    use super::*;

    const DRAWS: usize = 20_000;

    fn resampling() -> Resampling {
        Resampling { repetitions: NonZeroUsize::new(DRAWS).unwrap(), stream: 1 }
    }

    fn test(first: &[f64], second: &[f64], alternative: Alternative) -> SeedTest {
        sign_flip_test(first, second, alternative, resampling()).unwrap()
    }

    #[test]
    fn three_pairs_reach_one_in_eight() {
        let found = test(&[0.5, 0.6, 0.7], &[0.4, 0.4, 0.4], Alternative::Greater);
        assert_eq!((found.p, found.smallest, found.assignments), (0.125, 0.125, Assignments::Every(8)));
        assert_eq!(test(&[0.5, 0.6, 0.7], &[0.4; 3], Alternative::TwoSided).p, 0.25);
        assert_eq!(test(&[0.5, 0.6, 0.7], &[0.4; 3], Alternative::Less).p, 1.0);
    }

    #[test]
    fn ties_and_single_pairs_have_a_p_value() {
        assert_eq!(test(&[0.3; 4], &[0.3; 4], Alternative::TwoSided).p, 1.0);
        assert_eq!(test(&[0.3], &[0.1], Alternative::Greater).p, 0.5);
    }

    #[test]
    fn what_makes_no_pairs_is_said() {
        let of = |first: &[f64], second: &[f64]| {
            sign_flip_test(first, second, Alternative::Greater, resampling()).unwrap_err()
        };
        assert_eq!(of(&[], &[]), Undefined::Empty);
        assert_eq!(of(&[1.0], &[]), Undefined::Unpaired { first: 1, second: 0 });
        assert_eq!(of(&[f64::NAN], &[1.0]), Undefined::NotFinite);
        assert_eq!(of(&[1e308, 1e308], &[0.0, 0.0]), Undefined::NotFinite);
    }

    #[test]
    fn drawn_signs_agree_with_all_of_them() {
        let first = [0.31, 0.45, 0.52, 0.66, 0.71, 0.78];
        let second = [0.25, 0.47, 0.41, 0.58, 0.69, 0.8];
        let exact = test(&first, &second, Alternative::Greater);
        let drawn = up_to(&first, &second, Alternative::Greater, resampling(), 10).unwrap();
        assert_eq!(drawn.assignments, Assignments::Drawn(resampling().repetitions));
        // Four standard errors.
        assert!((exact.p - drawn.p).abs() < 4.0 * (0.25 / DRAWS as f64).sqrt());
        // So many pairs that the number of signs is no longer a finite one.
        let few = Resampling { repetitions: NonZeroUsize::new(200).unwrap(), stream: 1 };
        let many = sign_flip_test(&[1.0; 1100], &[0.5; 1100], Alternative::Greater, few).unwrap();
        assert_eq!((many.p, many.smallest), (1.0 / 201.0, 1.0 / 201.0));
    }

    proptest! {
        #[test]
        fn a_p_value_lies_between_its_floor_and_one(pairs in prop::collection::vec((0..8u8, 0..8u8), 1..9)) {
            let side = |of: fn(&(u8, u8)) -> u8| pairs.iter().map(|p| f64::from(of(p)) / 10.0).collect::<Vec<_>>();
            let (a, b) = (side(|p| p.0), side(|p| p.1));
            for alternative in [Alternative::Greater, Alternative::Less, Alternative::TwoSided] {
                let found = test(&a, &b, alternative);
                prop_assert!(found.smallest <= found.p && found.p <= 1.0);
                let back = |values: &[f64]| values.iter().rev().copied().collect::<Vec<_>>();
                prop_assert_eq!(found.p, test(&back(&a), &back(&b), alternative).p);
            }
            prop_assert_eq!(test(&a, &b, Alternative::Greater).p, test(&b, &a, Alternative::Less).p);
        }
    }
}
