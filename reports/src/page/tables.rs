//! The tables of a page.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::tables::{Flag, Table, TableEntry, letter};

/// Rows from which on a table is long.
const LONG: usize = 40;

#[derive(Serialize)]
pub(super) struct HtmlTable<'a> {
    /// Among all tables of the page.
    index: usize,
    name: &'a str,
    title: &'a str,
    caption: &'a str,
    /// What stands in every row of a long table, column and text.
    same: Vec<(&'a str, &'a str)>,
    columns: Vec<HtmlColumn<'a>>,
    rows: Vec<Vec<HtmlEntry<'a>>>,
}

#[derive(Serialize)]
struct HtmlColumn<'a> {
    title: &'a str,
    numeric: bool,
}

#[derive(Serialize)]
struct HtmlEntry<'a> {
    text: &'a str,
    marks: Vec<String>,
    class: String,
    /// What rows are sorted by, where that is not the text.
    value: Option<f64>,
}

/// The rule that sets numbers to the right in every one of `tables`: a class for each entry would be long.
pub(super) fn numeric_columns<'a>(tables: impl IntoIterator<Item = &'a HtmlTable<'a>>) -> String {
    let columns = tables.into_iter().flat_map(|table| {
        let numeric = (1..).zip(&table.columns).filter(|(_, column)| column.numeric);
        numeric.map(|(column, _)| format!(".t{} td:nth-child({column})", table.index))
    });
    match columns.collect::<Vec<_>>().join(",") {
        columns if columns.is_empty() => columns,
        columns => columns + "{text-align:right}\n",
    }
}

/// What rows are sorted by where `text` shows `raw` to less than a thousandth: its value with six digits.
fn sorted_by(raw: &str, text: &str) -> Option<f64> {
    let value: f64 = raw.parse().ok()?;
    let shown: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| if c == '−' { '-' } else { c }).collect();
    let number = shown.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).map_or(&*shown, |end| &shown[..end]);
    let near = number.parse::<f64>().is_ok_and(|shown| (shown - value).abs() <= 1e-3 * value.abs());
    if near { None } else { format!("{value:.5e}").parse().ok() }
}

/// The columns of a long table whose every entry is the same: a page says them once.
fn same_in_all_rows(table: &Table) -> Vec<usize> {
    let Some((first, rest)) = table.rows.split_first().filter(|_| table.rows.len() >= LONG) else { return Vec::new() };
    let same = |index: &usize| {
        let entry = &first[*index];
        entry.flags.is_empty() && rest.iter().all(|row| row[*index].text == entry.text && row[*index].flags.is_empty())
    };
    (1..table.columns.len()).filter(same).collect()
}

pub(super) fn html_table<'a>(index: usize, table: &'a Table, used: &BTreeSet<Flag>) -> HtmlTable<'a> {
    let entry = |(entry, numeric): (&'a TableEntry, bool)| {
        let long = (entry.text.chars().count() > 40).then_some("long");
        let classes = [long, entry.best.then_some("best"), entry.class];
        HtmlEntry {
            text: &entry.text,
            marks: entry.flags.iter().map(|f| letter(*f, used).to_string()).collect(),
            class: classes.into_iter().flatten().collect::<Vec<_>>().join(" "),
            value: entry.raw.as_deref().filter(|_| numeric).and_then(|raw| sorted_by(raw, &entry.text)),
        }
    };
    let same = same_in_all_rows(table);
    let kept = || (0..table.columns.len()).filter(|index| !same.contains(index));
    HtmlTable {
        index,
        name: &table.name,
        title: &table.title,
        caption: &table.caption,
        same: same
            .iter()
            .filter_map(|index| Some((&*table.columns[*index].title, &*table.rows.first()?[*index].text)))
            .collect(),
        columns: kept()
            .map(|index| &table.columns[index])
            .map(|c| HtmlColumn { title: &c.title, numeric: c.numeric })
            .collect(),
        rows: table
            .rows
            .iter()
            .map(|row| kept().map(|index| entry((&row[index], table.columns[index].numeric))).collect())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_given_where_the_text_says_less() {
        for (raw, text, value) in [
            ("0.5372607541437551", "0.537 ± 0.00559", None),
            ("6808.0", "6 808", None),
            ("-0.25", "−0.25", None),
            ("0.25338817513759876", "0.3 s", Some(0.253388)),
            ("2.3e-19", "2.3e-19", Some(2.3e-19)),
            ("0.6143", "61.43", Some(0.6143)),
            ("0.0", "0.00", None),
            ("12.0", "–", Some(12.0)),
            ("none", "–", None),
        ] {
            assert_eq!(sorted_by(raw, text), value, "{raw} {text}");
        }
    }

    #[test]
    fn what_is_the_same_in_all_rows_of_a_long_table_is_said_once() {
        let row = |index: usize| [format!("run {index}"), "vm".into(), "done".into()].map(TableEntry::text).to_vec();
        let mut table = Table::new("cells", "Every run", "One per row.", "Run | Host | State");
        table.rows = (0..LONG).map(row).collect();
        let said = |table: &Table| html_table(0, table, &BTreeSet::new()).same.len();
        assert_eq!(said(&table), 2);
        table.rows[7][2] = TableEntry::text("failed");
        assert_eq!(said(&table), 1);
        table.rows.truncate(LONG - 1);
        assert_eq!(said(&table), 0, "a short table has every column");
    }
}
