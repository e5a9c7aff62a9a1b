//! The tasks and baselines of an experiment.

use super::values::{check_label, line, list, settings, text};
use crate::experiment::{Content, Diagnostic, Node, Position};

/// A task or a baseline.
#[derive(Debug, Clone)]
pub struct RawEntry {
    /// Registry name.
    pub name: String,
    /// Position of the name.
    pub at: Position,
    /// Label, if one was given, and where.
    pub label: Option<(String, Position)>,
    /// Where the settings come from; of baselines alone, since `source` is a setting of some tasks.
    pub source: Option<String>,
    /// How the settings were tuned; of baselines alone, as well.
    pub tuning: Option<String>,
    /// Its settings: a mapping.
    pub settings: Node,
    /// Training settings with this task or baseline: a mapping.
    pub training: Node,
}

pub(super) fn entries(value: &Node, kind: &str) -> Result<Vec<RawEntry>, Diagnostic> {
    list(value, &format!("{kind}s"), &format!("[{{name: …}}]; `bench list {kind}s` names them"))?
        .iter()
        .map(|item| entry(item, kind))
        .collect()
}

fn entry(item: &Node, kind: &str) -> Result<RawEntry, Diagnostic> {
    let plain = |name: String, at| {
        let empty = Node::empty(item.at);
        RawEntry { name, at, label: None, source: None, tuning: None, settings: empty.clone(), training: empty }
    };
    let names = format!("`bench list {kind}s` names them");
    let pairs = match &item.content {
        Content::Text(name) => return Ok(plain(name.clone(), item.at)),
        Content::Map(pairs) => pairs,
        _ => {
            let message = format!("a {kind} is a name or a mapping with `name`; found {}", item.describe());
            return Err(Diagnostic::at(item.at, message).note(names));
        }
    };
    let Some(name) = item.get("name") else {
        return Err(Diagnostic::at(item.at, format!("this {kind} has no `name`")).note(names));
    };
    let mut entry = plain(text(name, "name")?, name.at);
    let mut own = Vec::new();
    for pair in pairs {
        match pair.key.as_str() {
            "name" => {}
            "label" => {
                let label = text(&pair.value, "label")?;
                check_label(&label, pair.value.at)?;
                entry.label = Some((label, pair.value.at));
            }
            "source" if kind == "baseline" => entry.source = Some(line(&pair.value, "source")?),
            "tuning" if kind == "baseline" => entry.tuning = Some(line(&pair.value, "tuning")?),
            "training" => entry.training = settings(&pair.value, "training")?,
            _ => {
                pair.value.check_numbers()?;
                own.push(pair.clone());
            }
        }
    }
    entry.settings.content = Content::Map(own);
    Ok(entry)
}

pub(super) fn distinct_labels(kind: &str, entries: &[RawEntry]) -> Result<(), Diagnostic> {
    for (index, entry) in entries.iter().enumerate() {
        let Some((label, at)) = &entry.label else { continue };
        let same = |(other, _): &&(String, Position)| other.eq_ignore_ascii_case(label);
        if let Some((_, first)) = entries[..index].iter().filter_map(|e| e.label.as_ref()).find(same) {
            let message = format!("two {kind} have the label `{label}`");
            return Err(Diagnostic::at(*at, message).first_at(*first));
        }
    }
    Ok(())
}
