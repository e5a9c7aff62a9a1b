//! Baselines over all tasks that they have in common: one number each, and pair by pair.

use std::num::NonZeroUsize;

use rayon::prelude::*;

use super::scores::{ScoreMatrix, ScoreRow};
use crate::statistics::seeds::{Aggregate, bootstrap_interval, improvement_interval, probability_of_improvement};
use crate::statistics::tasks::signed_rank;
use crate::statistics::{Interval, Level, Resampling, Undefined};
use crate::tables::table::{Table, TableEntry};

/// Draws of the bootstraps and of the posterior.
const RESAMPLING: Resampling = Resampling { repetitions: NonZeroUsize::new(2000).unwrap(), stream: 0 };

/// The score that is good enough, of the way from guessing to a perfect answer.
const TARGET: f64 = 0.9;

/// Differences of scores up to this one are practically none: one hundredth of the way.
const EQUIVALENT: f64 = 0.01;

/// What scores are, for captions.
pub(crate) const SCORE: &str = "The score of a run is how far it is on the way from guessing (0) to a perfect answer (100), and is below \
     0 where guessing is better.";

/// One row per baseline; no table where there are no scores.
pub(crate) fn across(matrix: &ScoreMatrix) -> Table {
    let mut table = Table::new(
        "across-tasks",
        "Over all tasks",
        &format!(
            "{SCORE} Tasks: {}. The interquartile mean is that of the middle half of all runs; the optimality gap is how far runs \
             fall short of {:.0} on average, with no credit for more, and less of it is better. Intervals are 95 % percentiles of a stratified bootstrap \
             (2 000 draws): seeds are drawn anew within every task, the tasks and their test samples stay. So they say what other \
             seeds would change, and nothing of other test samples or other tasks; with three to five seeds they are known to be somewhat too narrow. \
             There are none below three seeds.{}",
            matrix.tasks.join(", "),
            100.0 * TARGET,
            left_out(matrix)
        ),
        "Baseline | Tasks# | Seeds# | Mean# | Median# | Interquartile mean# | 95 % interval# | Optimality gap# | 95 % interval of the gap#",
    );
    let rows: Vec<_> = ranked(matrix).into_par_iter().map(row).collect();
    table.rows.extend(rows);
    table
}

/// The rows, the best interquartile mean first.
fn ranked(matrix: &ScoreMatrix) -> Vec<&ScoreRow> {
    let middle = |row: &ScoreRow| Aggregate::InterquartileMean.of(&row.scores).unwrap_or(f64::NEG_INFINITY);
    let mut rows: Vec<&ScoreRow> = matrix.rows.iter().collect();
    rows.sort_by(|a, b| middle(b).total_cmp(&middle(a)));
    rows
}

fn left_out(matrix: &ScoreMatrix) -> String {
    matrix.left_out.iter().map(|sentence| format!(" {sentence}")).collect()
}

fn row(row: &ScoreRow) -> Vec<TableEntry> {
    let gap = Aggregate::OptimalityGap { target: TARGET };
    let value = |aggregate: Aggregate| percent(aggregate.of(&row.scores).ok());
    let interval = |aggregate| ends(bootstrap_interval(&row.scores, aggregate, Level::PERCENT_95, RESAMPLING));
    vec![
        TableEntry::text(&row.label),
        TableEntry::text(row.means.len().to_string()),
        TableEntry::text(row.scores.seeds().to_string()),
        value(Aggregate::Mean),
        value(Aggregate::Median),
        value(Aggregate::InterquartileMean),
        interval(Aggregate::InterquartileMean),
        value(gap),
        interval(gap),
    ]
}

fn percent(value: Option<f64>) -> TableEntry {
    value.map_or_else(TableEntry::none, |value| TableEntry::number(format!("{:.2}", 100.0 * value), 100.0 * value))
}

fn ends<Over>(interval: Result<Interval<Over>, Undefined>) -> TableEntry {
    interval.map_or_else(
        |_| TableEntry::none(),
        |found| {
            let [lower, upper] = [found.lower, found.upper].map(|end| 100.0 * end);
            TableEntry::text(format!("{lower:.2} to {upper:.2}")).raw(format!("{lower} {upper}"))
        },
    )
}

/// One row per pair of baselines, the better interquartile mean first.
pub(crate) fn pairs_across(matrix: &ScoreMatrix) -> Table {
    let mut table = Table::new(
        "pairs-across-tasks",
        "Pairs of baselines over all tasks",
        &format!(
            "Two different questions. Another seed: the probability that a run of A scores higher than a run of B on the same task, \
             averaged over tasks, with the 95 % interval of a stratified bootstrap over seeds (none below three seeds); it does not say \
             by how much. Another task: the Bayesian signed-rank test of the mean scores of the {} tasks, that is how probable it is that A, \
             neither, or B would be better on another task of the same kind, where scores that differ by at most {:.0} are \
             practically equivalent (none below three tasks). {SCORE} Neither is about other test samples.",
            matrix.tasks.len(),
            100.0 * EQUIVALENT
        ),
        "A | B | Tasks# | Seeds# | A beats B# | 95 % interval# | A better# | Equivalent# | B better#",
    );
    let rows = ranked(matrix);
    let pairs: Vec<(&ScoreRow, &ScoreRow)> =
        rows.iter().enumerate().flat_map(|(at, a)| rows[at + 1..].iter().map(move |b| (*a, *b))).collect();
    let rows: Vec<_> = pairs.into_par_iter().map(|(a, b)| pair(a, b)).collect();
    table.rows.extend(rows);
    table
}

fn pair(a: &ScoreRow, b: &ScoreRow) -> Vec<TableEntry> {
    let posterior = signed_rank(&a.means, &b.means, EQUIVALENT, RESAMPLING).ok();
    let share = |share: Option<f64>| {
        share.map_or_else(TableEntry::none, |share| TableEntry::number(format!("{share:.3}"), share))
    };
    let improvement = improvement_interval(&a.scores, &b.scores, Level::PERCENT_95, RESAMPLING);
    let interval = improvement.map_or_else(
        |_| TableEntry::none(),
        |found| {
            let raw = format!("{} {}", found.lower, found.upper);
            TableEntry::text(format!("{:.3} to {:.3}", found.lower, found.upper)).raw(raw)
        },
    );
    vec![
        TableEntry::text(&a.label),
        TableEntry::text(&b.label),
        TableEntry::text(a.means.len().to_string()),
        TableEntry::text(format!("{} and {}", a.scores.seeds(), b.scores.seeds())),
        share(probability_of_improvement(&a.scores, &b.scores).ok()),
        interval,
        share(posterior.map(|found| found.first)),
        share(posterior.map(|found| found.equivalent)),
        share(posterior.map(|found| found.second)),
    ]
}
