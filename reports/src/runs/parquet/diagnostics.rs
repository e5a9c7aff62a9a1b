//! Diagnostics as Parquet.

use std::collections::BTreeSet;
use std::path::Path;

use polars::prelude::*;
use vocabulary::record::DiagnosticLine;

use crate::error::ReportError;
use crate::files::write_atomically;
use crate::runs::read::read_diagnostics;

/// One row per line: `baseline, task, seed, step, order, layer, quantity, value`, and a column per condition.
///
/// # Errors
/// A polars operation fails.
pub(crate) fn diagnostics(lines: &[DiagnosticLine]) -> Result<Vec<u8>, ReportError> {
    encode(lines).map_err(|e| ReportError::Frame(e.to_string()))
}

/// Convert a `diagnostics.jsonl` to Parquet. Returns the number of rows, and of lines cut off by a crash (0 or 1).
///
/// # Errors
/// The file is unreadable or damaged before its last line; the result cannot be written.
pub fn convert_diagnostics(jsonl: &Path, parquet: &Path) -> Result<(usize, usize), ReportError> {
    let (lines, cut) = read_diagnostics(jsonl)?;
    write_atomically(parquet, &diagnostics(&lines)?)?;
    Ok((lines.len(), cut))
}

fn encode(lines: &[DiagnosticLine]) -> PolarsResult<Vec<u8>> {
    let text = |f: &dyn Fn(&DiagnosticLine) -> &str| lines.iter().map(f).collect::<Vec<&str>>();
    let mut frame = df!(
        "baseline" => text(&|l| &l.baseline),
        "task" => text(&|l| &l.task),
        "seed" => lines.iter().map(|l| l.seed).collect::<Vec<u64>>(),
        "step" => lines.iter().map(|l| l.step).collect::<Vec<u64>>(),
        "order" => lines.iter().map(|l| l.order).collect::<Vec<u32>>(),
        "layer" => text(&|l| &l.layer),
        "quantity" => text(&|l| &l.quantity),
        "value" => lines.iter().map(|l| l.value).collect::<Vec<Option<f64>>>(),
    )?;
    let conditions: BTreeSet<&String> = lines.iter().flat_map(|l| l.conditions.keys()).collect();
    for condition in conditions {
        let column: Vec<Option<&str>> = lines.iter().map(|l| l.conditions.get(condition).map(String::as_str)).collect();
        frame.with_column(Column::new(condition.as_str().into(), column))?;
    }
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame)?;
    Ok(bytes)
}
