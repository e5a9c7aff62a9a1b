//! Labels of tasks and baselines.

use super::registered::Registered;
use crate::experiment::raw::{RawEntry, RawExperiment};

/// Labels of the entries as the file has them, before `--set`: what patterns in the file refer to.
pub(super) struct Labels {
    pub(super) tasks: Vec<String>,
    pub(super) baselines: Vec<String>,
}

impl Labels {
    /// Labels of `raw`. Settings that do not hold give the name; they are reported when the cells are made.
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
