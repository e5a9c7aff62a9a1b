//! Searches over settings: points over declared ranges, each of which makes a trial of every pair of task and baseline.

mod draw;
mod halving;
mod range;
mod sobol;

use std::collections::HashSet;

pub use halving::{Halving, epochs, stages};
pub use range::Range;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use sobol::DIMENSIONS;
use sobol::Sobol;
use vocabulary::record::TrialRecord;

use super::{Node, Position};

/// Points that are drawn for every trial that is wanted, at most: where ranges hold few values, most points are repetitions.
const DRAWN: usize = 1000;

/// A search without its ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search {
    /// How points are drawn.
    pub method: Method,
    /// Seed of the points; the runs have their own.
    pub seed: u64,
    /// Trials of every pair of task and baseline.
    pub trials: usize,
    /// How trials are pruned, if they are.
    pub halving: Option<Halving>,
}

/// The place of a run in a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// As its record says it.
    pub record: TrialRecord,
    /// Indices of its task and its baseline in the file.
    pub entries: [usize; 2],
    /// Labels of the two, as patterns in the file know them.
    pub labels: [String; 2],
}

/// How the points of a search are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Method {
    /// Scrambled Sobol points: evenly spread, best where their number is a power of two.
    #[default]
    Sobol,
    /// Independent uniform points.
    Random,
}

impl Search {
    /// The values of every trial over those of `ranges` that are `wanted`: `trials` different ones, or all that there are.
    ///
    /// The trials of a smaller search come first in a larger one, and a range has the same points whatever the others are.
    pub fn values(&self, ranges: &[(&Range, Position)], wanted: &[bool]) -> Vec<Vec<Node>> {
        let used = || ranges.iter().zip(wanted).enumerate().filter(|(_, (_, wanted))| **wanted);
        let mut sizes = used().map(|(_, ((range, _), _))| range.size());
        let size = sizes.try_fold(1_usize, |all, size| Some(all.saturating_mul(size?)));
        let most = size.map_or(self.trials, |size| size.min(self.trials));
        let mut seen = HashSet::new();
        let mut trials = Vec::new();
        let points = Points::new(self, ranges.len());
        for index in 0..u32::try_from(most.saturating_mul(DRAWN)).unwrap_or(u32::MAX) {
            if trials.len() == most {
                break;
            }
            let point = points.at(index);
            let values: Vec<Node> = used().map(|(place, ((range, at), _))| range.value(point[place], *at)).collect();
            let key: Vec<String> = values.iter().map(|value| value.to_settings().to_string()).collect();
            if seen.insert(key) {
                trials.push(values);
            }
        }
        trials
    }

    /// What was tried, as `tuning` says it, of a pair that has `trials` trials with these `rungs` and `last` epochs each.
    pub fn describe(&self, trials: usize, rungs: &[u64], last: u64) -> String {
        let method: &str = self.method.into();
        if trials == 1 {
            return format!("{method} search without a range that applies: one run of {last} epochs");
        }
        let all = epochs(&stages(self.halving, trials, rungs, last));
        let halving = match (self.halving, rungs.first()) {
            (Some(halving), Some(first)) => format!("halving by {} from {first} epochs, ", halving.factor),
            _ => String::new(),
        };
        format!("{method} search, {trials} trials per pair, {halving}{all} epochs in all, seed {}", self.seed)
    }
}

/// The points of a search in the unit cube.
enum Points {
    Sobol(Vec<Sobol>),
    Random { seed: u64, dimensions: usize },
}

impl Points {
    /// In so many dimensions, at most [`DIMENSIONS`].
    fn new(search: &Search, dimensions: usize) -> Self {
        match search.method {
            Method::Sobol => Self::Sobol((0..dimensions).map_while(|d| Sobol::new(d, search.seed)).collect()),
            Method::Random => Self::Random { seed: search.seed, dimensions },
        }
    }

