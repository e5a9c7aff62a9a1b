//! The interval of a mean over a handful of seeds.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::statistics::descriptive::{mean, std};
use crate::statistics::interval::{Interval, Level, Seeds};
use crate::statistics::undefined::{Undefined, all_equal, check, finite};

/// Fewest seeds of which an interval is made.
pub const FEWEST_SEEDS: usize = 3;

/// Student's interval of the mean over seeds.
///
/// `mean ± t · s / √n` with the quantile t of n − 1 degrees of freedom (Student 1908, "The probable error of a mean"), as
/// `scipy.stats.t.interval`. It supposes values that scatter about normally. With three seeds t is 4.30 at 95 %.
///
/// # Errors
/// There are fewer than [`FEWEST_SEEDS`] values, one is not finite, or all are equal.
pub fn t_interval(values: &[f64], level: Level) -> Result<Interval<Seeds>, Undefined> {
    check(values, FEWEST_SEEDS)?;
    if all_equal(values) {
        return Err(Undefined::NoSpread);
    }
    let n = values.len();
    let (Some(centre), Some(deviation)) = (mean(values), std(values)) else { return Err(Undefined::Empty) };
    let half = finite(quantile(n - 1, 1.0 - level.tail())? * deviation / (n as f64).sqrt())?;
    let (lower, upper) = (finite(centre - half)?, finite(centre + half)?);
    Ok(Interval { estimate: centre, lower, upper, level, over: Seeds(n) })
}

/// The value below which Student's t with `freedom` degrees of freedom lies with `probability`, from 0.75 to 0.9995.
fn quantile(freedom: usize, probability: f64) -> Result<f64, Undefined> {
    let t = StudentsT::new(0.0, 1.0, freedom as f64).map_err(|_| Undefined::NotFinite)?;
    finite(t.inverse_cdf(probability))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_few_seeds_or_equal_ones_have_no_interval() {
        let interval = |values: &[f64]| t_interval(values, Level::PERCENT_95);
        assert_eq!(interval(&[]), Err(Undefined::Empty));
        assert_eq!(interval(&[0.5]), Err(Undefined::TooFew { given: 1, needed: 3 }));
        assert_eq!(interval(&[0.5, 0.6]), Err(Undefined::TooFew { given: 2, needed: 3 }));
        assert_eq!(interval(&[0.1, 0.1, 0.1]), Err(Undefined::NoSpread));
        assert_eq!(interval(&[0.5, f64::NAN, 0.6]), Err(Undefined::NotFinite));
        assert_eq!(interval(&[f64::MAX, f64::MAX, -f64::MAX]), Err(Undefined::NotFinite));
    }

    #[test]
    fn every_quantile_in_use_is_one() {
        for freedom in 2..=400 {
            for share in [0.5, 0.6, 0.68, 0.75, 0.8, 0.9, 0.95, 0.99, 0.999] {
                let probability = f64::midpoint(1.0, share);
                let t = quantile(freedom, probability).unwrap();
                let back = StudentsT::new(0.0, 1.0, freedom as f64).unwrap().cdf(t);
                assert!((back - probability).abs() < 1e-12, "{freedom} {share}: {back}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_mean_and_moves_with_the_values(
            values in prop::collection::vec(-1e3..1e3f64, 3..12), shift in -1e3..1e3f64, factor in 0.1..10.0f64
        ) {
            let before = t_interval(&values, Level::PERCENT_95).unwrap();
            prop_assert!(before.lower < before.estimate && before.estimate < before.upper);
            let moved: Vec<f64> = values.iter().rev().map(|value| factor * value + shift).collect();
            let after = t_interval(&moved, Level::PERCENT_95).unwrap();
            prop_assert!((factor * before.lower + shift - after.lower).abs() < 1e-7);
            prop_assert!((factor * before.upper + shift - after.upper).abs() < 1e-7);
        }

        #[test]
        fn a_higher_level_is_wider(values in prop::collection::vec(-1e3..1e3f64, 3..12), share in 0.5..0.94f64) {
            let narrow = t_interval(&values, Level::new(share).unwrap()).unwrap();
            let wide = t_interval(&values, Level::PERCENT_95).unwrap();
            prop_assert!(wide.lower < narrow.lower && narrow.upper < wide.upper);
        }
    }
}
