//! The arguments that change an experiment: `--set`, `--only` and `--seeds`.

use serde_json::Value;

use super::values::seeds;
use crate::experiment::yaml::parse;
use crate::experiment::{Content, Diagnostic, Node, Position, Sources, shorten, with_suggestion};

/// Arguments that change an experiment.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--set PATH=VALUE`, in order.
    pub set: Vec<String>,
    /// `--only task=PATTERN,baseline=PATTERN`.
    pub only: Option<String>,
    /// `--seeds 0,1,2`.
    pub seeds: Option<String>,
}

/// `--set PATH=VALUE`, read.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Text before `=`.
    pub path: String,
    /// Position of the path.
    pub at: Position,
    /// The value.
    pub value: Node,
}

/// `--only task=PATTERN,baseline=PATTERN`, read.
#[derive(Debug, Clone, Default)]
pub struct Only {
    /// Pattern of the task's label or name, and its position.
    pub task: Option<(String, Position)>,
    /// Pattern of the baseline's label or name, and its position.
    pub baseline: Option<(String, Position)>,
}

/// The value of a setting as `--set` has it: a whole number is an integer, however it is written.
///
/// # Errors
/// Text that is no YAML, or a number that is not finite; in words.
pub fn setting_value(text: &str) -> Result<Value, String> {
    let read = |node: Node| node.check_numbers().map(|()| node.to_settings());
    parse(text, 0, 0).and_then(|node| node.map_or(Ok(Value::Null), read)).map_err(|diagnostic| diagnostic.message)
}

/// Read `PATH=VALUE`.
pub fn setting(argument: &str, sources: &mut Sources) -> Result<Setting, Diagnostic> {
    let source = sources.argument("--set", argument.to_owned());
    let at = |column: usize, width: usize| Position { source, line: 1, column, width: width.max(1) };
    let Some((path, value)) = argument.split_once('=') else {
        return Err(Diagnostic::at(at(1, argument.chars().count()), "expected PATH=VALUE")
            .note("e.g. --set training.epochs=20"));
    };
    let before = path.chars().count() + 1;
    let node = parse(value, source, before)?;
    let value = node.unwrap_or(Node { at: at(before + 1, 1), content: Content::Null });
    Ok(Setting { path: path.trim().to_owned(), at: at(1, before - 1), value })
}

/// Read `0,1,2`.
pub fn seeds_argument(argument: &str, sources: &mut Sources) -> Result<Vec<u64>, Diagnostic> {
    let source = sources.argument("--seeds", argument.to_owned());
    let at = Position { source, line: 1, column: 1, width: argument.chars().count().max(1) };
    let list = argument.trim().trim_start_matches('[').trim_end_matches(']');
    let node = parse(&format!("[{list}]"), source, 0)
        .map_err(|_| Diagnostic::at(at, "expected seeds separated by commas").note("e.g. --seeds 0,1,2"))?;
    // The brackets are ours, so that columns within would be off by one: point at the whole argument.
    seeds(&node.unwrap_or(Node::empty(at))).map_err(|diagnostic| Diagnostic { at: Some(at), ..diagnostic })
}

/// Read `task=PATTERN,baseline=PATTERN`.
pub fn only(argument: &str, sources: &mut Sources) -> Result<Only, Diagnostic> {
    let source = sources.argument("--only", argument.to_owned());
    let mut only = Only::default();
    let mut column = 1;
    for part in argument.split(',') {
        let width = part.chars().count();
        let at = Position { source, line: 1, column, width: width.max(1) };
        column += width + 1;
        let example = "e.g. --only 'task=pathfinder*,baseline=ccnn*'";
        let Some((key, pattern)) = part.split_once('=').filter(|(_, pattern)| !pattern.trim().is_empty()) else {
            return Err(Diagnostic::at(at, "expected task=PATTERN or baseline=PATTERN").note(example));
        };
        let slot = match key.trim() {
            "task" => &mut only.task,
            "baseline" => &mut only.baseline,
            other => {
                let message = with_suggestion(format!("unknown key `{}`", shorten(other)), other, ["task", "baseline"]);
                return Err(Diagnostic::at(at, message).accepted("keys", &["task", "baseline"]).note(example));
            }
        };
        if slot.is_some() {
            return Err(
                Diagnostic::at(at, format!("`{}` stands twice", key.trim())).note("a pattern may hold `*` and `?`")
            );
        }
        *slot = Some((pattern.trim().to_owned(), at));
    }
    Ok(only)
}