    fn at(&self, index: u32) -> Vec<f64> {
        match self {
            Self::Sobol(dimensions) => dimensions.iter().map(|dimension| dimension.at(index)).collect(),
            Self::Random { seed, dimensions } => draw::uniform(*seed, index, *dimensions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Content, yaml::Numeral};

    const AT: Position = Position { source: 0, line: 1, column: 1, width: 1 };

    fn search(method: Method, seed: u64, trials: usize) -> Search {
        Search { method, seed, trials, halving: None }
    }

    fn texts(trials: &[Vec<Node>]) -> Vec<String> {
        let text = |values: &Vec<Node>| values.iter().map(|value| value.to_settings().to_string()).collect::<Vec<_>>();
        trials.iter().map(|values| text(values).join(" ")).collect()
    }

    fn ranges() -> [Range; 3] {
        let choices = [0, 1, 2].map(|value| Node {
            at: AT,
            content: Content::Number(Numeral { value: Some(value.into()), written: value.to_string() }),
        });
        [
            Range::Interval { low: 1e-4, high: 0.1, log: true, integer: false },
            Range::Choice(choices.into()),
            Range::Interval { low: 1.0, high: 4.0, log: false, integer: true },
        ]
    }

    /// The same file gives the same trials on every machine: these values are written down, not computed.
    #[test]
    fn points_are_those_that_they_were() {
        let ranges = ranges();
        let all: Vec<(&Range, Position)> = ranges.iter().map(|range| (range, AT)).collect();
        let of = |method, seed| texts(&search(method, seed, 4).values(&all, &[true; 3]));
        assert_eq!(of(Method::Sobol, 0), SOBOL);
        assert_eq!(of(Method::Random, 0), RANDOM);
        assert_ne!(of(Method::Sobol, 1), of(Method::Sobol, 0));
        assert_ne!(of(Method::Random, 1), of(Method::Random, 0));
    }

    const SOBOL: [&str; 4] = ["0.000997 1 3", "0.0156 1 2", "0.0851 2 4", "0.000236 0 1"];
    const RANDOM: [&str; 4] = ["0.00235 1 1", "0.0214 2 1", "0.0659 1 3", "0.0496 0 2"];

    #[test]
    fn more_trials_begin_with_the_fewer_and_a_range_has_its_points_alone() {
        let ranges = ranges();
        let all: Vec<(&Range, Position)> = ranges.iter().map(|range| (range, AT)).collect();
        for method in [Method::Sobol, Method::Random] {
            let [few, many] = [16, 32].map(|trials| texts(&search(method, 3, trials).values(&all, &[true; 3])));
            assert_eq!((few.len(), many.len(), &many[..16]), (16, 32, few.as_slice()));
            let rates = texts(&search(method, 3, 16).values(&all, &[true, false, false]));
            let of_all: Vec<&str> = few.iter().filter_map(|text| text.split(' ').next()).collect();
            assert_eq!(rates, of_all, "the learning rates of a baseline that has no other range");
        }
    }

    #[test]
    fn no_trial_comes_twice() {
        let ranges = ranges();
        let all: Vec<(&Range, Position)> = ranges.iter().map(|range| (range, AT)).collect();
        for method in [Method::Sobol, Method::Random] {
            let of = |trials, wanted: [bool; 3]| {
                let mut found = texts(&search(method, 0, trials).values(&all, &wanted));
                found.sort();
                found
            };
            assert_eq!(of(16, [false, true, false]), ["0", "1", "2"]);
            assert_eq!(of(16, [false, true, true]).len(), 12, "every combination, once");
            assert_eq!(of(5, [false, true, true]).len(), 5);
            assert_eq!(of(16, [false; 3]), [""], "a baseline without a range has one run");
        }
    }

    #[test]
    fn what_was_tried_is_said_in_a_line() {
        let halving = Some(Halving { factor: 2, epochs: 3 });
        let halved = Search { halving, ..search(Method::Sobol, 0, 16) };
        assert_eq!(
            halved.describe(16, &[3, 6], 12),
            "sobol search, 16 trials per pair, halving by 2 from 3 epochs, 96 epochs in all, seed 0"
        );
        assert_eq!(
            search(Method::Random, 7, 16).describe(16, &[], 12),
            "random search, 16 trials per pair, 192 epochs in all, seed 7"
        );
        assert_eq!(halved.describe(1, &[], 12), "sobol search without a range that applies: one run of 12 epochs");
    }
}
