//! What the trained network of a run is judged on, from `evaluate` of the file.

use vocabulary::record::Variant;

use super::registered::Registered;
use super::settings::SettingsSource;
use crate::experiment::raw::{Field, RawEntry, RawExperiment, Target, resolutions, task_settings};
use crate::experiment::{Asked, Diagnostic, Node, RunTask};

/// Refuse settings under `evaluate` that no task of the experiment has.
///
/// # Errors
/// The first of them.
pub(super) fn check(raw: &RawExperiment, registered: &Registered) -> Result<(), Diagnostic> {
    for tree in raw.pair_settings.iter().map(|rule| &rule.evaluate).chain([&raw.evaluate]) {
        for pair in task_settings(tree)?.iter().flat_map(Node::pairs) {
            registered.having(&field(&pair.key), pair.at)?;
        }
    }
    Ok(())
}

fn field(key: &str) -> Field {
    Field { target: Target::Task, path: vec![key.to_owned()] }
}

/// A task of the file in a run.
pub(super) struct Of<'a> {
    /// Its number in the file.
    pub(super) index: usize,
    pub(super) entry: &'a RawEntry,
    /// Its settings as written and merged.
    pub(super) settings: &'a Node,
    /// As resolved.
    pub(super) task: &'a RunTask,
}

/// What `tree`, the merged `evaluate`, asks of a network of the task `of`.
///
/// # Errors
/// A setting that the task has, with a value that it refuses.
pub(super) fn asked(tree: &Node, of: &Of<'_>, registered: &Registered) -> Result<Vec<Asked>, Diagnostic> {
    let resolutions = resolutions(tree)?.into_iter().map(Variant::Resample);
    let mut all: Vec<Asked> = resolutions.map(|variant| Asked { variant, not_applicable: None }).collect();
    for changed in task_settings(tree)? {
        let missing = changed.pairs().iter().find(|pair| !registered.has(&field(&pair.key), of.index));
        let not_applicable = missing.map(|pair| format!("task `{}` has no setting `{}`", of.entry.name, pair.key));
        if not_applicable.is_none() {
            check_values(changed, of, registered)?;
        }
        let settings = changed.to_settings().as_object().cloned().unwrap_or_default();
        all.push(Asked { variant: Variant::Task(settings), not_applicable });
    }
    Ok(all)
}

/// Whether the task accepts its settings with those of `changed` in their place.
fn check_values(changed: &Node, of: &Of<'_>, registered: &Registered) -> Result<(), Diagnostic> {
    let kind = &registered.tasks[of.index];
    let mut config = of.task.config.clone();
    if let (Some(config), Some(changed)) = (config.as_object_mut(), changed.to_settings().as_object()) {
        // An absent setting is written as null, which a file would not have.
        config.retain(|_, value| !value.is_null());
        config.extend(changed.clone());
    }
    let refuse = |error: datasets::ConfigError| {
        let mut tree = of.settings.clone();
        tree.merge(changed);
        let owner = format!("task `{}`", of.entry.name);
        let source = SettingsSource { owner, tree: &tree, at: changed.at, schema: (kind.schema)() };
        source.error(&error.field, &error.message).note("with the settings under `evaluate`")
    };
    let resolved = (kind.resolve)(&config).map_err(refuse)?;
    (kind.build)(&resolved).map_err(refuse).map(drop)
}
