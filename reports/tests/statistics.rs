//! The statistics against rliable, scipy, statsmodels and baycomp: `reference/statistics.py` has their values.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::num::NonZeroUsize;

use reports::statistics::samples::{mcnemar, paired_bootstrap, wilson_interval};
use reports::statistics::seeds::{
    Aggregate, Alternative, Assignments, Scores, SeedTest, bootstrap_interval, improvement_interval, mean_difference,
    permutation_test, probability_of_improvement, share_above, sign_flip_test, t_interval,
};
use reports::statistics::tasks::signed_rank;
use reports::statistics::{Interval, Level, Resampling, Undefined, holm};
use serde_json::Value;

/// How far an exact method may lie from its reference, relative to the value where that is above 1.
const EXACT: f64 = 1e-9;

/// The whole file.
fn reference() -> Value {
    serde_json::from_str(include_str!("reference/statistics.json")).unwrap()
}

/// The cases of one statistic; there are some.
fn cases(name: &str) -> Vec<Value> {
    let cases = reference()[name].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{name}");
    cases
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn scores(value: &Value) -> Scores {
    Scores::new(value.as_array().unwrap().iter().map(numbers).collect()).unwrap()
}

fn level(case: &Value) -> Level {
    Level::new(number(&case["level"])).unwrap()
}

/// As many draws as the brackets of the reference are for.
fn resampling() -> Resampling {
    let draws = reference()["draws"].as_u64().unwrap() as usize;
    Resampling { repetitions: NonZeroUsize::new(draws).unwrap(), stream: 1 }
}

#[track_caller]
fn assert_same(found: f64, expected: &Value, case: &Value) {
    let expected = number(expected);
    assert!((found - expected).abs() <= EXACT * expected.abs().max(1.0), "{found} is not {expected}: {case}");
}

/// The ends lie in the brackets of the reference, which allow for four standard errors.
#[track_caller]
fn assert_bracketed<Over>(found: &Interval<Over>, case: &Value) {
    for (end, name) in [(found.lower, "lower"), (found.upper, "upper")] {
        let [low, high] = numbers(&case[name])[..] else { panic!("no bracket: {case}") };
        assert!(low - EXACT <= end && end <= high + EXACT, "{name} {end} is not from {low} to {high}: {case}");
    }
}

#[test]
fn the_t_interval_is_that_of_scipy() {
    for case in cases("t_interval") {
        let found = t_interval(&numbers(&case["values"]), level(&case)).unwrap();
        assert_same(found.lower, &case["lower"], &case);
        assert_same(found.upper, &case["upper"], &case);
    }
}

#[test]
fn the_difference_of_means_is_that_of_scipy() {
    for case in cases("mean_difference") {
        let found = mean_difference(&numbers(&case["first"]), &numbers(&case["second"]), level(&case)).unwrap();
        assert_same(found.interval.lower, &case["lower"], &case);
        assert_same(found.interval.upper, &case["upper"], &case);
        assert_same(found.p, &case["p"], &case);
    }
}

const AGGREGATES: [(&str, Aggregate); 4] = [
    ("mean", Aggregate::Mean),
    ("median", Aggregate::Median),
    ("interquartile mean", Aggregate::InterquartileMean),
    ("optimality gap", Aggregate::OptimalityGap { target: 1.0 }),
];

#[test]
fn aggregates_are_those_of_rliable() {
    for case in cases("aggregate") {
        for (name, aggregate) in AGGREGATES {
            assert_same(aggregate.of(&scores(&case["scores"])).unwrap(), &case["values"][name], &case);
        }
    }
}

#[test]
fn bootstrap_intervals_are_those_of_rliable() {
    for case in cases("bootstrap") {
        let (_, aggregate) = AGGREGATES.into_iter().find(|(name, _)| case["aggregate"] == *name).unwrap();
        let found = bootstrap_interval(&scores(&case["scores"]), aggregate, level(&case), resampling()).unwrap();
        assert_bracketed(&found, &case);
    }
}

#[test]
fn the_probability_of_improvement_is_that_of_rliable() {
    for case in cases("improvement") {
        let (first, second) = (scores(&case["first"]), scores(&case["second"]));
        assert_same(probability_of_improvement(&first, &second).unwrap(), &case["probability"], &case);
        let found = improvement_interval(&first, &second, level(&case), resampling()).unwrap();
        assert_same(found.estimate, &case["probability"], &case);
        assert_bracketed(&found, &case);
    }
}

#[test]
fn profiles_are_those_of_rliable() {
    for case in cases("profile") {
        let found = share_above(&scores(&case["scores"]), &numbers(&case["thresholds"])).unwrap();
        for (share, expected) in found.iter().zip(case["shares"].as_array().unwrap()) {
            assert_same(*share, expected, &case);
        }
    }
}

type PairTest = fn(&[f64], &[f64], Alternative, Resampling) -> Result<SeedTest, Undefined>;

fn agree_with_scipy(name: &str, test: PairTest) {
    for case in cases(name) {
        let (first, second) = (numbers(&case["first"]), numbers(&case["second"]));
        for (alternative, key) in
            [(Alternative::Greater, "greater"), (Alternative::Less, "less"), (Alternative::TwoSided, "two-sided")]
        {
            let found = test(&first, &second, alternative, resampling()).unwrap();
            assert!(matches!(found.assignments, Assignments::Every(_)), "{found:?}");
            assert_same(found.p, &case["p"][key], &case);
        }
    }
}

#[test]
fn permutation_tests_are_those_of_scipy() {
    agree_with_scipy("permutation", permutation_test);
    agree_with_scipy("sign_flip", sign_flip_test);
}

#[test]
fn the_wilson_interval_is_that_of_scipy() {
    for case in cases("wilson") {
        let samples = case["samples"].as_u64().unwrap() as usize;
        let found = wilson_interval(number(&case["correct"]) / samples as f64, samples, level(&case)).unwrap();
        assert_same(found.lower, &case["lower"], &case);
        assert_same(found.upper, &case["upper"], &case);
    }
}

#[test]
fn mcnemars_test_is_that_of_statsmodels() {
    for case in cases("mcnemar") {
        let count = |name: &str| case[name].as_u64().unwrap() as usize;
        let alone = |first: bool| [vec![first; count("only_first")], vec![!first; count("only_second")]].concat();
        let found = mcnemar(&alone(true), &alone(false)).unwrap();
        assert_same(found.exact, &case["exact"], &case);
        assert_same(found.mid, &case["mid"], &case);
    }
}

#[test]
fn the_paired_bootstrap_is_that_of_scipy() {
    for case in cases("paired_bootstrap") {
        let outcomes = |name: &str| -> Vec<f64> {
            case[name].as_str().unwrap().chars().map(|digit| if digit == '1' { 1.0 } else { 0.0 }).collect()
        };
        let found = paired_bootstrap(&outcomes("first"), &outcomes("second"), level(&case), resampling()).unwrap();
        assert_bracketed(&found, &case);
    }
}

#[test]
fn holms_correction_is_that_of_statsmodels() {
    for case in cases("holm") {
        let found = holm(&numbers(&case["p_values"])).unwrap();
        for (corrected, expected) in found.iter().zip(case["corrected"].as_array().unwrap()) {
            assert_same(*corrected, expected, &case);
        }
    }
}

#[test]
fn the_signed_rank_test_is_that_of_baycomp() {
    for case in cases("signed_rank") {
        let (first, second) = (numbers(&case["first"]), numbers(&case["second"]));
        let found = signed_rank(&first, &second, number(&case["rope"]), resampling()).unwrap();
        let draws = |n: f64| 1.0 / n;
        let [p_first, p_equivalent, p_second] = numbers(&case["p"])[..] else { panic!("three shares: {case}") };
        for (share, expected) in [(found.first, p_first), (found.equivalent, p_equivalent), (found.second, p_second)] {
            // Four standard errors of the difference of two shares.
            let both = draws(resampling().repetitions.get() as f64) + draws(number(&case["draws"]));
            let bound = 4.0 * (expected * (1.0 - expected) * both).sqrt() + draws(number(&case["draws"]));
            assert!((share - expected).abs() <= bound, "{share} is not {expected}: {case}");
        }
    }
}
