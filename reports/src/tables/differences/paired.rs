//! Columns of paired differences over seeds, the same wherever a report or a comparison has them.

use std::num::NonZeroUsize;

use vocabulary::Metric;

use super::floor::exchanges;
use crate::format::{as_shown, metric, signed, significant};
use crate::statistics::seeds::{Alternative, FEWEST_SEEDS, SeedTest, sign_flip_test, t_interval};
use crate::statistics::{Level, Resampling, Summary, holm};
use crate::tables::table::{Table, TableEntry};

/// Draws of the test beyond the pairs that it counts out.
const RESAMPLING: Resampling = Resampling { repetitions: NonZeroUsize::new(100_000).unwrap(), stream: 0 };

/// What the columns of [`PairedDifferences`] are, in captions.
pub(crate) const PAIRED: &str = "Mean ± standard deviation of the differences, of accuracies in percentage points; Student's 95 % interval of \
     the mean (none below three pairs, or where all are equal). p is that of the exact sign-flip test, two-sided; Holm's correction is over all rows. \
     That is the error over seeds: another test set is not in it.";

/// Differences of the test values of pairs that share all but what is compared.
pub(crate) struct PairedDifferences {
    /// Mean and deviation.
    pub(crate) difference: TableEntry,
    /// Student's interval.
    pub(crate) interval: TableEntry,
    /// The exact test; none without pairs.
    pub(crate) test: Option<SeedTest>,
}

impl PairedDifferences {
    /// Of `differences` of the metric `name`, in its own unit.
    pub(crate) fn of(differences: &[f64], name: Metric) -> Self {
        let shown = |value: f64| signed(&metric(value, name));
        let difference = Summary::of(differences).map_or_else(TableEntry::none, |summary| {
            let spread = summary.std.map(|std| format!(" ± {}", metric(std, name))).unwrap_or_default();
            TableEntry::number(format!("{}{spread}", shown(summary.mean)), as_shown(summary.mean, name))
        });
        let interval = t_interval(differences, Level::PERCENT_95).map_or_else(
            |_| TableEntry::none(),
            |found| {
                let raw = format!("{} {}", as_shown(found.lower, name), as_shown(found.upper, name));
                TableEntry::text(format!("{} to {}", shown(found.lower), shown(found.upper))).raw(raw)
            },
        );
        let zeros = vec![0.0; differences.len()];
        // One or two pairs can say nothing.
        let enough = differences.len() >= FEWEST_SEEDS;
        let test = || sign_flip_test(differences, &zeros, Alternative::TwoSided, RESAMPLING).ok();
        Self { difference, interval, test: enough.then(test).flatten() }
    }

    /// p, the smallest possible one, and room for the corrected one.
    pub(crate) fn p_entries(&self) -> [TableEntry; 3] {
        let p = |p: f64| TableEntry::number(significant(p, 2), p);
        let entry = |of: fn(&SeedTest) -> f64| self.test.as_ref().map_or_else(TableEntry::none, |test| p(of(test)));
        [entry(|test| test.p), entry(|test| test.smallest), TableEntry::none()]
    }
}

/// The p values of a table that are to be corrected together: rows, p values and numbers of pairs.
#[derive(Default)]
pub(crate) struct TestedRows(Vec<(usize, f64, usize)>);

impl TestedRows {
    /// The row that comes next in `table` is tested with so many pairs.
    pub(crate) fn next(&mut self, table: &Table, differences: &PairedDifferences, pairs: usize) {
        self.0.extend(differences.test.as_ref().map(|test| (table.rows.len(), test.p, pairs)));
    }

    /// Write Holm's p values into the `column` of `table`, and how small one can be below it.
    pub(crate) fn correct(&self, table: &mut Table, column: usize) {
        let corrected = holm(&self.0.iter().map(|(_, p, _)| *p).collect::<Vec<_>>()).unwrap_or_default();
        for ((row, ..), p) in self.0.iter().zip(corrected) {
            table.rows[*row][column] = TableEntry::number(significant(p, 2), p);
        }
        if let Some(fewest) = self.0.iter().map(|(.., pairs)| *pairs).min() {
            table.caption.push_str(&format!(" {}", exchanges(fewest)));
        }
    }
}
