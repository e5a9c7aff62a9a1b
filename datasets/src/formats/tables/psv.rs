//! Tables of numbers separated by `|`, as PhysioNet's challenge of 2019 has them: a line of column names, then one line
//! of numbers per hour, `NaN` where nothing was measured.
//!
//! The `csv` crate takes 1.4 times as long, and misnumbers the lines after an empty one.

use crate::formats::error::FormatError;
use crate::formats::text::{not_a_value, shortened, text, value};

/// A table of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Row by row; NaN where nothing was measured.
    pub values: Vec<f32>,
    /// The line of every row, from 1.
    pub lines: Vec<u32>,
}

impl Table {
    /// The rows, each as long as [`columns`](Self::columns).
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.columns.len().max(1))
    }
}

/// Most columns of a table.
const MOST_COLUMNS: usize = 1_000;

/// Reads a table. Takes at most 32 times the memory of `bytes`.
///
/// # Errors
/// No text; no names; a row of another width; a field that is no finite number of 32 bits and not `NaN`. The place is
/// `line L` or `line L, column NAME`.
pub fn parse(bytes: &[u8]) -> Result<Table, FormatError> {
    let mut lines = text(bytes)?.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let (_, names) = lines.next().ok_or_else(|| FormatError::truncated("line 1", "the file is empty"))?;
    if names.is_empty() {
        return Err(FormatError::structure("line 1", "there are no column names"));
    }
    let count = names.split('|').count();
    if count > MOST_COLUMNS {
        return Err(FormatError::large("line 1", format!("{count} columns are more than the {MOST_COLUMNS} allowed")));
    }
    let mut columns: Vec<String> = Vec::with_capacity(count);
    columns.extend(names.split('|').map(|name| name.trim().to_owned()));
    let lines = lines.filter(|(_, line)| !line.is_empty());
    // A value takes a digit and a separator at least: rows that are too short to be valid reserve nothing.
    let rows = lines.clone().count();
    let mut values = Vec::with_capacity(rows.saturating_mul(count).min(bytes.len() / 2));
    let mut places = Vec::with_capacity(rows);
    for (number, line) in lines {
        let found = line.split('|').count();
        if found != columns.len() {
            let message = format!("{found} fields, where {} columns are named", columns.len());
            return Err(FormatError::structure(format!("line {number}"), message));
        }
        for (field, column) in line.split('|').zip(&columns) {
            let field = field.trim();
            values.push(value(field).ok_or_else(|| {
                let place = format!("line {number}, column {}", shortened(column));
                FormatError::value(place, not_a_value(field))
            })?);
        }
        places.push(number as u32);
    }
    Ok(Table { columns, values, lines: places })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::formats::hostile;

    const VALID: &str = "HR|Temp|SepsisLabel\nNaN|36.5|0\r\n80|NaN|0\n91.5|-1e2|1\n";

    #[test]
    fn rows_and_gaps_are_read() {
        let table = parse(VALID.as_bytes()).unwrap();
        assert_eq!(table.columns, ["HR", "Temp", "SepsisLabel"]);
        let rows: Vec<&[f32]> = table.rows().collect();
        assert_eq!(rows.len(), 3);
        assert!(rows[0][0].is_nan() && rows[1][1].is_nan());
        assert_eq!(rows[2], [91.5, -100.0, 1.0]);
        assert_eq!(table.lines, [2, 3, 4]);
        // A mark before the text, empty lines, and no line feed at the end.
        let other =
            parse(format!("\u{feff}{}", VALID.trim_end().replace("NaN|0\n", "nan|0\r\n\r\n")).as_bytes()).unwrap();
        assert_eq!((other.columns, other.lines), (table.columns, vec![2, 3, 5]));
    }

    #[test]
    fn errors_name_line_and_column() {
        for (text, place) in [
            (&b"a|b\n1|2\n1|x"[..], "line 3, column b"),
            (b"a|b\n1|1e39", "line 2, column b"),
            (b"a|b\n-inf|1", "line 2, column a"),
            (b"a|b\n1|", "line 2, column b"),
            (b"a|b\n1", "line 2"),
            (b"", "line 1"),
            (b"a|b\n\xff|1", "byte 4"),
        ] {
            assert_eq!(parse(text).unwrap_err().place, place);
        }
    }

    proptest! {
        #![proptest_config(hostile::cases())]
        #[test]
        fn no_input_does_harm(bytes in hostile::inputs(VALID.as_bytes().to_vec())) {
            if let Ok(table) = parse(&bytes) {
                prop_assert_eq!(table.values.len() % table.columns.len(), 0);
                prop_assert!(table.values.capacity() <= 2 * bytes.len() + 8);
            }
        }
    }
}
