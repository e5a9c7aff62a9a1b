//! What to evaluate: the one task and baseline that the checkpoint's record, its file name and the arguments describe; and how
//! that differs from the run that wrote the checkpoint.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};
use vocabulary::record::{RunRecord, State};

use super::{EvalError, Request};
use crate::experiment::{Overrides, Run, load_text, scale, shorten, with_suggestion};
use crate::files::{run_folder, weights::Own};
use crate::origin::file_name::Named;
use crate::registry::Registry;

/// Whether there are a task and a baseline of the names that were given.
pub(super) fn check_names(request: &Request<'_>, registry: &Registry) -> Result<(), EvalError> {
    let tasks: Vec<&str> = registry.task_names().collect();
    let baselines: Vec<&str> = registry.baseline_names().collect();
    for (what, given, known) in [("task", request.task, tasks), ("baseline", request.baseline, baselines)] {
        if let Some(name) = given.filter(|name| !known.contains(name)) {
            let message = format!("--{what}: unknown {what} `{}`", shorten(name));
            let message = with_suggestion(message, name, known.iter().copied());
            return Err(EvalError::Unknown { message, what, known: known.join(", ") });
        }
    }
    Ok(())
}

/// The one run that the checkpoint's record, its file name and the arguments describe.
pub(super) fn resolve(
    request: &Request<'_>,
    record: Option<&RunRecord>,
    named: Option<&Named>,
    registry: &Registry,
) -> Result<Run, EvalError> {
    let unnamed = |what| EvalError::Unnamed { checkpoint: request.checkpoint.to_owned(), what };
    let task = record.map(|r| Recorded { name: &r.task.name, config: &r.task.config });
    let mut task_part = part(request.task, task).ok_or_else(|| unnamed("task"))?;
    let baseline = record.map(|r| Recorded { name: &r.baseline.name, config: &r.baseline.config });
    let mut baseline_part = part(request.baseline, baseline).ok_or_else(|| unnamed("baseline"))?;
    if let Some(named) = named {
        named.fill(&mut task_part, &mut baseline_part);
    }
    // JSON is YAML, so the settings go the way of every experiment file, `--set` and its suggestions included.
    let text = serde_json::json!({ "tasks": [task_part], "baselines": [baseline_part] }).to_string();
    let overrides = Overrides { set: request.set.to_vec(), ..Overrides::default() };
    let plan = load_text("arguments", text, &overrides, registry)?;
    let mut run = plan.runs.into_iter().next().ok_or_else(|| unnamed("task"))?;
    // The label of a record may be one that a file could not give.
    if let Some(record) = record {
        if record.task.name == run.task.name {
            run.task.label.clone_from(&record.task.label);
        }
        if record.baseline.name == run.baseline.name {
            run.baseline.label.clone_from(&record.baseline.label);
        }
    }
    if let Some(record) = record.filter(|_| request.at_scale) {
        let entry = registry.find_task(&run.task.name).ok_or_else(|| unnamed("task"))?;
        let task = (entry.build)(&run.task.config).map_err(|error| EvalError::Task { reason: error.to_string() })?;
        run.task.task = Arc::from(scale::limit(record.scale, task));
    }
    match &run.not_applicable {
        Some(reason) => Err(EvalError::NotApplicable {
            baseline: run.baseline.name.clone(),
            task: run.task.name.clone(),
            reason: reason.clone(),
        }),
        None => Ok(run),
    }
}

/// A task or baseline in the record of a run.
#[derive(Clone, Copy)]
struct Recorded<'a> {
    name: &'a str,
    config: &'a Value,
}

/// Name and settings of the task or baseline: those of the run's record, unless another one is named.
fn part(named: Option<&str>, recorded: Option<Recorded<'_>>) -> Option<Map<String, Value>> {
    let recorded = recorded.filter(|recorded| named.is_none_or(|name| name == recorded.name));
    let name = named.or(recorded.map(|recorded| recorded.name))?;
    let mut all = Map::from_iter([("name".to_owned(), Value::from(name))]);
    if let Some(Recorded { config, .. }) = recorded {
        all.extend(without_null(config));
    }
    Some(all)
}

/// The run whose folder a checkpoint lies in.
pub(super) struct SourceRun {
    /// Its folder.
    pub(super) folder: PathBuf,
    /// Its record.
    pub(super) record: RunRecord,
}

impl SourceRun {
    /// How the samples, which have the hash `data_hash`, differ from those of training.
    pub(super) fn about_samples(&self, run: &Run, data_hash: &str) -> Option<String> {
        let (then, now) = (&self.record.task, run.spec());
        if then.name != run.task.name {
            return Some(format!("the weights are of training on {}", then.label));
        }
        if then.version != now.version {
            return Some(format!(
                "training was on version {} of the task, these samples are of version {}",
                then.version, now.version
            ));
        }
        // Other settings are other samples, and the settings say so.
        let same = without_null(&then.config) == without_null(&run.task.config);
        let before = then.data_hash.as_deref().filter(|before| same && *before != data_hash)?;
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        Some(format!(
            "the data are not those of training: their hash is {}, then it was {}",
            short(data_hash),
            short(before)
        ))
    }

    /// Where training stood, unless it came to its end.
    pub(super) fn about_run(&self, own: &Own) -> Option<String> {
        if own.run_hash != self.record.hash {
            return Some(
                "the checkpoint was written under another configuration than that of the run it lies in, whose settings \
                 are used here"
                    .to_owned(),
            );
        }
        let epoch = own.position.epoch;
        let of = self.record.training["epochs"].as_u64().map(|all| format!(" of {all}")).unwrap_or_default();
        let status = run_folder::read_status(&self.folder).ok().flatten()?;
        match (status.state, status.reason) {
            (State::Done, None) => None,
            (State::Done, Some(reason)) => {
                Some(format!("training ended early ({reason}): the weights are of epoch {epoch}{of} at the latest"))
            }
            (state, _) => Some(format!(
                "the run is {}, not done: the weights are of epoch {epoch}{of} at the latest",
                state.name()
            )),
        }
    }
}

/// The settings of `config` that are there: an absent one is written as null, which a file would not have.
fn without_null(config: &Value) -> Map<String, Value> {
    let fields = config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    fields.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_of_the_run_hold_unless_another_is_named() {
        let config = json!({"hidden": 8, "limit": null});
        let own = Some(Recorded { name: "rnn", config: &config });
        let whole = |named, own| part(named, own).map(Value::Object);
        assert_eq!(whole(None, own), Some(json!({"name": "rnn", "hidden": 8})));
        assert_eq!(whole(Some("rnn"), own), whole(None, own));
        assert_eq!(whole(Some("gru"), own), Some(json!({"name": "gru"})));
        assert_eq!(whole(None, None), None);
    }
}
