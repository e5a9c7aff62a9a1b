//! `bench report`, `bench compare` and `bench status`: what the crate `reports` makes of run folders.

use std::convert::Infallible;

use reports::{Column, Field, Formats, ReportError, Table, TableEntry};
use serde_json::{Map, Value, json};

use crate::cli::{CompareArgs, Global, ReportArgs, StatusArgs};
use crate::exit::{Exit, Stop, print, print_json};

/// Write the report of run folders and name it.
pub fn write(args: &ReportArgs, global: &Global) -> Result<Exit, Stop> {
    let formats: Formats = args.format.join(",").parse().map_err(|error| Stop::usage(format!("--format: {error}")))?;
    let out = args.out.clone().unwrap_or_else(|| reports::default_out(&args.dirs));
    let paths = reports::write(&args.dirs, &out, formats).map_err(stop)?;
    if global.json {
        print_json(&json!({
            "schema": 1,
            "index": paths.index,
            "markdown": paths.markdown,
            "files": paths.files,
            "left_out": paths.left_out,
        }))?;
    } else {
        let main = paths.index.as_deref().or(paths.markdown.as_deref()).unwrap_or(&out);
        let mut text = paths.left_out.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        print(&format!("{text}report: {} ({} files)", main.display(), paths.files.len()))?;
    }
    Ok(Exit::Done)
}

/// Print the paired comparison of run folders.
pub fn compare(args: &CompareArgs, global: &Global) -> Result<Exit, Stop> {
    let by: Field = args.by.parse().map_err(|never: Infallible| Stop::usage(never))?;
    show(&reports::compare(&args.dirs, &by).map_err(stop)?, global)
}

/// Print where every cell stands.
pub fn status(args: &StatusArgs, global: &Global) -> Result<Exit, Stop> {
    show(&reports::status(&args.dir).map_err(stop)?, global)
}

fn show(table: &Table, global: &Global) -> Result<Exit, Stop> {
    if global.json {
        print_json(&json!({
            "schema": 1,
            "table": table.name,
            "caption": table.caption,
            "rows": rows(table),
            "notes": table.notes,
        }))?;
    } else {
        let notes: String = table.notes.iter().map(|note| format!("\n{note}")).collect();
        print(&format!("{}\n{}{notes}", table.to_text(), table.caption))?;
    }
    Ok(Exit::Done)
}

/// One object per row, under the columns' titles; what a column of numbers holds as numbers. A label such as `1e3` stays text.
fn rows(table: &Table) -> Vec<Value> {
    let value = |column: &Column, entry: &TableEntry| {
        let text = entry.raw.as_deref().unwrap_or(&entry.text);
        match text.parse::<f64>() {
            _ if text.is_empty() => Value::Null,
            Ok(number) if column.numeric && number.is_finite() => json!(number),
            _ => json!(text),
        }
    };
    let row = |row: &Vec<TableEntry>| {
        let pairs = table.columns.iter().zip(row);
        let pairs = pairs.map(|(column, entry)| (column.title.clone(), value(column, entry)));
        Value::Object(pairs.collect::<Map<_, _>>())
    };
    table.rows.iter().map(row).collect()
}

/// Folders that cannot be read are wrong usage; files that cannot be written are a failure.
fn stop(error: ReportError) -> Stop {
    match error {
        ReportError::Write { .. } | ReportError::Frame(_) | ReportError::Draw { .. } => Stop::failed(error),
        _ => Stop::usage(error),
    }
}
