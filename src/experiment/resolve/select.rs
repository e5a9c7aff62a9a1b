//! `--only`: which cells of an experiment.

use super::expand::{CellDraft, GridPoint};
use crate::experiment::arguments::Only;
use crate::experiment::diagnostic::{Diagnostic, shorten, with_suggestion};
use crate::experiment::raw::matches;

/// The `drafts` that `only` matches, by label or name.
///
/// # Errors
/// A pattern that matches none.
pub(super) fn select(mut drafts: Vec<CellDraft>, only: &Only) -> Result<Vec<CellDraft>, Diagnostic> {
    for (kind, pattern) in [("task", &only.task), ("baseline", &only.baseline)] {
        let Some((pattern, at)) = pattern else { continue };
        let words = |draft: &CellDraft| {
            let GridPoint { task, baseline, pair, .. } = &*draft.point;
            let (label, [before, name]) = match kind {
                "task" => (&task.label, &pair.task_words),
                _ => (&baseline.label, &pair.baseline_words),
            };
            [label.clone(), before.clone(), name.clone()]
        };
        let mut labels: Vec<String> = Vec::new();
        for draft in &drafts {
            let [label, ..] = words(draft);
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        drafts.retain(|draft| matches(pattern, &words(draft)));
        if drafts.is_empty() {
            let message = format!("no {kind} matches `{}`", shorten(pattern));
            return Err(Diagnostic::at(*at, with_suggestion(message, pattern, labels.iter().map(String::as_str)))
                .accepted(&format!("{kind}s"), &labels)
                .note("patterns may hold `*` and `?`"));
        }
    }
    Ok(drafts)
}
