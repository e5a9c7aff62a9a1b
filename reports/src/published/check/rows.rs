//! Rows that are shifted by a column, stand there twice, or belong to another task.

use super::finding::{ARENA, Finding, RowName, shown};
use crate::published::errata::Kind;
use crate::published::provenance::Variant;
use crate::published::values::Published;

/// Tasks that stand beside each other in tables, in their order.
const COLUMNS: [&[&str]; 5] = [
    &["sMNIST", "pMNIST", "sCIFAR10", "npCIFAR"],
    &["CharTraj", "SC10-MFCC", "SC10-raw", "SC10-0.5x"],
    &["CIFAR10", "CIFAR100", "STL10"],
    &["SC35", "SC35-8kHz-zeroshot"],
    &ARENA,
];
/// So many equal numbers are no chance.
const EQUAL: usize = 3;

/// A row of a table, one value per column.
struct Row<'v> {
    name: RowName,
    values: Vec<Option<&'v Published>>,
}

/// The rows of all tables that have some of `columns`.
fn rows<'v>(columns: &[&str], values: &'v [Published]) -> Vec<Row<'v>> {
    let mut rows: Vec<Row<'v>> = Vec::new();
    for value in values {
        let Some(column) = columns.iter().position(|task| *task == value.task) else { continue };
        let name = RowName::of(value);
        let index = rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            rows.push(Row { name, values: vec![None; columns.len()] });
            rows.len() - 1
        });
        rows[index].values[column].get_or_insert(value);
    }
    rows
}

/// Rows that repeat the numbers of an earlier one: some columns further, or of another model in the same table.
pub(super) fn shifted_or_duplicated(values: &[Published]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for columns in COLUMNS {
        let rows = rows(columns, values);
        for (index, row) in rows.iter().enumerate() {
            for other in &rows[..index] {
                let shift =
                    (1..columns.len()).find_map(|by| further(row, other, by).or_else(|| further(other, row, by)));
                let copied = || (row.name.place == other.name.place).then(|| repeated(row, other)).flatten();
                let (kind, equal) = match (shift, copied()) {
                    (Some(shift), _) => (Kind::Shifted, shift),
                    (None, Some(equal)) => (Kind::Duplicated, equal),
                    (None, None) => continue,
                };
                let in_row = |row: &Row<'_>| {
                    let of_it = row.values.iter().flatten().filter(|value| equal.contains(&value.accuracy));
                    of_it.map(|value| shown(value)).collect::<Vec<_>>().join(", ")
                };
                let numbers = [in_row(row), in_row(other)];
                findings.push(Finding { kind, row: row.name.clone(), other: other.name.clone(), numbers });
            }
        }
    }
    findings
}

/// Neighbouring numbers of `other` that stand `by` columns further in `row`.
fn further(row: &Row<'_>, other: &Row<'_>, by: usize) -> Option<Vec<f64>> {
    let pairs = row.values[by..].iter().zip(&other.values);
    let equal = pairs.map(|(a, b)| a.zip(*b).filter(|(a, b)| a.accuracy == b.accuracy).map(|(a, _)| a.accuracy));
    let equal: Vec<Option<f64>> = equal.collect();
    equal.split(Option::is_none).find(|run| run.len() >= EQUAL).map(|run| run.iter().copied().flatten().collect())
}

/// Numbers of `other` that stand in the same columns of `row`.
fn repeated(row: &Row<'_>, other: &Row<'_>) -> Option<Vec<f64>> {
    let pairs = row.values.iter().zip(&other.values).filter_map(|(a, b)| a.zip(*b));
    let equal: Vec<f64> = pairs.filter(|(a, b)| a.accuracy == b.accuracy).map(|(a, _)| a.accuracy).collect();
    (equal.len() >= EQUAL).then_some(equal)
}

/// Values of pictures in colour under a task of grey ones, or the other way round.
pub(super) fn of_another_task(values: &[Published]) -> Vec<Finding> {
    let wrong = |value: &&Published| match value.task.as_str() {
        "Image" | "2DImage" => value.variant.contains(&Variant::Colour),
        "sCIFAR10" | "npCIFAR" | "CIFAR10" => value.variant.contains(&Variant::Grey),
        _ => false,
    };
    let found = values.iter().filter(wrong).map(|value| {
        let same = |other: &&Published| {
            other.model == value.model && other.task != value.task && other.accuracy == value.accuracy && !wrong(other)
        };
        let origin = values.iter().find(same);
        Finding {
            kind: Kind::OtherTask,
            row: RowName::of(value),
            other: origin.map(RowName::of).unwrap_or_default(),
            numbers: [shown(value), origin.map(shown).unwrap_or_default()],
        }
    });
    found.collect()
}
