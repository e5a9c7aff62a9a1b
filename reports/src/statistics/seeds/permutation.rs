//! The permutation test of two baselines with seeds of their own.

use rand::seq::SliceRandom;
use statrs::function::factorial::binomial;

use super::exact::{Alternative, Assignments, EXACT_UP_TO, SeedTest, Tally, countable, drawn, rounding};
use crate::statistics::descriptive::mean;
use crate::statistics::resampling::{Resampling, sorted};
use crate::statistics::undefined::{Undefined, check, finite};

/// Test whether two baselines differ in the mean over seeds, by exchanging seeds between them.
///
/// Were both alike, every way to deal the n + m values to n and m seeds would be as likely; the p value is the share of those ways
/// with a difference of means at least as large (Fisher 1935, "The Design of Experiments"; Pitman 1937; as
/// `scipy.stats.permutation_test` with independent samples). All C(n + m, n) ways are counted up to [`EXACT_UP_TO`]; beyond, ways are
/// drawn as `resampling` says, and the result says so. Any number of seeds is enough, but see [`SeedTest::smallest`].
///
/// # Errors
/// One has no values, or a value or a sum is not finite.
pub fn permutation_test(
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
    check(first, 1)?;
    check(second, 1)?;
    let (Some(high), Some(low)) = (mean(first), mean(second)) else { return Err(Undefined::Empty) };
    let difference = finite(high - low)?;
    // The difference of means grows with the sum of the first and falls with that of the second; the shorter is dealt.
    let (dealt, rest, forward) =
        if first.len() <= second.len() { (first, second, true) } else { (second, first, false) };
    let pool = [sorted(dealt), sorted(rest)].concat();
    let tolerance = finite(rounding(&pool))?;
    let given: f64 = pool[..dealt.len()].iter().sum();
    let possible = binomial(pool.len() as u64, dealt.len() as u64);
    let mut tally = Tally::default();
    let assignments = if countable(possible, bound) {
        for_every_choice(pool.len(), dealt.len(), |chosen| {
            let sum: f64 = chosen.iter().map(|place| pool[*place]).sum();
            tally.count(sum - given, tolerance);
        });
        Assignments::Every(tally.all)
    } else {
        let (mut rng, mut shuffled) = (resampling.rng(), pool.clone());
        for _ in 0..resampling.repetitions.get() {
            let (chosen, _) = shuffled.partial_shuffle(&mut rng, dealt.len());
            tally.count(chosen.iter().sum::<f64>() - given, tolerance);
        }
        drawn(resampling)
    };
    let tally = if forward { tally } else { tally.reversed() };
    Ok(tally.test(difference, alternative, assignments, possible))
}

