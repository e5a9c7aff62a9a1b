//! `bench data show`.

use std::path::{Path, PathBuf};

use datasets::{Split, samples::preview};
use serde_json::json;

use super::names::{DataContext, failure, task_of};
use super::progress::Bar;
use super::settings::{Tasks, settings};
use crate::cli::exit::{CliError, Exit};
use crate::cli::options::Global;

pub(super) fn show(
    context: &DataContext<'_>,
    tasks: &Tasks,
    split: Split,
    count: usize,
    out: Option<&Path>,
    bar: &Bar,
    global: &Global,
) -> Result<Exit, CliError> {
    let library = context.library;
    let settings = settings(&tasks.set)?;
    let made = tasks.names.iter().map(|name| task_of(context, name, &settings)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for task in made {
        let data = task.prepare(library, bar).map_err(failure)?;
        let sheet = preview::draw(task.spec(), data.as_ref(), split, count).map_err(failure)?;
        let path = out.map_or_else(|| PathBuf::from(format!("{}.png", task.spec().name)), Path::to_path_buf);
        sheet.save(&path).map_err(failure)?;
        lines.push(format!(
            "{}: {} {} samples of {}, {} per row; labels row by row:",
            path.display(),
            sheet.labels.len(),
            split.name(),
            task.spec().name,
            sheet.columns
        ));
        lines.extend(sheet.labels.chunks(sheet.columns).map(|row| format!("  {}", row.join(" | "))));
        values.push(json!({
            "task": task.spec().name, "file": path, "split": split, "columns": sheet.columns, "labels": sheet.labels,
        }));
    }
    global.print(|| json!({ "schema": 1, "pictures": values }), || lines.join("\n"))
}
