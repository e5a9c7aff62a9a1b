//! Diagnostics as Parquet.

use std::collections::BTreeSet;
use std::path::Path;

use polars::prelude::*;
use vocabulary::record::{DiagnosticLine, Histogram};

use crate::error::ReportError;
use crate::files::write_atomically;
use crate::runs::read_diagnostics;

/// One row per line: `baseline, task, seed, step, order, layer, quantity, value`, a column per condition, and, where there are
/// histograms, `histogram_from, histogram_to` (edges) and `histogram_counts` (a list, one count per bin).
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
    if lines.iter().any(|line| line.histogram.is_some()) {
        for column in histograms(lines) {
            frame.with_column(column)?;
        }
    }
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame)?;
    Ok(bytes)
}

fn histograms(lines: &[DiagnosticLine]) -> [Column; 3] {
    let all = || lines.iter().map(|line| line.histogram.as_ref());
    let edge = |of: fn(&Histogram) -> f64| all().map(|histogram| histogram.map(of)).collect::<Vec<Option<f64>>>();
    let counts: ListChunked =
        all().map(|histogram| histogram.map(|of| Series::new(PlSmallStr::EMPTY, &of.counts))).collect();
    [
        Column::new("histogram_from".into(), edge(|of| of.from)),
        Column::new("histogram_to".into(), edge(|of| of.to)),
        Column::from(counts.with_name("histogram_counts".into()).into_series()),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;
    use std::io::Cursor;

    use super::*;

    #[test]
    fn histograms_are_columns_of_their_own() {
        let line = |quantity: &str, histogram: Option<Histogram>| DiagnosticLine {
            baseline: "b".into(),
            task: "t".into(),
            conditions: BTreeMap::new(),
            seed: 0,
            step: 0,
            order: 0,
            layer: "head".into(),
            quantity: quantity.into(),
            value: None,
            histogram,
        };
        let read = |lines: &[DiagnosticLine]| ParquetReader::new(Cursor::new(encode(lines).unwrap())).finish().unwrap();
        let plain = line("logits.std", None);
        assert!(read(std::slice::from_ref(&plain)).column("histogram_from").is_err());
        let counted = line("logits.histogram", Histogram::of(&[1.0, 2.0, 5.0]));
        let frame = read(&[plain, counted]);
        assert_eq!(frame.column("histogram_to").unwrap().f64().unwrap().get(1), Some(5.0));
        let counts = frame.column("histogram_counts").unwrap().list().unwrap().get_as_series(1).unwrap();
        assert_eq!((counts.len(), counts.sum::<u64>().unwrap()), (32, 3));
    }
}
