//! What the crate `reports` makes of run folders: `bench report` and `bench compare`; beside them `bench status` and `bench pack`.

mod pack;
mod status;

use std::convert::Infallible;
use std::path::PathBuf;

use clap::Args;
use reports::format::printable;
use reports::{Column, Field, Formats, Table, TableEntry};
use serde_json::{Map, Value, json};

pub use self::pack::{PackArgs, execute as pack};
pub use self::status::{StatusArgs, execute as status};
use super::{CliError, Exit, Global};
use crate::registry::Registry;

/// `bench report`
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Run folders (of experiments), or archives of `bench pack`
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Where the report goes; by default `report` in the first DIR, or beside an archive
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What is written, any of html,md,csv,tex,svg,png
    #[arg(long, value_delimiter = ',', value_name = "FORMATS", default_value = "html,md,csv,tex,svg,png")]
    format: Vec<String>,
    /// A baseline: a table gives every row as the paired difference to it
    #[arg(long, value_name = "BASELINE")]
    against: Option<String>,
}

/// `bench compare`
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// Run folders (of experiments), or archives of `bench pack`
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// What differs within a pair: task, baseline, experiment, device, scale, or a setting such as training.learning_rate
    #[arg(long, value_name = "FIELD")]
    by: String,
}

/// Write the report of run folders and name it.
pub fn write(args: &ReportArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let formats: Formats =
        args.format.join(",").parse().map_err(|error| CliError::usage(format!("--format: {error}")))?;
    let out = args.out.clone().unwrap_or_else(|| reports::default_out(&args.dirs));
    let paths = reports::write(&args.dirs, &out, formats, args.against.as_deref(), &registry.added_settings())?;
    let json = || {
        json!({
            "schema": 1, "index": paths.index, "markdown": paths.markdown, "files": paths.files,
            "left_out": paths.left_out,
        })
    };
    let text = || {
        let main = paths.index.as_deref().or(paths.markdown.as_deref()).unwrap_or(&out);
        let left_out: String = paths.left_out.iter().map(|line| format!("{}\n", printable(line))).collect();
        format!("{left_out}report: {} ({} files)", main.display(), paths.files.len())
    };
    global.print(json, text)
}

/// Print the paired comparison of run folders.
pub fn compare(args: &CompareArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let by: Field = args.by.parse().map_err(|never: Infallible| CliError::usage(never))?;
    show(&reports::compare(&args.dirs, &by, &registry.added_settings())?, global)
}

fn show(table: &Table, global: &Global) -> Result<Exit, CliError> {
    global.print(|| as_json(table), || as_text(table))
}

/// `table` for programs.
pub(super) fn as_json(table: &Table) -> Value {
    json!({
        "schema": 1, "table": table.name, "caption": table.caption, "rows": rows(table), "notes": table.notes,
    })
}

/// `table` for a terminal, with what is said below it.
pub(super) fn as_text(table: &Table) -> String {
    let notes: String = table.notes.iter().map(|note| format!("\n{}", printable(note))).collect();
    format!("{}\n{}{notes}", table.to_text(), printable(&table.caption))
}

/// One object per row, under the columns' keys; what a column of numbers holds as numbers. A label such as `1e3` stays text.
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
        let pairs = pairs.map(|(column, entry)| (column.key.clone(), value(column, entry)));
        Value::Object(pairs.collect::<Map<_, _>>())
    };
    table.rows.iter().map(row).collect()
}
