//! `bench data generate`, `bench data show` and `bench data verify --duplicates`: what looks at the samples of tasks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use datasets::samples::duplicates::{Duplicates, find};
use datasets::{Split, samples::preview};
use reports::format::grouped;
use serde_json::json;

use super::{CliError, DataContext, Exit, Tasks, context::settings, failure};

pub(super) fn generate(context: &DataContext<'_>, tasks: &Tasks) -> Result<Exit, CliError> {
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for task in context.tasks(&tasks.names, &tasks.set)? {
        let data = task.prepare(&context.library, &context.bar).map_err(failure)?;
        let spec = task.spec();
        let [train, validation, test] = Split::ALL.map(|split| data.len(split));
        lines.push(format!(
            "{} ({}): {train} training, {validation} validation, {test} test samples, content {}",
            spec.name,
            spec.version,
            data.content_hash()
        ));
        let description = data.describe().map_err(failure)?;
        lines.extend(description.iter().map(|(name, value)| format!("  {name}: {value}")));
        lines.extend(data.notes().iter().map(|note| format!("  note: {note}")));
        values.push(json!({
            "task": spec.name, "version": spec.version, "data": spec.data,
            "splits": { "train": train, "validation": validation, "test": test },
            "content_sha256": data.content_hash(), "notes": data.notes(),
            "description": description.into_iter().collect::<BTreeMap<_, _>>(),
        }));
    }
    let json = || json!({ "schema": 1, "folder": context.library.root(), "tasks": values });
    context.global.print(json, || lines.join("\n"))
}

pub(super) fn show(
    context: &DataContext<'_>,
    tasks: &Tasks,
    split: Split,
    count: usize,
    out: Option<&Path>,
) -> Result<Exit, CliError> {
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for task in context.tasks(&tasks.names, &tasks.set)? {
        let data = task.prepare(&context.library, &context.bar).map_err(failure)?;
        let name = &task.spec().name;
        let sheet = preview::draw(task.spec(), data.as_ref(), split, count).map_err(failure)?;
        let path = out.map_or_else(|| PathBuf::from(format!("{name}.png")), Path::to_path_buf);
        sheet.save(&path).map_err(failure)?;
        lines.push(format!(
            "{}: {} {} samples of {name}, {} per row; labels row by row:",
            path.display(),
            sheet.labels.len(),
            split.name(),
            sheet.columns
        ));
        lines.extend(sheet.labels.chunks(sheet.columns).map(|row| format!("  {}", row.join(" | "))));
        values.push(json!({
            "task": name, "file": path, "split": split, "columns": sheet.columns, "labels": sheet.labels,
        }));
    }
    context.global.print(|| json!({ "schema": 1, "pictures": values }), || lines.join("\n"))
}

pub(super) fn duplicates(context: &DataContext<'_>, names: &[String], set: &[String]) -> Result<Exit, CliError> {
    let DataContext { library, registry, bar, global } = context;
    let tasks = if names.is_empty() {
        let settings = settings(set)?;
        let here = registry.tasks.iter().filter(|entry| context.reads_official(entry));
        let built = here.filter_map(|entry| (entry.build)(&settings).ok());
        built.filter(|task| task.check(library).is_ok()).collect()
    } else {
        context.tasks(names, set)?
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
        lines.extend(overlaps(&spec.name, &spec.version, &found));
        values.push(json!({
            "task": spec.name, "version": spec.version, "content_sha256": data.content_hash(), "found": found,
        }));
    }
    global.print(|| json!({ "schema": 1, "folder": library.root(), "duplicates": values }), || lines.join("\n"))
}

fn overlaps(name: &str, version: &str, found: &Duplicates) -> Vec<String> {
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
