//! What became of the test samples of every run, counted: most of a report needs no single loss.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread::ScopedJoinHandle;

use vocabulary::record::{SampleAttribute, SampleOutcome};

use super::outcomes::{TestOutcomes, read_outcomes};
use crate::error::ReportError;
use crate::runs::group::SeedGroup;
use crate::runs::run::{Run, Runs};

/// Most values of an attribute that are told apart; more of them are put into bins.
const MOST_VALUES: usize = 10;
/// Most bins of an attribute, each with about as many samples as any other.
const MOST_BINS: usize = 8;

/// The outcomes of all runs that have a test value, by their folders.
#[derive(Debug, Default)]
pub(crate) struct Tested {
    of: BTreeMap<PathBuf, RunOutcomes>,
    damaged: BTreeMap<PathBuf, String>,
}

/// The outcomes of one run.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct RunOutcomes {
    /// Whether it has each sample right, in order.
    pub(crate) right: Vec<bool>,
    /// How many samples have a label and a prediction, in this order.
    pub(crate) confusion: BTreeMap<(i32, i32), u64>,
    /// What is right by what the task knows of the samples, in order of its attributes.
    pub(crate) by: Vec<ByAttribute>,
}

/// How many samples are right by the value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ByAttribute {
    /// What it is, with its unit.
    pub(crate) name: String,
    /// In ascending order; there are at least two.
    pub(crate) bins: Vec<Bin>,
}

/// The samples whose attribute has a value from `least` to `most`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bin {
    pub(crate) least: i32,
    pub(crate) most: i32,
    /// Mean of the values.
    pub(crate) mean: f64,
    pub(crate) samples: usize,
    pub(crate) right: usize,
}

impl Tested {
    /// Read those of all runs. A damaged file is remembered, see [`damaged`](Self::damaged).
    pub(crate) fn read(runs: &Runs) -> Self {
        let measured: Vec<&Run> = runs.all.iter().filter(|run| run.test_value().is_some()).collect();
        let mut all = Self::default();
        for (run, found) in measured.iter().zip(read_all(&measured)) {
            match found {
                Ok(found) => all.of.extend(found.map(|found| (run.path.clone(), found))),
                Err(error) => drop(all.damaged.insert(run.path.clone(), error.to_string())),
            }
        }
        all
    }

    /// Those of the seeds of `group`, with the seed.
    pub(crate) fn of<'s>(&'s self, group: &'s SeedGroup<'_>) -> impl Iterator<Item = (u64, &'s RunOutcomes)> {
        let runs = group.runs.iter();
        runs.filter_map(|run| Some((run.seed().unwrap_or_default(), self.of.get(&run.path)?)))
    }

    /// A sentence for every run of `group` whose file is damaged.
    pub(crate) fn damaged(&self, group: &SeedGroup<'_>) -> String {
        let damaged = group.runs.iter().filter_map(|run| Some((run, self.damaged.get(&run.path)?)));
        damaged.map(|(run, error)| format!(" {} is left out: {error}.", run.id)).collect()
    }
}

/// What is counted of every run, in order.
///
/// On threads of its own: polars reads in a pool of its own, and a thread of another pool that waits for it takes the next file in
/// between, and so on until its stack is full.
fn read_all(runs: &[&Run]) -> Vec<Result<Option<RunOutcomes>, ReportError>> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let read = |run: &&Run| Ok(read_outcomes(&run.path)?.map(|found| RunOutcomes::of(&found)));
    std::thread::scope(|scope| {
        let parts = runs.chunks(runs.len().div_ceil(threads).max(1));
        let parts: Vec<_> = parts.map(|part| scope.spawn(move || part.iter().map(read).collect::<Vec<_>>())).collect();
        let join = |part: ScopedJoinHandle<'_, Vec<_>>| part.join().unwrap_or_else(|panic| resume_unwind(panic));
        parts.into_iter().flat_map(join).collect()
    })
}

impl RunOutcomes {
    fn of(outcomes: &TestOutcomes) -> Self {
        let mut confusion = BTreeMap::new();
        for outcome in &outcomes.samples {
            *confusion.entry((outcome.label, outcome.prediction)).or_default() += 1;
        }
        let right: Vec<bool> = outcomes.samples.iter().map(SampleOutcome::is_right).collect();
        let by = outcomes.attributes.iter().filter_map(|attribute| ByAttribute::of(attribute, &right)).collect();
        Self { right, confusion, by }
    }
}

impl ByAttribute {
    /// None where all samples have one value.
    fn of(attribute: &SampleAttribute, right: &[bool]) -> Option<Self> {
        let mut values: BTreeMap<i32, (usize, usize)> = BTreeMap::new();
        for (value, right) in attribute.values.iter().zip(right) {
            let counts = values.entry(*value).or_default();
            *counts = (counts.0 + 1, counts.1 + usize::from(*right));
        }
        let wanted = if values.len() <= MOST_VALUES { 1 } else { right.len().div_ceil(MOST_BINS) };
        let mut bins: Vec<Bin> = Vec::new();
        for (value, (samples, right)) in values {
            match bins.last_mut() {
                Some(bin) if bin.samples < wanted => bin.add(value, samples, right),
                _ => bins.push(Bin { least: value, most: value, mean: f64::from(value), samples, right }),
            }
        }
        // What is left at the end is no bin of its own.
        if let [.., before, last] = bins.as_mut_slice()
            && 2 * last.samples < wanted
        {
            let all = (before.samples + last.samples) as f64;
            before.mean = (before.mean * before.samples as f64 + last.mean * last.samples as f64) / all;
            (before.most, before.samples, before.right) =
                (last.most, before.samples + last.samples, before.right + last.right);
            bins.pop();
        }
        (bins.len() > 1).then(|| Self { name: attribute.name.clone(), bins })
    }
}

impl Bin {
    fn add(&mut self, value: i32, samples: usize, right: usize) {
        let all = self.samples + samples;
        self.mean = (self.mean * self.samples as f64 + f64::from(value) * samples as f64) / all as f64;
        (self.most, self.samples, self.right) = (value, all, self.right + right);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn bins(values: Vec<i32>) -> Option<Vec<Bin>> {
        let right: Vec<bool> = (0..values.len()).map(|place| place % 2 == 0).collect();
        ByAttribute::of(&SampleAttribute { name: "n".to_owned(), values }, &right).map(|found| found.bins)
    }

    #[test]
    fn few_values_are_told_apart_and_many_are_put_into_bins() {
        assert_eq!(bins(vec![4; 10]), None);
        let two = bins(vec![4, 4, 9]).unwrap();
        let of = |bin: &Bin| (bin.least, bin.most, bin.samples, bin.right);
        assert_eq!(two.iter().map(of).collect::<Vec<_>>(), [(4, 4, 2, 1), (9, 9, 1, 1)]);
        for (count, expected) in [(11, 6), (80, 8), (1001, 8)] {
            let many = bins((0..count).collect()).unwrap();
            assert_eq!(many.len(), expected, "{count}");
            assert_eq!(many.iter().map(|bin| bin.samples).sum::<usize>(), count as usize);
            assert!(many.windows(2).all(|pair| pair[0].most + 1 == pair[1].least));
            let means = many.iter().map(|bin| bin.mean * bin.samples as f64).sum::<f64>();
            assert!((means - f64::from(count * (count - 1) / 2)).abs() < 1e-6);
        }
    }
}
