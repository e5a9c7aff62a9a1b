//! Pairs of task and baseline: which ones, and the settings of them.

use wildmatch::WildMatch;

use super::Target;
use super::evaluate::evaluate;
use super::values::{known_keys, line, list, mapping, settings, text};
use crate::experiment::{Content, Diagnostic, Node, Position};

/// Which pairs of task and baseline.
#[derive(Debug, Clone)]
pub struct PairPattern {
    /// Position of the pattern.
    pub at: Position,
    /// Patterns of the task's label or name; none: every task.
    pub task: Vec<String>,
    /// Patterns of the baseline's label or name; none: every baseline.
    pub baseline: Vec<String>,
}

impl PairPattern {
    /// Whether the pair of a task and a baseline, each with label and name, is meant.
    pub fn is_met(&self, task: &[String], baseline: &[String]) -> bool {
        let fits =
            |patterns: &[String], words: &[String]| patterns.is_empty() || patterns.iter().any(|p| matches(p, words));
        fits(&self.task, task) && fits(&self.baseline, baseline)
    }

    pub(super) fn read(node: &Node, what: &str) -> Result<Self, Diagnostic> {
        let pairs = mapping(node, what)?;
        known_keys(pairs, what, &["task", "baseline"])?;
        if pairs.is_empty() {
            return Err(Diagnostic::at(node.at, format!("{what} is empty")).note("name a task, a baseline or both"));
        }
        let patterns = |key: &str| match node.get(key) {
            None => Ok(Vec::new()),
            Some(Node { content: Content::List(items), .. }) if !items.is_empty() => {
                items.iter().map(|item| text(item, key)).collect()
            }
            Some(value) => Ok(vec![text(value, key)?]),
        };
        Ok(Self { at: node.at, task: patterns("task")?, baseline: patterns("baseline")? })
    }
}

/// Settings of the pairs that match.
#[derive(Debug, Clone)]
pub struct PairSettings {
    /// The pairs.
    pub when: PairPattern,
    /// Where the settings come from.
    pub source: Option<String>,
    /// How they were tuned.
    pub tuning: Option<String>,
    /// Settings, each a mapping.
    pub settings: [(Target, Node); 3],
    /// What is evaluated, a mapping.
    pub evaluate: Node,
}

/// Whether `pattern` (`*` any text, `?` one character) matches one of `words`.
pub fn matches(pattern: &str, words: &[String]) -> bool {
    let pattern = WildMatch::new(pattern);
    words.iter().any(|word| pattern.matches(word))
}

pub(super) fn pair_settings(value: &Node) -> Result<Vec<PairSettings>, Diagnostic> {
    const KEYS: [&str; 7] = ["when", "source", "tuning", "training", "task", "baseline", "evaluate"];
    let mut rules = Vec::new();
    for item in list(value, "cells", "[{when: {baseline: lstm}, training: {epochs: 20}}]")? {
        let pairs = mapping(item, "a rule under `cells`")?;
        known_keys(pairs, "a rule under `cells`", &KEYS)?;
        let Some(when) = item.get("when") else {
            return Err(Diagnostic::at(item.at, "this rule has no `when`")
                .note("write `when: {task: PATTERN, baseline: PATTERN}`, one or both"));
        };
        let part = |target: Target| match item.get(target.name()) {
            Some(value) => settings(value, target.name()).map(|node| (target, node)),
            None => Ok((target, Node::empty(item.at))),
        };
        rules.push(PairSettings {
            when: PairPattern::read(when, "`when`")?,
            source: item.get("source").map(|value| line(value, "source")).transpose()?,
            tuning: item.get("tuning").map(|value| line(value, "tuning")).transpose()?,
            settings: [part(Target::Training)?, part(Target::Task)?, part(Target::Baseline)?],
            evaluate: item.get("evaluate").map_or(Ok(Node::empty(item.at)), evaluate)?,
        });
    }
    Ok(rules)
}
