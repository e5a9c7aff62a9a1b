//! The forms of a table: Markdown, aligned text and CSV.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement};

use super::flag::{Flag, letter};
use super::rows::{Column, Table};
use crate::error::ReportError;
use crate::format::{as_markdown, inert, printable};

impl Table {
    /// The table as GitHub-flavoured Markdown, with letters from `used` (the remarks of the whole page).
    pub fn markdown(&self, used: &BTreeSet<Flag>) -> String {
        let mut out = String::from("|");
        for column in &self.columns {
            let _ = write!(out, " {} |", as_markdown(&column.title));
        }
        out.push_str("\n|");
        for column in &self.columns {
            out.push_str(if column.numeric { "---:|" } else { "---|" });
        }
        out.push('\n');
        for row in &self.rows {
            out.push('|');
            for entry in row {
                let text = as_markdown(&entry.text);
                let text = if entry.best { format!("**{text}**") } else { text };
                let marks: Vec<String> = entry.flags.iter().map(|f| letter(*f, used).to_string()).collect();
                let marks = if marks.is_empty() { String::new() } else { format!("<sup>{}</sup>", marks.join(",")) };
                let _ = write!(out, " {text}{marks} |");
            }
            out.push('\n');
        }
        out
    }

    /// The table alone with its remarks, as printed on a terminal or in a message.
    pub fn to_markdown(&self) -> String {
        let used = self.flags();
        let mut out = self.markdown(&used);
        for flag in &used {
            let _ = write!(out, "\n<sup>{}</sup> {}\n", letter(*flag, &used), flag.text());
        }
        for note in &self.notes {
            let _ = write!(out, "\n{}\n", as_markdown(note));
        }
        out
    }

    /// The table as plain text in aligned columns, for a terminal.
    pub fn to_text(&self) -> String {
        aligned(&self.columns, self.rows.iter().map(|row| row.iter().map(|entry| entry.text.as_str())))
    }

    /// The table as comma-separated values: full precision, and the remarks in words in a last column. A name that a spreadsheet
    /// would take for a formula has an apostrophe before it.
    ///
    /// # Errors
    /// Writing fails.
    pub fn csv(&self) -> Result<Vec<u8>, ReportError> {
        let failed = |e: csv::Error| ReportError::Page(e.to_string());
        let mut writer = csv::Writer::from_writer(Vec::new());
        let keys = self.columns.iter().map(|c| c.key.as_str()).chain(["remarks"]);
        writer.write_record(keys.map(|key| inert(key).into_owned())).map_err(failed)?;
        for row in &self.rows {
            let flags: BTreeSet<Flag> = row.iter().flat_map(|e| e.flags.iter().copied()).collect();
            let remarks = flags.iter().map(|f| f.text()).collect::<Vec<_>>().join(" ");
            let texts = row.iter().map(|e| e.raw.as_deref().unwrap_or(&e.text)).chain([remarks.as_str()]);
            writer.write_record(texts.map(|text| inert(text).into_owned())).map_err(failed)?;
        }
        writer.into_inner().map_err(|e| ReportError::Page(e.to_string()))
    }
}

/// `rows` as plain text below a heading such as `name | n#`, for a terminal; columns that end in `#` are those of numbers.
pub fn text_table(heading: &str, rows: &[Vec<String>]) -> String {
    aligned(&Column::all(heading), rows.iter().map(|row| row.iter().map(String::as_str)))
}

/// Columns two spaces apart, never wrapped: whoever reads them in a pipe finds one line per row.
fn aligned<'a>(columns: &[Column], rows: impl Iterator<Item = impl Iterator<Item = &'a str>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
        .set_header(columns.iter().map(|column| printable(&column.title).into_owned()))
        .add_rows(rows.map(|row| row.map(|text| printable(text).into_owned()).collect::<Vec<_>>()));
    for (column, Column { numeric, .. }) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2));
        if *numeric {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align() {
        let rows = [vec!["a".into(), "1".into(), "x".into()], vec!["bbb".into(), "1000".into(), "long text".into()]];
        let text = text_table("name | n# | note", &rows);
        assert_eq!(text, "name     n  note\na        1  x\nbbb   1000  long text");
    }

    #[test]
    fn a_column_keeps_its_key_under_another_title() {
        let table = Table::new("runs", "Runs", "", "Run=Cell | Runs=Cells#");
        assert!(table.to_text().starts_with("Run  Runs"));
        assert!(String::from_utf8_lossy(&table.csv().unwrap_or_default()).starts_with("Cell,Cells,"));
    }

    #[test]
    fn a_long_row_stays_one_line() {
        let text = text_table("name | n#", &[vec!["x".repeat(500), String::new()], vec!["é".into(), "–".into()]]);
        assert_eq!(text.lines().count(), 3);
    }
}
