//! The report of run folders in every state they can be in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod comparing;
mod evaluations;
mod figures;
mod files;
mod pooling;
mod published;
mod reading;
mod search;
#[path = "../support/mod.rs"]
mod support;
mod tables;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use reports::{AddedSettings, Field, Formats, Measured, ReportError, ReportPaths, Runs, Table, Variance};
use serde_json::json;
use tempfile::{TempDir, tempdir};

/// What a made-up baseline gained.
fn added() -> AddedSettings {
    AddedSettings::default().with("flexnet", [("initialisation", json!("original"))])
}

fn write(dirs: &[PathBuf], out: &Path, formats: Formats) -> Result<ReportPaths, ReportError> {
    reports::write(dirs, out, formats, None, &added())
}

fn load(dirs: &[PathBuf]) -> Result<Runs, ReportError> {
    reports::load(dirs, &added())
}

fn compare(dirs: &[PathBuf], by: &Field) -> Result<Table, ReportError> {
    reports::compare(dirs, by, &added())
}

fn status(dir: &Path) -> Result<Table, ReportError> {
    reports::status(dir, &added())
}

fn made_up() -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let home = support::experiment(dir.path());
    (dir, home)
}

fn measured() -> BTreeMap<String, Measured> {
    let measured = Measured {
        inputs: "made-up values".into(),
        samples: 3,
        pairs: false,
        logits_over: "samples × outputs".into(),
        variance: Variance::Population,
        dropout: false,
    };
    BTreeMap::from([("smnist".to_owned(), measured)])
}

fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree(&path).into_iter().map(|(k, v)| (Path::new(path.file_name().unwrap()).join(k), v)));
        } else {
            files.insert(PathBuf::from(path.file_name().unwrap()), fs::read(&path).unwrap());
        }
    }
    files
}

/// Every element is closed, and nothing is left open: enough of XML for what plotters writes.
fn assert_well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("an unclosed tag");
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<'), "a raw < inside {tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
            assert_eq!(tag.matches('"').count() % 2, 0, "an open attribute in {tag}");
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "open elements: {open:?}");
}

fn row<'a>(table: &'a Table, needle: &str) -> Vec<&'a str> {
    let found = table.rows.iter().find(|r| r.iter().any(|e| e.text.contains(needle))).expect("a row");
    found.iter().map(|e| e.text.as_str()).collect()
}

/// Test values of the results table by grid text.
fn results(home: &Path) -> BTreeMap<String, (String, String)> {
    let out = tempdir().unwrap();
    write(&[home.to_owned()], out.path(), "csv".parse().unwrap()).unwrap();
    let csv = fs::read_to_string(out.path().join("tables/results.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let titles = reader.headers().unwrap().clone();
    let column = |name: &str| titles.iter().position(|title| title == name);
    let text = |row: &csv::StringRecord, name: &str| column(name).map_or(String::new(), |i| row[i].to_owned());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let found = rows.iter().map(|row| (text(row, "Grid"), (text(row, "n"), text(row, "Difference")))).collect();
    assert_eq!(BTreeMap::len(&found), rows.len(), "rows with the same name: {csv}");
    found
}

/// The rows of a table of the report, by the names of their columns.
fn table_of(home: &Path, name: &str) -> Vec<BTreeMap<String, String>> {
    let out = tempdir().unwrap();
    write(&[home.to_owned()], out.path(), "csv".parse().unwrap()).unwrap();
    let csv = fs::read_to_string(out.path().join(format!("tables/{name}.csv"))).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let titles = reader.headers().unwrap().clone();
    let row = |row: csv::StringRecord| titles.iter().map(str::to_owned).zip(row.iter().map(str::to_owned)).collect();
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// Texts of all rows of a comparison, by column.
fn compared(home: &Path, by: &str) -> Vec<BTreeMap<String, String>> {
    let table = compare(&[home.to_owned()], &by.parse().unwrap()).unwrap();
    let titles: Vec<String> = table.columns.iter().map(|c| c.title.clone()).collect();
    table.rows.iter().map(|row| titles.iter().cloned().zip(row.iter().map(|e| e.text.clone())).collect()).collect()
}

fn paired(rows: &[BTreeMap<String, String>]) -> Vec<[&str; 4]> {
    let found = rows.iter().filter(|row| row["n"] != "0");
    found.map(|row| ["A", "B", "n", "B − A"].map(|title| row[title].as_str())).collect()
}

/// The plotted values of a figure, by the names of their columns.
fn values_of(out: &Path, figure: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(out.join(format!("figures/{figure}.csv"))).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}
