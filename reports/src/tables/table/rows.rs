//! A table with footnotes.

use std::collections::BTreeSet;

use vocabulary::Metric;

use super::flag::Flag;
use crate::format::{NONE, as_shown, grouped, mean_std, metric};
use crate::statistics::Summary;

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub title: String,
    /// Its name in CSV and JSON, which stays when the heading is reworded.
    pub key: String,
    /// Whether its entries are numbers, aligned to the right.
    pub numeric: bool,
}

impl Column {
    /// A column whose title is its key.
    pub(crate) fn new(title: &str, numeric: bool) -> Self {
        Self { title: title.to_owned(), key: title.to_owned(), numeric }
    }

    /// The columns of a heading such as `name | n# | Title=key`; one that ends in `#` is numeric, and a title without a key
    /// is its own.
    pub(crate) fn all(heading: &str) -> Vec<Self> {
        let column = |column: &str| {
            let name = column.trim_end_matches('#');
            let (title, key) = name.split_once('=').unwrap_or((name, name));
            Self { key: key.to_owned(), ..Self::new(title, column.ends_with('#')) }
        };
        heading.split(" | ").map(column).collect()
    }
}

/// An entry of a table: one column of one row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableEntry {
    /// As shown.
    pub text: String,
    /// As written to CSV; the shown text where absent.
    pub raw: Option<String>,
    /// Remarks.
    pub flags: Vec<Flag>,
    /// Best of its group, or not separated from it: set in bold.
    pub best: bool,
    /// CSS class, e.g. `failed`.
    pub class: Option<&'static str>,
}

impl TableEntry {
    /// An entry of text alone.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// An empty entry.
    pub fn none() -> Self {
        Self { text: NONE.to_owned(), raw: Some(String::new()), ..Self::default() }
    }

    /// Text where there is some.
    pub(crate) fn optional(text: Option<impl Into<String>>) -> Self {
        text.map_or_else(Self::none, Self::text)
    }

    /// An entry of a number, as shown and as it is.
    pub fn number(text: impl Into<String>, raw: f64) -> Self {
        Self { text: text.into(), raw: Some(raw.to_string()), ..Self::default() }
    }

    /// A whole number, shown in groups of three digits that no line break separates.
    pub(crate) fn count(count: u64) -> Self {
        Self::text(grouped(count).replace(' ', "\u{202f}")).raw(count.to_string())
    }

    /// A value of the metric `name`.
    pub(crate) fn metric(value: f64, name: Metric) -> Self {
        Self::number(metric(value, name), as_shown(value, name))
    }

    /// Mean and standard deviation of the metric `name`.
    pub(crate) fn summary(summary: &Summary, name: Metric) -> Self {
        Self::number(mean_std(summary, name), as_shown(summary.mean, name))
    }

    /// Set another text for CSV.
    #[must_use]
    pub(crate) fn raw(mut self, raw: impl Into<String>) -> Self {
        self.raw = Some(raw.into());
        self
    }

    /// Add a remark.
    #[must_use]
    pub fn flag(mut self, flag: Flag) -> Self {
        self.flags.push(flag);
        self
    }

    /// Add several remarks.
    #[must_use]
    pub(crate) fn flags(mut self, flags: impl IntoIterator<Item = Flag>) -> Self {
        self.flags.extend(flags);
        self
    }

    /// Set in bold, or not.
    #[must_use]
    pub(crate) fn best(mut self, best: bool) -> Self {
        self.best = best;
        self
    }

    /// Set the CSS class.
    #[must_use]
    pub fn class(mut self, class: &'static str) -> Self {
        self.class = Some(class);
        self
    }
}

/// A table with remarks.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// File name without ending, e.g. `results`.
    pub name: String,
    /// Heading.
    pub title: String,
    /// What it shows, in a sentence or two.
    pub caption: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows, as long as `columns`.
    pub rows: Vec<Vec<TableEntry>>,
    /// Lines below the table, e.g. what could not be read.
    pub notes: Vec<String>,
}

impl Table {
    /// An empty table with the columns of `heading`, e.g. `name | n# | Title=key`; one that ends in `#` is numeric.
    pub fn new(name: &str, title: &str, caption: &str, heading: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            caption: caption.to_owned(),
            columns: Column::all(heading),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The remarks in use.
    pub fn flags(&self) -> BTreeSet<Flag> {
        self.rows.iter().flatten().flat_map(|e| e.flags.iter().copied()).collect()
    }

    /// Remove the first column.
    pub(crate) fn drop_first_column(&mut self) {
        self.columns.remove(0);
        for row in &mut self.rows {
            row.remove(0);
        }
    }

    /// Remove those of the columns `droppable` in which no row says anything.
    pub(crate) fn drop_empty(&mut self, droppable: &[&str]) {
        let says = |row: &Vec<TableEntry>, i: usize| !row[i].text.is_empty() && row[i].text != NONE;
        let columns = self.columns.iter().enumerate();
        let keep: Vec<bool> = columns
            .map(|(i, c)| !droppable.contains(&c.title.as_str()) || self.rows.iter().any(|row| says(row, i)))
            .collect();
        let mut kept = keep.iter();
        self.columns.retain(|_| *kept.next().unwrap_or(&true));
        for row in &mut self.rows {
            let mut kept = keep.iter();
            row.retain(|_| *kept.next().unwrap_or(&true));
        }
    }
}
