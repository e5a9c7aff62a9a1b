//! What to evaluate: the one task and baseline that the checkpoint's record, its file name and the arguments describe.

use serde_json::{Map, Value};
use vocabulary::record::RunRecord;

use super::error::EvalError;
use super::request::Request;
use crate::experiment::diagnostic::{shorten, with_suggestion};
use crate::experiment::{Cell, Overrides, load_text};
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
) -> Result<Cell, EvalError> {
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
    let mut cell = plan.cells.into_iter().next().ok_or_else(|| unnamed("task"))?;
    // The label of a record may be one that a file could not give.
    if let Some(record) = record {
        if record.task.name == cell.task.name {
            cell.task.label.clone_from(&record.task.label);
        }
        if record.baseline.name == cell.baseline.name {
            cell.baseline.label.clone_from(&record.baseline.label);
        }
    }
    match &cell.not_applicable {
        Some(reason) => Err(EvalError::NotApplicable {
            baseline: cell.baseline.name.clone(),
            task: cell.task.name.clone(),
            reason: reason.clone(),
        }),
        None => Ok(cell),
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
        // An absent setting is written as null, which a file would not have.
        let config = config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        all.extend(config.map(|(key, value)| (key.clone(), value.clone())));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_of_the_cell_hold_unless_another_is_named() {
        let config = json!({"hidden": 8, "limit": null});
        let own = Some(Recorded { name: "rnn", config: &config });
        let whole = |named, own| part(named, own).map(Value::Object);
        assert_eq!(whole(None, own), Some(json!({"name": "rnn", "hidden": 8})));
        assert_eq!(whole(Some("rnn"), own), whole(None, own));
        assert_eq!(whole(Some("gru"), own), Some(json!({"name": "gru"})));
        assert_eq!(whole(None, None), None);
    }
}
