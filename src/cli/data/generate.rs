//! `bench data generate`.

use std::collections::BTreeMap;

use datasets::Split;
use serde_json::json;

use super::names::{DataContext, failure, task_of};
use super::progress::Bar;
use super::settings::{Tasks, settings};
use crate::cli::exit::{CliError, Exit};
use crate::cli::options::Global;

pub(super) fn generate(context: &DataContext<'_>, tasks: &Tasks, bar: &Bar, global: &Global) -> Result<Exit, CliError> {
    let library = context.library;
    let settings = settings(&tasks.set)?;
    let made = tasks.names.iter().map(|name| task_of(context, name, &settings)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for task in made {
        let data = task.prepare(library, bar).map_err(failure)?;
        let spec = task.spec();
        let sizes = Split::ALL.map(|split| data.len(split));
        lines.push(format!(
            "{} ({}): {} training, {} validation, {} test samples, content {}",
            spec.name,
            spec.version,
            sizes[0],
            sizes[1],
            sizes[2],
            data.content_hash()
        ));
        let description = data.describe().map_err(failure)?;
        lines.extend(description.iter().map(|(name, value)| format!("  {name}: {value}")));
        lines.extend(data.notes().iter().map(|note| format!("  note: {note}")));
        values.push(json!({
            "task": spec.name, "version": spec.version, "data": spec.data,
            "splits": { "train": sizes[0], "validation": sizes[1], "test": sizes[2] },
            "content_sha256": data.content_hash(), "notes": data.notes(),
            "description": description.into_iter().collect::<BTreeMap<_, _>>(),
        }));
    }
    global.print(|| json!({ "schema": 1, "folder": library.root(), "tasks": values }), || lines.join("\n"))
}