/// Call `visit` with every choice of `k` of the places `0..n`, in ascending order.
fn for_every_choice(n: usize, k: usize, mut visit: impl FnMut(&[usize])) {
    let mut chosen: Vec<usize> = (0..k).collect();
    loop {
        visit(&chosen);
        // The last place that can still move on takes those behind it along.
        let Some(moving) = (0..k).rev().find(|i| chosen[*i] < n - k + i) else { return };
        chosen[moving] += 1;
        for i in moving + 1..k {
            chosen[i] = chosen[i - 1] + 1;
        }
    }
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
        permutation_test(first, second, alternative, resampling()).unwrap()
    }

    #[test]
    fn three_seeds_a_side_reach_one_in_twenty() {
        let (low, high) = ([0.1, 0.2, 0.3], [0.7, 0.8, 0.9]);
        let up = test(&high, &low, Alternative::Greater);
        assert_eq!((up.p, up.smallest, up.assignments), (0.05, 0.05, Assignments::Every(20)));
        let down = test(&high, &low, Alternative::Less);
        assert_eq!((down.p, down.smallest), (1.0, 0.05));
        let both = test(&low, &high, Alternative::TwoSided);
        assert_eq!((both.p, both.smallest), (0.1, 0.1));
        assert!((both.difference + 0.6).abs() < 1e-12);
    }

    #[test]
    fn ties_and_single_values_have_a_p_value() {
        assert_eq!(test(&[0.1; 3], &[0.1; 4], Alternative::TwoSided).p, 1.0);
        let single = test(&[0.2], &[0.1], Alternative::Greater);
        assert_eq!((single.p, single.smallest), (0.5, 0.5));
        assert_eq!(test(&[0.2], &[0.1], Alternative::TwoSided).smallest, 1.0);
    }

    #[test]
    fn what_is_not_a_number_is_said() {
        let of = |first: &[f64], second: &[f64]| {
            permutation_test(first, second, Alternative::Greater, resampling()).unwrap_err()
        };
        assert_eq!(of(&[], &[1.0]), Undefined::Empty);
        assert_eq!(of(&[1.0], &[f64::NAN]), Undefined::NotFinite);
        assert_eq!(of(&[f64::MAX, f64::MAX], &[1.0]), Undefined::NotFinite);
        assert_eq!(of(&[f64::MAX], &[f64::MAX]), Undefined::NotFinite);
    }

    #[test]
    fn drawn_assignments_agree_with_all_of_them() {
        let first = [0.31, 0.45, 0.52, 0.66, 0.71, 0.78];
        let second = [0.25, 0.33, 0.41, 0.58, 0.69];
        for alternative in [Alternative::Greater, Alternative::Less, Alternative::TwoSided] {
            let exact = test(&first, &second, alternative);
            let drawn = up_to(&first, &second, alternative, resampling(), 100).unwrap();
            assert_eq!(exact.assignments, Assignments::Every(462));
            assert_eq!(drawn.assignments, Assignments::Drawn(resampling().repetitions));
            // Four standard errors; that of a doubled share is twice that of the share.
            let bound = 4.0 * (0.25 / DRAWS as f64).sqrt() * 2.0;
            assert!((exact.p - drawn.p).abs() < bound, "{exact:?} {drawn:?}");
            assert_eq!(exact.smallest, drawn.smallest);
        }
    }

    #[test]
    fn more_than_a_million_ways_are_drawn() {
        let (low, high): (Vec<f64>, Vec<f64>) = ((0..15).map(f64::from).collect(), (20..35).map(f64::from).collect());
        let found = test(&high, &low, Alternative::Greater);
        assert_eq!(found.assignments, Assignments::Drawn(resampling().repetitions));
        let floor = 1.0 / (DRAWS as f64 + 1.0);
        assert_eq!((found.p, found.smallest), (floor, floor));
        assert_eq!(test(&high, &low, Alternative::TwoSided).p, 2.0 * floor);
    }

    #[test]
    fn every_choice_is_visited_once() {
        let mut all = Vec::new();
        for_every_choice(4, 2, |chosen| all.push(chosen.to_vec()));
        assert_eq!(all, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]);
        let mut whole = 0;
        for_every_choice(3, 3, |_| whole += 1);
        assert_eq!(whole, 1);
    }

    proptest! {
        #[test]
        fn a_p_value_lies_between_its_floor_and_one(
            first in prop::collection::vec(0..8u8, 1..6), second in prop::collection::vec(0..8u8, 1..6), shift in -5.0..5.0f64
        ) {
            // Tenths, which have rounding errors, and many ties.
            let of = |values: &[u8], shift: f64| values.iter().map(|v| f64::from(*v) / 10.0 + shift).collect::<Vec<_>>();
            let (a, b) = (of(&first, 0.0), of(&second, 0.0));
            for alternative in [Alternative::Greater, Alternative::Less, Alternative::TwoSided] {
                let found = test(&a, &b, alternative);
                prop_assert!(found.smallest <= found.p && found.p <= 1.0);
                let shifted = test(&of(&first, shift), &of(&second, shift), alternative);
                prop_assert_eq!((found.p, found.assignments), (shifted.p, shifted.assignments));
                let reversed: Vec<f64> = a.iter().rev().copied().collect();
                prop_assert_eq!(found.p, test(&reversed, &b, alternative).p);
            }
            prop_assert_eq!(test(&a, &b, Alternative::Greater).p, test(&b, &a, Alternative::Less).p);
        }
    }
}
