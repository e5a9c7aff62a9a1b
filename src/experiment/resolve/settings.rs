//! The settings of a cell: of its training, its task and its baseline.

use std::collections::HashMap;
use std::sync::Arc;

use schemars::schema_for;
use vocabulary::Scale;

use super::settings_error::SettingsSource;
use crate::experiment::diagnostic::Diagnostic;
use crate::experiment::plan::{BaselineCell, TaskCell};
use crate::experiment::raw::RawEntry;
use crate::experiment::scale;
use crate::experiment::training::Training;
use crate::experiment::yaml::Node;

/// The training settings of `tree`.
///
/// # Errors
/// The setting that does not hold.
pub(super) fn resolve_training(tree: &Node) -> Result<Training, Diagnostic> {
    let refuse = |path: &str, reason: &str| {
        let schema = schema_for!(Training);
        SettingsSource { owner: "training".into(), tree, at: tree.at, schema }.error(path, reason)
    };
    let training: Training = serde_path_to_error::deserialize(tree.to_settings())
        .map_err(|error| refuse(&error.path().to_string(), &error.inner().to_string()))?;
    training.validate().map_err(|error| refuse(error.field, &error.message))?;
    Ok(training)
}

/// The baseline of `entry` with the settings of `tree`.
///
/// # Errors
/// The setting that does not hold.
pub(super) fn resolve_baseline(
    entry: &RawEntry,
    tree: &Node,
    kind: &baselines::registry::Entry,
) -> Result<BaselineCell, Diagnostic> {
    let refuse = |error: baselines::BuildError| {
        SettingsSource::of_baseline(&entry.name, tree, entry.at, kind).error(&error.field, &error.message)
    };
    let config = (kind.resolve)(&tree.to_settings()).map_err(refuse)?;
    let label = match &entry.label {
        Some((label, _)) => label.clone(),
        None => (kind.label)(&config).map_err(refuse)?,
    };
    Ok(BaselineCell { name: entry.name.clone(), label, config, entry: kind.clone() })
}

/// Tasks that were configured, each with the number of training samples that it has in full.
#[derive(Default)]
pub(super) struct TaskCache(HashMap<String, (TaskCell, usize)>);

impl TaskCache {
    /// The task of `entry` with the settings of `tree` at `scale`, and the number of training samples that it has in full.
    ///
    /// # Errors
    /// The setting that does not hold.
    pub(super) fn resolve(
        &mut self,
        entry: &RawEntry,
        tree: &Node,
        kind: &datasets::registry::Entry,
        scale: Scale,
    ) -> Result<(TaskCell, usize), Diagnostic> {
        let settings = tree.to_settings();
        let key = format!("{} {:?} {settings}", entry.name, entry.label.as_ref().map(|(label, _)| label));
        if let Some(found) = self.0.get(&key) {
            return Ok(found.clone());
        }
        let refuse = |error: datasets::ConfigError| {
            let owner = format!("task `{}`", entry.name);
            SettingsSource { owner, tree, at: entry.at, schema: (kind.schema)() }.error(&error.field, &error.message)
        };
        let mut config = (kind.resolve)(&settings).map_err(refuse)?;
        let mut task = (kind.build)(&config).map_err(refuse)?;
        let samples = task.spec().splits.train;
        if let Some(most) = scale::samples(scale, task.spec()) {
            let cut = scale::cut(&config, most);
            if cut != config {
                task = (kind.build)(&cut).map_err(refuse)?;
                config = cut;
            }
            task = scale::limit(scale, task);
        }
        let task: Arc<dyn datasets::Task> = Arc::from(task);
        let label = entry.label.as_ref().map_or_else(|| task.spec().name.clone(), |(label, _)| label.clone());
        let cell = TaskCell { name: entry.name.clone(), label, config, task };
        self.0.insert(key, (cell.clone(), samples));
        Ok((cell, samples))
    }
}
