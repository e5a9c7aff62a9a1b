//! Scale per baseline and conditions.

use std::collections::BTreeSet;

use vocabulary::record::DiagnosticLine;

use super::case::{first_steps, values_of};
use super::growth::{comparable_ends, growth};
use crate::format::significant;
use crate::statistics::geometric_mean;
use crate::tables::{Column, Table, TableEntry};

/// Per baseline × conditions: scale of the logits, and growth of the activations from the first layer of a kind to the last.
pub(super) fn table(lines: &[DiagnosticLine]) -> Table {
    let cases = first_steps(lines);
    let conditions: BTreeSet<&String> = cases.keys().flat_map(|c| c.conditions.keys()).collect();
    let mut table = Table::new(
        "diagnostics",
        "Scale per baseline and conditions",
        "Growth is the variance of the activations after the last layer of a kind (blocks, where there are some) over that \
         after the first of the same kind, which the column beside it names; – where a network has only one.",
        "Task | Baseline",
    );
    table.columns.extend(conditions.iter().map(|c| Column::new(c, false)));
    let last = "seeds# | logits std# | logits max |·|# | growth# | from → to | not finite#";
    table.columns.extend(Column::all(last));
    for (case, lines) in &cases {
        let seeds: BTreeSet<u64> = lines.iter().map(|l| l.seed).collect();
        let ends = comparable_ends(lines);
        let growth: Vec<f64> =
            ends.map_or(vec![], |ends| seeds.iter().filter_map(|seed| growth(lines, ends, *seed)).collect());
        let number = |values: &[f64]| {
            geometric_mean(values).map_or_else(TableEntry::none, |mean| TableEntry::number(significant(mean, 3), mean))
        };
        let mut row = vec![TableEntry::text(&case.task), TableEntry::text(&case.baseline)];
        row.extend(conditions.iter().map(|c| TableEntry::optional(case.conditions.get(*c))));
        row.push(TableEntry::text(seeds.len().to_string()));
        row.extend([
            number(&values_of(lines, "logits.std")),
            number(&values_of(lines, "logits.max_abs")),
            number(&growth),
        ]);
        row.push(TableEntry::optional(ends.map(|[first, last]| format!("{first} → {last}"))));
        let overflown = lines.iter().filter(|l| l.value.is_none()).count();
        row.push(match overflown {
            0 => TableEntry::text("0"),
            n => TableEntry::text(n.to_string()).class("failed"),
        });
        table.rows.push(row);
    }
    table
}
