//! The published tables, held against themselves and each other: what is found is what `errata.csv` lists.
#![allow(clippy::unwrap_used, clippy::panic)]

mod averages;
mod finding;
mod page;
mod rows;
mod values;

use std::collections::BTreeSet;

use super::errata::{Erratum, Kind, errata};
use super::values::{Published, as_printed};
use averages::{Average, Over};
use finding::{ARENA, Finding, RowName};

/// All that is wrong with `values` and `averages`. Rows that `errata` replace are not held against others' values.
fn findings(values: &[Published], averages: &[Average], errata: &[Erratum]) -> Vec<Finding> {
    let used: Vec<Published> =
        values.iter().filter(|value| !errata.iter().any(|erratum| erratum.replaces(value))).cloned().collect();
    let mut findings = averages::wrong(values, averages).unwrap();
    findings.extend(averages::mixed(averages));
    findings.extend(rows::shifted_or_duplicated(values));
    findings.extend(rows::of_another_task(values));
    findings.extend(values::disagreeing(&used));
    findings
}

fn value(place: &str, model: &str, task: &str, accuracy: &str) -> Published {
    let line = "task,model,variant,parameters,accuracy,seeds,selection,read,paper,table\n";
    let line = format!("{line}{task},{model},,,{accuracy},,not-stated,first-hand,{place},");
    super::values::parse(&line).unwrap().remove(0)
}

fn row(place: &str, model: &str, accuracies: &[&str]) -> Vec<Published> {
    ARENA.iter().zip(accuracies).map(|(task, accuracy)| value(place, model, task, accuracy)).collect()
}

#[test]
fn what_contradicts_itself_is_listed_and_nothing_else_is() {
    let errata = errata().unwrap();
    let found = findings(&as_printed().unwrap(), &averages::all().unwrap(), &errata);
    for finding in &found {
        assert!(errata.iter().any(|erratum| finding.is(erratum)), "not in errata.csv: {finding:#?}");
    }
    for erratum in &errata {
        let times = found.iter().filter(|finding| finding.is(erratum)).count();
        assert_eq!(times, 1, "found {times} times: {erratum:#?}");
        assert!(!erratum.why.is_empty());
    }
}

#[test]
fn every_value_is_above_guessing_and_printed_once() {
    let mut seen = BTreeSet::new();
    for value in as_printed().unwrap() {
        let chance = values::chance(&value.task).unwrap_or_else(|| panic!("no chance level of {}", value.task));
        assert!(chance < value.accuracy && value.accuracy <= 100.0, "{value:?}");
        assert!(seen.insert((value.task.clone(), RowName::of(&value))), "twice: {value:?}");
        assert!(!value.selection.is_empty() && !value.place.is_empty(), "{value:?}");
    }
}

#[test]
fn errors_of_every_kind_are_found() {
    let (own, other) = (["60.2", "89.4", "89.9", "88.0", "95.1", "94.2"], ["89.0", "60.2", "89.4", "89.9", "95", "94"]);
    let kinds = |values: &[Published]| -> Vec<Kind> {
        findings(values, &[], &[]).into_iter().map(|finding| finding.kind).collect()
    };
    let whole = row("A", "one", &own);
    assert_eq!(kinds(&whole), []);
    // The same row in another paper is a quotation; under another name in one table, or one column further, it is not.
    assert_eq!(kinds(&[whole.clone(), row("B", "one", &own)].concat()), []);
    assert_eq!(kinds(&[whole.clone(), row("A", "two", &own)].concat()), [Kind::Duplicated]);
    assert_eq!(kinds(&[whole.clone(), row("B", "two", &other)].concat()), [Kind::Shifted]);
    assert_eq!(kinds(&[whole.clone(), vec![value("B", "one", "Text", "89.2")]].concat()), [Kind::Disagreeing]);
    // 89.36 may be printed as 89.4.
    assert_eq!(kinds(&[whole.clone(), vec![value("B", "one", "Text", "89.36")]].concat()), []);
    // One table may print a value twice.
    assert_eq!(kinds(&[whole.clone(), vec![value("A", "one", "Text", "90.0")]].concat()), [Kind::Disagreeing]);
    let colour = Published { variant: vec![super::provenance::Variant::Colour], ..value("B", "one", "Image", "88.0") };
    assert_eq!(kinds(&[whole[..3].to_vec(), vec![colour]].concat()), [Kind::OtherTask]);
}

#[test]
fn averages_are_computed_again() {
    let average = |average: &str, over: Over| Average::new("one", "A", average, over);
    let six = row("A", "one", &["60.20", "89.40", "89.90", "88.00", "95.10", "94.20"]);
    let wrong = |values: &[Published], average: Average| averages::wrong(values, &[average]).map(|found| found.len());
    assert_eq!(wrong(&six, average("86.13", Over::Six)), Ok(0));
    assert_eq!(wrong(&six, average("86.31", Over::Six)), Ok(1));
    // Printed with one decimal.
    assert_eq!(wrong(&six, average("86.1", Over::Six)), Ok(0));
    assert_eq!(wrong(&six[..5], average("78.77", Over::SixWith50)), Ok(0));
    assert_eq!(wrong(&six[..5], average("84.52", Over::Five)), Ok(0));
    assert_eq!(wrong(&six[..5], average("84.52", Over::SixWith50)), Ok(1));
    assert_eq!(wrong(&six[..2], average("74.80", Over::ItsOwn)), Ok(0));
    for (values, over) in [(&six[..5], Over::Six), (&six[..], Over::Five), (&six[..4], Over::SixWith50)] {
        assert!(wrong(values, average("80.00", over)).is_err(), "{over:?}");
    }
    let two = [average("84.52", Over::Five), average("86.13", Over::Six)];
    assert_eq!((averages::mixed(&two).len(), averages::mixed(&two[..1]).len()), (1, 0));
}

/// To write the file after a change of the data, set `BENCH_WRITE_ERRATA`.
#[test]
fn the_page_of_errata_shows_all_of_them() {
    let errata = errata().unwrap();
    let page = page::page(&errata, &findings(&as_printed().unwrap(), &averages::all().unwrap(), &errata));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/ERRATA.md");
    if std::env::var_os("BENCH_WRITE_ERRATA").is_some() {
        std::fs::write(file, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), page, "ERRATA.md is not what errata.csv says");
}
