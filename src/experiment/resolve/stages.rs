//! `training.initial_task`: runs that begin with the weights of other runs of the experiment.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::expand::{GridPoint, RunDraft};
use crate::experiment::{Diagnostic, Position, shorten, with_suggestion};

/// Let every draft of another task's weights know the run that it begins with.
///
/// # Errors
/// A task that no draft of the same baseline, grid and seed is of, or runs that wait for each other.
pub(super) fn link(drafts: &mut [RunDraft], tasks: &[String]) -> Result<(), Diagnostic> {
    let ids: HashMap<String, String> =
        drafts.iter().map(|draft| (key(draft, &draft.point.task.label), draft.id.clone())).collect();
    for draft in drafts.iter_mut() {
        let Some(task) = &draft.point.training.initial_task else { continue };
        let found = ids.get(&key(draft, task)).cloned();
        draft.after = Some(found.ok_or_else(|| nothing_to_begin_with(&draft.point, task, tasks))?);
    }
    check_order(drafts)
}

/// What a run shares with the one that it begins with, but for the task.
fn key(draft: &RunDraft, task: &str) -> String {
    let GridPoint { baseline, grid, .. } = &*draft.point;
    format!("{task} {} {} {}", baseline.label, serde_json::json!(grid), draft.seed)
}

fn nothing_to_begin_with(point: &GridPoint, task: &str, tasks: &[String]) -> Diagnostic {
    let at = place(point);
    if !tasks.iter().any(|label| label == task) {
        let message = format!("`initial_task` names no task of the experiment: `{}`", shorten(task));
        let tasks = tasks.iter().map(String::as_str);
        return Diagnostic::at(at, with_suggestion(message, task, tasks.clone()))
            .accepted("tasks", &tasks.collect::<Vec<_>>());
    }
    let GridPoint { task: own, baseline, .. } = point;
    let message = format!(
        "`{}` on `{}` would begin with its weights on `{task}`, which it has none on",
        baseline.label, own.label
    );
    Diagnostic::at(at, message).note("`exclude` leaves that run out, or the grid varies it otherwise")
}

/// Refuse runs that wait for each other.
fn check_order(drafts: &[RunDraft]) -> Result<(), Diagnostic> {
    let after: BTreeMap<&str, &str> =
        drafts.iter().filter_map(|draft| Some((draft.id.as_str(), draft.after.as_deref()?))).collect();
    let mut in_order: HashSet<&str> = HashSet::new();
    for draft in drafts {
        let (mut id, mut way) = (draft.id.as_str(), Vec::new());
        while let Some(next) = after.get(id).filter(|_| !in_order.contains(id)) {
            if way.contains(&id) {
                let message = format!("`{id}` would begin with its own weights");
                let way = way.iter().skip_while(|first| **first != id).chain([&id]).copied().collect::<Vec<_>>();
                return Err(Diagnostic::at(place(&draft.point), message).note(way.join(" begins with ")));
            }
            way.push(id);
            id = next;
        }
        in_order.extend(way);
    }
    Ok(())
}

fn place(point: &GridPoint) -> Position {
    point.initial_task_at.unwrap_or(point.settings.at)
}
