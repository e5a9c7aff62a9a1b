//! What the command line changes: `--set` puts values in the place of those in the file, `--only` chooses among its runs.

use super::expand::{GridPoint, RunDraft};
use super::registered::Registered;
use crate::experiment::raw::{Field, Only, RawExperiment, Setting, Target, matches};
use crate::experiment::{Diagnostic, Node, shorten, with_suggestion};

/// How paths begin that lead into the search.
const SEARCH: &str = "search.";

/// Apply one `--set`: put the value in, and take out whatever in the file would override it.
pub(super) fn apply(raw: &mut RawExperiment, setting: &Setting, registered: &Registered) -> Result<(), Diagnostic> {
    const PLAIN: [&str; 8] = ["name", "description", "source", "tuning", "scale", "missing", "seeds", "evaluate"];
    raw.seeds_given |= setting.path == "seeds";
    if setting.path == "evaluate" {
        let nothing = Node::empty(setting.at);
        raw.pair_settings.iter_mut().for_each(|rule| rule.evaluate.clone_from(&nothing));
    }
    if PLAIN.contains(&setting.path.as_str()) {
        return raw.set_plain(&setting.path, &setting.value);
    }
    if let Some(key) = setting.path.strip_prefix(SEARCH) {
        let nothing = || Diagnostic::at(setting.at, "the experiment has no `search`");
        return raw.search.as_mut().ok_or_else(nothing)?.set(key, setting.at, &setting.value);
    }
    let field = Field::parse(&setting.path, setting.at, &PLAIN)?;
    let having = registered.having(&field, setting.at)?;
    let (path, at, value) = (&field.path, setting.at, &setting.value);
    value.check_numbers()?;
    match field.target {
        Target::Training => {
            raw.training.set(path, at, value);
            for entry in raw.tasks.iter_mut().chain(&mut raw.baselines) {
                entry.training.remove(path);
            }
        }
        Target::Task => having.iter().for_each(|&i| raw.tasks[i].settings.set(path, at, value)),
        Target::Baseline => having.iter().for_each(|&i| raw.baselines[i].settings.set(path, at, value)),
    }
    for (target, node) in raw.pair_settings.iter_mut().flat_map(|rule| &mut rule.settings) {
        if *target == field.target {
            node.remove(path);
        }
    }
    let ranges = raw.search.iter().flat_map(|search| &search.ranges).map(|range| (&range.field, "the search"));
    let mut varied = raw.grid.iter().map(|axis| (&axis.field, "the grid")).chain(ranges);
    if let Some((outer, what)) = varied.find(|(outer, _)| **outer != field && outer.covers(&field)) {
        let message = format!("`{}` lies within `{}`, over which {what} runs", field.text(), outer.text());
        return Err(Diagnostic::at(setting.at, message).note(format!("set `{}` as a whole", outer.text())));
    }
    raw.grid.retain(|axis| !field.covers(&axis.field));
    if let Some(search) = &mut raw.search {
        search.ranges.retain(|range| !field.covers(&range.field));
    }
    Ok(())
}

/// Sources hold for the settings as written: say which ones the command line has changed.
pub(super) fn note_changes(raw: &mut RawExperiment, settings: &[Setting]) {
    let sourced = raw.source.is_some()
        || raw.baselines.iter().any(|entry| entry.source.is_some())
        || raw.pair_settings.iter().any(|rule| rule.source.is_some());
    let is_setting = |path: &&str| path.contains('.') && !path.starts_with(SEARCH);
    let changed: Vec<&str> = settings.iter().map(|setting| setting.path.as_str()).filter(is_setting).collect();
    if sourced && !changed.is_empty() {
        let note = format!("changed on the command line: {}", changed.join(", "));
        raw.source = Some(raw.source.take().map_or(note.clone(), |source| format!("{source}; {note}")));
    }
}

/// Refuse axes of the grid, and ranges of the search, over fields that no entry has.
pub(super) fn check_axes(raw: &RawExperiment, registered: &Registered) -> Result<(), Diagnostic> {
    for axis in &raw.grid {
        let having = registered.having(&axis.field, axis.at);
        having.map_err(|error| error.note("a grid needs a field that some run has"))?;
    }
    for range in raw.search.iter().flat_map(|search| &search.ranges) {
        let having = registered.having(&range.field, range.at);
        having.map_err(|error| error.note("a search needs a field that some run has"))?;
    }
    Ok(())
}

/// The `drafts` that `only` matches, by label or name.
///
/// # Errors
/// A pattern that matches none.
pub(super) fn select(mut drafts: Vec<RunDraft>, only: &Only) -> Result<Vec<RunDraft>, Diagnostic> {
    for (kind, pattern) in [("task", &only.task), ("baseline", &only.baseline)] {
        let Some((pattern, at)) = pattern else { continue };
        let words = |draft: &RunDraft| {
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
