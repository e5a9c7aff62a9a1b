//! Single files of a run folder, with bounds on their size.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_yaml::Value;
use vocabulary::record::{DiagnosticLine, SCHEMA};

use crate::error::ReportError;

/// Longest `cell.yaml`, `status.json` or `experiment.yaml` that is read, in bytes: a thousand times the usual one.
const LONGEST_RECORD: u64 = 16 << 20;
/// Longest line of `metrics.jsonl` or `diagnostics.jsonl` that is read, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// Read `diagnostics.jsonl`: its lines, and the number of lines cut off by a crash (0 or 1).
///
/// # Errors
/// The file is unreadable or damaged before its last line.
pub fn read_diagnostics(path: &Path) -> Result<(Vec<DiagnosticLine>, usize), ReportError> {
    read_lines(path)
}

fn check_schema(path: &Path, found: Option<u64>) -> Result<(), ReportError> {
    match found {
        Some(found) if found > u64::from(SCHEMA) => Err(ReportError::NewerSchema { path: path.to_owned(), found }),
        _ => Ok(()),
    }
}

/// The text of a record, which no record of ours exceeds in length.
fn read_text(path: &Path) -> Result<String, ReportError> {
    let damaged = |message: String| ReportError::Parse { path: path.to_owned(), line: 0, message };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(ReportError::read(path))?;
    file.take(LONGEST_RECORD + 1).read_to_end(&mut bytes).map_err(ReportError::read(path))?;
    if bytes.len() as u64 > LONGEST_RECORD {
        return Err(damaged(format!("more than {LONGEST_RECORD} bytes, which no record has")));
    }
    if bytes.is_empty() {
        return Err(damaged("the file is empty".to_owned()));
    }
    String::from_utf8(bytes).map_err(|_| damaged("not a text".to_owned()))
}

pub(super) fn read_yaml<T: DeserializeOwned>(path: &Path) -> Result<T, ReportError> {
    let text = read_text(path)?;
    let parse = |e: serde_yaml::Error| ReportError::Parse {
        path: path.to_owned(),
        line: e.location().map_or(0, |l| l.line()),
        message: e.to_string(),
    };
    // The version first: a newer file may not fit our records at all.
    let value: Value = serde_yaml::from_str(&text).map_err(parse)?;
    check_schema(path, value.get("schema").and_then(Value::as_u64))?;
    serde_yaml::from_str(&text).map_err(parse)
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ReportError> {
    let text = read_text(path)?;
    let parse =
        |e: serde_json::Error| ReportError::Parse { path: path.to_owned(), line: e.line(), message: e.to_string() };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(parse)?;
    check_schema(path, value.get("schema").and_then(serde_json::Value::as_u64))?;
    serde_json::from_str(&text).map_err(parse)
}

/// Lines of a JSON-lines file. A process killed while it wrote leaves its last line cut: that one is dropped and counted.
pub(super) fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<(Vec<T>, usize), ReportError> {
    read_lines_with(path, |_| true)
}

/// The same of those lines alone that `wanted` takes; of the others only both ends are looked at.
pub(in crate::runs) fn read_lines_with<T: DeserializeOwned>(
    path: &Path,
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<(Vec<T>, usize), ReportError> {
    let mut file = BufReader::new(fs::File::open(path).map_err(ReportError::read(path))?);
    let (mut lines, mut row, mut number) = (Vec::<T>::new(), Vec::new(), 0);
    // What is wrong with a line counts once another one follows: the last one may be cut.
    let mut broken: Option<ReportError> = None;
    loop {
        row.clear();
        let read = (&mut file).take(LONGEST_LINE + 1).read_until(b'\n', &mut row).map_err(ReportError::read(path))?;
        if read == 0 {
            lines.shrink_to_fit();
            return Ok((lines, usize::from(broken.is_some())));
        }
        number += 1;
        if row.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if let Some(error) = broken {
            return Err(error);
        }
        let damaged = |message: String| ReportError::Parse { path: path.to_owned(), line: number, message };
        if row.len() as u64 > LONGEST_LINE {
            return Err(damaged(format!("more than {LONGEST_LINE} bytes in a line")));
        }
        let line = row.trim_ascii();
        if !wanted(line) && line.starts_with(b"{") && line.ends_with(b"}") {
            continue;
        }
        match serde_json::from_slice(&row) {
            Ok(line) => {
                lines.push(line);
                broken = None;
            }
            Err(error) => broken = Some(damaged(error.to_string())),
        }
    }
}
