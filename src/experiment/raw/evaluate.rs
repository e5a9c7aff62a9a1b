//! `evaluate`: what trained networks are judged on beside the test split of their task.

use super::values::{known_keys, mapping, mapping_or_nothing};
use crate::experiment::{Content, Diagnostic, Node, shorten};

const RESAMPLE: &str = "resample";
const TASKS: &str = "tasks";

/// Keys of an entry in a file that are no settings of its task.
const OUTER: [&str; 3] = ["name", "label", "training"];

/// A resolution, in samples per axis relative to a task's: a number or a quotient, such as 1/3.
///
/// # Errors
/// No number, or one that is not from 1/64 to 64.
pub fn resolution(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| format!("`{}` is not a number", shorten(text)));
    let value = match text.split_once('/') {
        Some((above, below)) => number(above)? / number(below)?,
        None => number(text)?,
    };
    let allowed = 1.0 / 64.0..=64.0;
    if allowed.contains(&value) { Ok(value) } else { Err("must be from 1/64 to 64".into()) }
}

/// Check the mapping `node`, the value of `evaluate`, and return it.
pub(super) fn evaluate(node: &Node) -> Result<Node, Diagnostic> {
    let pairs = mapping_or_nothing(node, "evaluate")?;
    known_keys(pairs, "`evaluate`", &[RESAMPLE, TASKS])?;
    let tree = Node { at: node.at, content: Content::Map(pairs.to_vec()) };
    resolutions(&tree)?;
    task_settings(&tree)?;
    Ok(tree)
}

/// The resolutions of a checked `evaluate`.
pub fn resolutions(tree: &Node) -> Result<Vec<f64>, Diagnostic> {
    let mut found = Vec::new();
    for item in items(tree, RESAMPLE, "[0.5, 1, 2]")? {
        let text = match &item.content {
            Content::Number(number) => &number.written,
            Content::Text(text) => text,
            _ => {
                let message = format!("a resolution is a number or a quotient such as 1/3; found {}", item.describe());
                return Err(Diagnostic::at(item.at, message));
            }
        };
        let value = resolution(text)
            .map_err(|reason| Diagnostic::at(item.at, format!("the resolution `{}`: {reason}", shorten(text))))?;
        if found.contains(&value) {
            return Err(Diagnostic::at(item.at, format!("it stands twice under `{RESAMPLE}`")));
        }
        found.push(value);
    }
    Ok(found)
}

/// The settings of tasks in a checked `evaluate`, each a mapping that is not empty.
pub fn task_settings(tree: &Node) -> Result<&[Node], Diagnostic> {
    let all = items(tree, TASKS, "[{length: 512}, {length: 1024}]")?;
    for (index, item) in all.iter().enumerate() {
        item.check_numbers()?;
        let pairs = mapping(item, "what stands under `tasks` of `evaluate`")?;
        if let Some(pair) = pairs.iter().find(|pair| OUTER.contains(&pair.key.as_str())) {
            let message = format!("`{}` is no setting of a task", pair.key);
            return Err(Diagnostic::at(pair.at, message)
                .note("these are settings laid over those of the task that a network was trained on; a rule under `cells` can give its own to a task"));
        }
        if pairs.is_empty() {
            return Err(Diagnostic::at(item.at, "no setting is changed").note("e.g. {length: 512}"));
        }
        if all[..index].iter().any(|other| other.to_settings() == item.to_settings()) {
            return Err(Diagnostic::at(item.at, format!("it stands twice under `{TASKS}`")));
        }
    }
    Ok(all)
}

/// The list at `key`; nothing where it is not there. An empty one takes back what the experiment says for all.
fn items<'a>(tree: &'a Node, key: &str, example: &str) -> Result<&'a [Node], Diagnostic> {
    match tree.get(key) {
        None => Ok(&[]),
        Some(Node { content: Content::List(items), .. }) => Ok(items),
        Some(other) => {
            let message = format!("`{key}` of `evaluate` must be a list; found {}", other.describe());
            Err(Diagnostic::at(other.at, message).note(format!("e.g. {key}: {example}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolutions_are_numbers_and_quotients() {
        assert_eq!(resolution("0.5"), Ok(0.5));
        assert_eq!(resolution("1/4"), Ok(0.25));
        for wrong in ["0", "-1", "65", "nan", "1/0", "half", ""] {
            assert!(resolution(wrong).is_err(), "{wrong}");
        }
    }
}
