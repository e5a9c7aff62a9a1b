//! The errata as a page.

use std::fmt::Write as _;

use super::finding::{Finding, RowName};
use crate::published::errata::{Erratum, Kind, Used};

/// Every kind, with the heading of its table.
const KINDS: [(Kind, &str); 6] = [
    (Kind::Average, "Averages that are not those of their rows"),
    (Kind::MixedAverages, "Averages over different tasks in one column"),
    (Kind::Shifted, "Rows under the wrong columns"),
    (Kind::Duplicated, "Rows that repeat another model's"),
    (Kind::OtherTask, "Values of another task"),
    (Kind::Disagreeing, "Several values of one model"),
];
const HEAD: &str = "# Errata of published tables

Where the tables behind the published values of our reports contradict each other or themselves. The values stand as printed in
[`data/published.csv`](data/published.csv) and [`data/averages.csv`](data/averages.csv), the list below in
[`data/errata.csv`](data/errata.csv); a test finds each of these in the values again, and nothing else, and compares this page
with the list. Accuracies are in percent. Sources that are second-hand there may be to blame instead of the paper.
";

/// `errata`, with the numbers of `findings`.
pub(super) fn page(errata: &[Erratum], findings: &[Finding]) -> String {
    let mut page = HEAD.to_owned();
    for (kind, heading) in KINDS {
        let _ = write!(
            page,
            "\n## {heading}\n\n| Where | Printed | Against | There | Used | Why |\n|---|---|---|---|---|---|\n"
        );
        for erratum in errata.iter().filter(|erratum| erratum.kind == kind) {
            let finding = findings.iter().find(|finding| finding.is(erratum));
            let Some(Finding { row, other, numbers: [here, there], .. }) = finding else { continue };
            let (row, other) = (name(row), name(other));
            let used = match erratum.used {
                Used::Both => "both",
                Used::Other => "the other",
                Used::Values => "the values",
            };
            let _ = writeln!(page, "| {row} | {here} | {other} | {there} | {used} | {} |", erratum.why);
        }
    }
    page
}

fn name(row: &RowName) -> String {
    match (row.model.as_str(), row.place.as_str()) {
        ("", "") => "itself".to_owned(),
        ("", place) => place.to_owned(),
        (model, place) => format!("{model}, {place}"),
    }
}
