//! Whether two networks err on different samples by chance.

use statrs::distribution::{Binomial, Discrete, DiscreteCDF};

use crate::statistics::undefined::{Undefined, finite};

/// McNemar's test of two trained networks on the same test samples; both p values are two-sided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Number of test samples.
    pub samples: usize,
    /// Those that the first alone has right.
    pub only_first: usize,
    /// Those that the second alone has right.
    pub only_second: usize,
    /// The exact p value, which keeps what it promises but rejects too rarely.
    pub exact: f64,
    /// The mid-p value, which counts half of what is as likely as the data: closer to its promise, at times above it.
    pub mid: f64,
}

/// Compare the outcomes (right or wrong) of two trained networks on the same test samples, in the same order.
///
/// Were both equally good, either would be as likely to be the one that is right where they disagree: a binomial test with
/// one half (McNemar 1947, "Note on the sampling error of the difference between correlated proportions"; mid-p of Fagerland,
/// Lydersen and Laake 2013, "The McNemar test for binary matched-pairs data"). It says nothing about other seeds.
///
/// # Errors
/// There are no samples or unpaired ones, or both are right and wrong on the same samples.
pub fn mcnemar(first: &[bool], second: &[bool]) -> Result<McNemar, Undefined> {
    if first.len() != second.len() {
        return Err(Undefined::Unpaired { first: first.len(), second: second.len() });
    }
    if first.is_empty() {
        return Err(Undefined::Empty);
    }
    let alone = |side: bool| first.iter().zip(second).filter(|(a, b)| a != b && **a == side).count();
    let (only_first, only_second) = (alone(true), alone(false));
    if only_first + only_second == 0 {
        return Err(Undefined::NoDifference);
    }
    let disagreements = (only_first + only_second) as u64;
    let fewer = only_first.min(only_second) as u64;
    let fair = Binomial::new(0.5, disagreements).map_err(|_| Undefined::NotFinite)?;
    let as_likely = fair.pmf(fewer);
    let (exact, mid) = if only_first == only_second {
        // Both tails meet in the middle, which counts once.
        (1.0, 1.0 - as_likely / 2.0)
    } else {
        let exact = (2.0 * fair.cdf(fewer)).min(1.0);
        (exact, exact - as_likely)
    };
    Ok(McNemar { samples: first.len(), only_first, only_second, exact: finite(exact)?, mid: finite(mid)? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    /// Outcomes with so many samples that only one of the two has right, and so many that both have.
    fn outcomes(only_first: usize, only_second: usize, both: usize) -> (Vec<bool>, Vec<bool>) {
        let first = [vec![true; only_first], vec![false; only_second], vec![true; both]].concat();
        let second = [vec![false; only_first], vec![true; only_second], vec![true; both]].concat();
        (first, second)
    }

    #[test]
    fn where_nothing_differs_nothing_is_tested() {
        assert_eq!(mcnemar(&[], &[]), Err(Undefined::Empty));
        assert_eq!(mcnemar(&[true], &[true, false]), Err(Undefined::Unpaired { first: 1, second: 2 }));
        assert_eq!(mcnemar(&[true, false], &[true, false]), Err(Undefined::NoDifference));
    }

    #[test]
    fn known_values() {
        let (first, second) = outcomes(3, 1, 6);
        let found = mcnemar(&first, &second).unwrap();
        assert_eq!((found.samples, found.only_first, found.only_second), (10, 3, 1));
        // 2 · (1 + 4) / 16, and less 4 / 16.
        assert!((found.exact - 0.625).abs() < 1e-12 && (found.mid - 0.375).abs() < 1e-12);
        let (first, second) = outcomes(1, 1, 0);
        let even = mcnemar(&first, &second).unwrap();
        assert_eq!(even.exact, 1.0);
        assert!((even.mid - 0.75).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn neither_the_sides_nor_what_both_know_matter(a in 0..60usize, b in 0..60usize, both in 0..60usize) {
            prop_assume!(a + b > 0);
            let (first, second) = outcomes(a, b, both);
            let there = mcnemar(&first, &second).unwrap();
            let back = mcnemar(&second, &first).unwrap();
            prop_assert_eq!((there.exact, there.mid), (back.exact, back.mid));
            let (first, second) = outcomes(a, b, 0);
            prop_assert_eq!(there.exact, mcnemar(&first, &second).unwrap().exact);
            prop_assert!(0.0 < there.mid && there.mid < there.exact && there.exact <= 1.0);
            prop_assert!(there.exact >= 0.5f64.powi((a + b) as i32) * 2.0 * (1.0 - 1e-9));
        }
    }
}
