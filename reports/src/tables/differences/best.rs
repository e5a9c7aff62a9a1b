//! The best baseline of every task against each of the others, over seeds.

use std::collections::BTreeSet;

use vocabulary::Metric;

use super::contest::{Comparison, Contender, Contest, Contests};
use super::floor::{deals, words};
use crate::format::{metric_name, signed, significant};
use crate::tables::table::{Table, TableEntry};

/// One row per task and baseline that is not the best of it; no table where none has two.
///
/// Names are those of `label`.
pub(crate) fn best(contests: &Contests, several: bool) -> Option<Table> {
    let mut table = Table::new(
        "best",
        "The best against each of the others",
        "",
        "Task | Best | Other | Metric | Seeds# | Difference# | 95 % interval# | p# | p, Holm# | Exact p# | Smallest exact p# | Verdict",
    );
    let mut designs = BTreeSet::new();
    for contest in &contests.0 {
        let Some(best) = contest.contenders.first() else { continue };
        for (other, comparison) in contest.others() {
            if comparison.exact.is_some() {
                let (a, b) = (best.seeds.len(), other.seeds.len());
                designs.insert((a.min(b), a.max(b)));
            }
            table.rows.push(row(contest, best, other, comparison, several));
        }
    }
    table.caption = caption(&designs);
    (!table.rows.is_empty()).then_some(table)
}

fn caption(designs: &BTreeSet<(usize, usize)>) -> String {
    let floor = designs.first().map(|design| format!(" {}", deals(*design))).unwrap_or_default();
    format!(
        "The best mean of a task minus each of the others that read the same samples under the same protocol, of accuracies in \
         percentage points, with Welch's 95 % interval of the difference and p of his t-test (two-sided), which suppose that seeds \
         scatter normally; Holm's correction is over all rows. The exact p supposes nothing of that kind: it is the share of the ways to deal all \
         seeds anew to the two that differ as much.{floor} Separated is what has a corrected p of at most 0.05. All of this is the \
         error over seeds, on the same test samples; the table of the same test samples has the other one. Fewer than \
         {} seeds make no interval and no test.",
        words(crate::statistics::seeds::FEWEST_SEEDS)
    )
}

fn row(
    contest: &Contest,
    best: &Contender,
    other: &Contender,
    comparison: &Comparison,
    several: bool,
) -> Vec<TableEntry> {
    let factor = if contest.metric == Metric::Accuracy { 100.0 } else { 1.0 };
    let shown = |value: f64| match contest.metric {
        Metric::Accuracy => signed(&format!("{:.2}", 100.0 * value)),
        _ => signed(&significant(value, 3)),
    };
    let difference = best.mean() - other.mean();
    let p = |p: Option<f64>| p.map_or_else(TableEntry::none, |p| TableEntry::number(significant(p, 2), p));
    let interval = comparison.means.as_ref().map_or_else(
        |_| TableEntry::none(),
        |found| {
            let (lower, upper) = (found.interval.lower, found.interval.upper);
            let raw = format!("{} {}", factor * lower, factor * upper);
            TableEntry::text(format!("{} to {}", shown(lower), shown(upper))).raw(raw)
        },
    );
    let verdict = match &comparison.means {
        Ok(_) if comparison.separates() => TableEntry::text("separated"),
        Ok(_) => TableEntry::text("not separated"),
        Err(reason) => TableEntry::text(format!("no test: {reason}")).class("quiet"),
    };
    vec![
        TableEntry::text(&contest.task),
        TableEntry::text(best.key.label(several)),
        TableEntry::text(other.key.label(several)),
        TableEntry::text(metric_name(contest.metric)),
        TableEntry::text(format!("{} and {}", best.seeds.len(), other.seeds.len())),
        TableEntry::number(shown(difference), factor * difference),
        interval,
        p(comparison.means.as_ref().ok().map(|found| found.p)),
        p(comparison.corrected),
        p(comparison.exact.map(|test| test.p)),
        p(comparison.exact.map(|test| test.smallest)),
        verdict,
    ]
}
