//! Tab-separated values without quoting, read line by line: the files of ListOps and of the AAN pairs.
//!
//! A line ends with `\n`, or `\r\n`; the last one may end with the file. A byte order mark before the first is left out.
//! Quotation marks are ordinary characters, as in the pipeline of the Long Range Arena (`use_quote_delim=False`).
//!
//! The `csv` crate is faster, but its lines have no bound, end with a lone `\r`, and are misnumbered after an empty one.

use std::io::{self, BufRead};

use crate::formats::{error::FormatError, text::BYTE_ORDER_MARK};

/// Longest line that is read, in bytes. The longest of the original files have some hundred thousand.
pub const MOST_LINE_BYTES: usize = 16 << 20;

/// What stops the reading of rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TsvError {
    /// A line that is no row.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The file could not be read on.
    #[error("cannot be read on: {0}")]
    Io(#[from] io::Error),
}

/// Rows of exactly `columns` fields; memory is bounded by the longest line, [`MOST_LINE_BYTES`].
#[derive(Debug)]
pub struct Rows<R> {
    reader: R,
    columns: usize,
    line: Vec<u8>,
    number: usize,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// Number of its line, from 1.
    pub line: usize,
    /// Its fields, as bytes: what encoding they have is for the caller to say.
    pub fields: Vec<&'a [u8]>,
}

impl<R: BufRead> Rows<R> {
    /// Reads from `reader`.
    pub fn new(reader: R, columns: usize) -> Self {
        Self { reader, columns, line: Vec::new(), number: 0 }
    }

    /// The next row; `None` at the end. Empty lines are passed over.
    ///
    /// # Errors
    /// A line that is too long or has another number of fields; a file that cannot be read.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, TsvError> {
        loop {
            self.line.clear();
            self.number += 1;
            let room = MOST_LINE_BYTES as u64 + 2;
            let read = io::Read::take(&mut self.reader, room).read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(None);
            }
            while matches!(self.line.last(), Some(b'\n' | b'\r')) {
                self.line.pop();
            }
            if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
                self.line.drain(..BYTE_ORDER_MARK.len());
            }
            if self.line.len() > MOST_LINE_BYTES {
                return Err(
                    FormatError::large(self.place(), format!("it is longer than {MOST_LINE_BYTES} bytes")).into()
                );
            }
            if !self.line.is_empty() {
                break;
            }
        }
        let found = self.line.iter().filter(|&&byte| byte == b'\t').count() + 1;
        if found != self.columns {
            let what = format!("it has {found} fields, separated by tabs, instead of {}", self.columns);
            return Err(FormatError::structure(self.place(), what).into());
        }
        Ok(Some(Row { line: self.number, fields: self.line.split(|&byte| byte == b'\t').collect() }))
    }

    fn place(&self) -> String {
        format!("line {}", self.number)
    }
}

impl Row<'_> {
    /// Field `column` as text.
    ///
    /// # Errors
    /// Bytes that are not UTF-8.
    pub fn text(&self, column: usize, name: &str) -> Result<&str, FormatError> {
        let bytes = self.fields.get(column).copied().unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            FormatError::value(format!("line {}", self.line), format!("field `{name}` is not UTF-8 from byte {at} on"))
        })
    }
}

/// All rows of a text in memory. Takes at most 128 times the memory of `bytes`.
///
/// # Errors
/// The first line that is no row.
pub fn parse(bytes: &[u8], columns: usize) -> Result<Vec<Vec<Vec<u8>>>, FormatError> {
    let mut rows = Rows::new(bytes, columns);
    let mut all = Vec::new();
    loop {
        match rows.next_row() {
            Ok(Some(row)) => all.push(row.fields.into_iter().map(<[u8]>::to_vec).collect()),
            Ok(None) => return Ok(all),
            Err(TsvError::Format(error)) => return Err(error),
            Err(TsvError::Io(error)) => return Err(FormatError::structure("the text", error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::formats::hostile;

    fn row(fields: &[&str]) -> Vec<Vec<u8>> {
        fields.iter().map(|field| field.as_bytes().to_vec()).collect()
    }

    #[test]
    fn rows_have_lines_and_fields() {
        let rows = parse(b"Source\tTarget\r\n\n( \"a\" )\t3\n\t", 2).unwrap();
        assert_eq!(rows, [row(&["Source", "Target"]), row(&["( \"a\" )", "3"]), row(&["", ""])]);
        assert!(parse(b"", 2).unwrap().is_empty());
        assert_eq!(parse(b"\xef\xbb\xbfa\tb\r\nc\td", 2).unwrap(), [row(&["a", "b"]), row(&["c", "d"])]);
        assert_eq!(parse(b"a\tb\nc\n", 2).unwrap_err().place, "line 2");
        let mut rows = Rows::new(&b"a\t\xff"[..], 2);
        let row = rows.next_row().unwrap().unwrap();
        assert_eq!(row.text(0, "label").unwrap(), "a");
        assert_eq!(row.text(1, "text").unwrap_err().place, "line 1");
    }

    #[test]
    fn endless_lines_are_refused_without_being_read() {
        let endless = io::BufReader::new(io::Read::take(io::repeat(b'x'), 1 << 40));
        let error = Rows::new(endless, 1).next_row().unwrap_err();
        assert!(matches!(&error, TsvError::Format(error) if error.place == "line 1"), "{error}");
    }

    proptest! {
        #![proptest_config(hostile::cases())]
        #[test]
        fn no_bytes_make_it_panic(
            bytes in hostile::inputs(b"Source\tTarget\n( [MAX 2 7 ] )\t7\r\n\n( [MIN 2 7 ] )\t2".to_vec()),
            columns in 0usize..5,
        ) {
            if let Ok(rows) = parse(&bytes, columns) {
                prop_assert!(rows.iter().all(|row| row.len() == columns));
                let total: usize = rows.iter().flatten().map(Vec::len).sum();
                prop_assert!(total <= bytes.len());
            }
        }

        #[test]
        fn what_was_written_is_read(rows in proptest::collection::vec(("[a-z ]{1,6}", "[^\t\r\n]{0,9}"), 0..9)) {
            let text: String = rows.iter().map(|(first, second)| format!("{first}\t{second}\n")).collect();
            let expected: Vec<_> = rows.iter().map(|(first, second)| row(&[first, second])).collect();
            prop_assert_eq!(parse(text.as_bytes(), 2).unwrap(), expected);
        }
    }
}
