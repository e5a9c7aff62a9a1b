//! What the registry says of the tasks and baselines that a file names, and their labels.

use std::collections::HashSet;

use crate::experiment::raw::{Field, RawEntry, RawExperiment, Target};
use crate::experiment::schema::fields;
use crate::experiment::{Diagnostic, Position, Training, shorten, with_suggestion};
use crate::registry::Registry;

/// The registry entries that the file's tasks and baselines name, index by index.
pub(super) struct Registered {
    pub(super) tasks: Vec<datasets::registry::Entry>,
    pub(super) baselines: Vec<baselines::registry::Entry>,
    /// Fields of the settings of every entry, by target; training has one.
    fields: [Vec<Vec<String>>; 3],
}

impl Registered {
    /// Look the names up.
    ///
    /// # Errors
    /// A name that the registry lacks.
    pub(super) fn of(raw: &RawExperiment, registry: &Registry) -> Result<Self, Diagnostic> {
        let names: Vec<&str> = registry.task_names().collect();
        let task = |entry| index_of(entry, "task", &names).map(|index| registry.tasks[index].clone());
        let tasks: Vec<_> = raw.tasks.iter().map(task).collect::<Result<_, _>>()?;
        let names: Vec<&str> = registry.baseline_names().collect();
        let baseline = |entry| index_of(entry, "baseline", &names).map(|index| registry.baselines[index].clone());
        let baselines: Vec<_> = raw.baselines.iter().map(baseline).collect::<Result<_, _>>()?;
        let fields = [
            vec![fields(&schemars::schema_for!(Training))],
            tasks.iter().map(|entry| fields(&(entry.schema)())).collect(),
            baselines.iter().map(|entry| fields(&(entry.schema)())).collect(),
        ];
        Ok(Self { tasks, baselines, fields })
    }

    /// Whether the settings of entry `index` (0 for training) have the first key of `field`.
    pub(super) fn has(&self, field: &Field, index: usize) -> bool {
        field.path.first().is_some_and(|first| self.fields[field.target as usize][index].contains(first))
    }

    /// The entries whose settings have the first key of `field`.
    ///
    /// # Errors
    /// No entry has the field, whose position is `at`.
    pub(super) fn having(&self, field: &Field, at: Position) -> Result<Vec<usize>, Diagnostic> {
        let lists = &self.fields[field.target as usize];
        let having: Vec<usize> = (0..lists.len()).filter(|&index| self.has(field, index)).collect();
        if !having.is_empty() {
            return Ok(having);
        }
        let first = field.path.first().map_or("", String::as_str);
        let mut seen = HashSet::new();
        let known: Vec<&str> = lists.iter().flatten().map(String::as_str).filter(|name| seen.insert(*name)).collect();
        let message = match field.target {
            Target::Training => format!("`training` has no field `{}`", shorten(first)),
            target => format!("no {} of the experiment has a field `{}`", target.name(), shorten(first)),
        };
        Err(Diagnostic::at(at, with_suggestion(message, first, known.iter().copied())).accepted("fields", &known))
    }
}

fn index_of(entry: &RawEntry, kind: &str, names: &[&str]) -> Result<usize, Diagnostic> {
    names.iter().position(|name| *name == entry.name).ok_or_else(|| {
        let message = format!("unknown {kind} `{}`", shorten(&entry.name));
        Diagnostic::at(entry.at, with_suggestion(message, &entry.name, names.iter().copied()))
            .accepted(&format!("{kind}s"), names)
    })
}

/// Labels of the entries as the file has them, before `--set`: what patterns in the file refer to.
pub(super) struct Labels {
    pub(super) tasks: Vec<String>,
    pub(super) baselines: Vec<String>,
}

impl Labels {
    /// Labels of `raw`. Settings that do not hold give the name; they are reported when the runs are made.
    pub(super) fn of(raw: &RawExperiment, registered: &Registered) -> Self {
        let tasks = raw.tasks.iter().zip(&registered.tasks).map(|(entry, kind)| {
            let task = || (kind.build)(&entry.settings.to_settings()).ok();
            label(entry, || task().map(|task| task.spec().name.clone()))
        });
        let baselines = raw.baselines.iter().zip(&registered.baselines);
        let baselines =
            baselines.map(|(entry, kind)| label(entry, || (kind.label)(&entry.settings.to_settings()).ok()));
        Self { tasks: tasks.collect(), baselines: baselines.collect() }
    }
}

fn label(entry: &RawEntry, made: impl FnOnce() -> Option<String>) -> String {
    let given = entry.label.as_ref().map(|(label, _)| label.clone());
    given.or_else(made).unwrap_or_else(|| entry.name.clone())
}
