//! `bench data verify --duplicates`.

use datasets::samples::duplicates::{Duplicates, find};
use datasets::{Split, Task};
use reports::format::grouped;
use serde_json::json;

use super::names::{DataContext, failure, reads_official, task_of};
use super::progress::Bar;
use super::settings::settings;
use crate::cli::exit::{CliError, Exit};
use crate::cli::options::Global;

pub(super) fn duplicates(
    context: &DataContext<'_>,
    names: &[String],
    set: &[String],
    bar: &Bar,
    global: &Global,
) -> Result<Exit, CliError> {
    let library = context.library;
    let settings = settings(set)?;
    let tasks: Vec<Box<dyn Task>> = if names.is_empty() {
        let here = context.registry.tasks.iter().filter(|entry| reads_official(library, entry));
        let built = here.filter_map(|entry| (entry.build)(&settings).ok());
        built.filter(|task| task.check(library).is_ok()).collect()
    } else {
        names.iter().map(|name| task_of(context, name, &settings)).collect::<Result<_, _>>()?
    };
    if tasks.is_empty() {
        return Err(CliError::usage("no task has its files here; name a task, or see `bench data list`"));
    }
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for task in tasks {
        let data = task.prepare(library, bar).map_err(failure)?;
        let spec = task.spec();
        let found = find(data.as_ref(), &spec.name, bar).map_err(failure)?;
        lines.extend(text(&spec.name, &spec.version, &found));
        values.push(json!({
            "task": spec.name, "version": spec.version, "content_sha256": data.content_hash(), "found": found,
        }));
    }
    global.print(|| json!({ "schema": 1, "folder": library.root(), "duplicates": values }), || lines.join("\n"))
}

fn text(name: &str, version: &str, found: &Duplicates) -> Vec<String> {
    let number = |count: usize| grouped(count as u64);
    let [train, validation, test] = found.samples.map(number);
    let mut lines = vec![format!("{name} ({version}): {train} training, {validation} validation, {test} test samples")];
    for overlap in &found.across {
        let (first, second) = (overlap.first.name(), overlap.second.name());
        if overlap.samples == 0 {
            lines.push(format!("  no {second} sample is also a {first} sample"));
            continue;
        }
        let examples: Vec<String> =
            overlap.examples.iter().map(|(one, other)| format!("{first} {one} = {second} {other}")).collect();
        lines.push(format!(
            "  {} {second} samples are also {first} samples, {} of them with another target; e.g. {}",
            grouped(overlap.samples),
            grouped(overlap.other_target),
            examples.join(", ")
        ));
    }
    let within = Split::ALL.iter().zip(found.within).filter(|(_, count)| *count > 0);
    lines.extend(within.map(|(split, count)| format!("  {} repeated samples within {}", grouped(count), split.name())));
    lines
}
