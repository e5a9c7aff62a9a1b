//! The settings of a run (of its training, its task and its baseline), and their errors, each at the key or value in the file
//! that caused it.
//!
//! What refuses a setting gives its path and a reason. The place comes from the path in the tree of the file, and what is
//! wrong there from the tree and the schema of the settings, so that neither hangs on the words of a library. The reason is
//! said as it is where types and keys are right.

use std::collections::HashMap;
use std::sync::Arc;

use baselines::registry::Entry;
use schemars::{Schema, schema_for};

use crate::experiment::raw::{RawEntry, unknown_key};
use crate::experiment::schema::SchemaPart;
use crate::experiment::yaml::Lookup;
use crate::experiment::{Content, Diagnostic, Node, Position, RunBaseline, RunTask, Scale, Training};
use crate::experiment::{scale, shorten, with_suggestion};

/// The training settings of `tree`.
///
/// # Errors
/// The setting that does not hold.
pub(super) fn resolve_training(tree: &Node) -> Result<Training, Diagnostic> {
    let refuse = |path: &str, reason: &str| {
        let schema = schema_for!(Training);
        SettingsSource { owner: "training".into(), tree, at: tree.at, schema }.error(path, reason)
    };
    let training: Training = serde_path_to_error::deserialize(tree.to_settings())
        .map_err(|error| refuse(&error.path().to_string(), &error.inner().to_string()))?;
    training.validate().map_err(|error| refuse(error.field, &error.message))?;
    Ok(training)
}

/// The baseline of `entry` with the settings of `tree`.
///
/// # Errors
/// The setting that does not hold.
pub(super) fn resolve_baseline(entry: &RawEntry, tree: &Node, kind: &Entry) -> Result<RunBaseline, Diagnostic> {
    let refuse = |error: baselines::BuildError| {
        SettingsSource::of_baseline(&entry.name, tree, entry.at, kind).error(&error.field, &error.message)
    };
    let config = (kind.resolve)(&tree.to_settings()).map_err(refuse)?;
    let label = match &entry.label {
        Some((label, _)) => label.clone(),
        None => (kind.label)(&config).map_err(refuse)?,
    };
    Ok(RunBaseline { name: entry.name.clone(), label, config, entry: kind.clone() })
}

/// Tasks that were configured, each with the number of training samples that it has in full.
#[derive(Default)]
pub(super) struct TaskCache(HashMap<String, (RunTask, usize)>);

impl TaskCache {
    /// The task of `entry` with the settings of `tree` at `scale`, and the number of training samples that it has in full.
    ///
    /// # Errors
    /// The setting that does not hold.
    pub(super) fn resolve(
        &mut self,
        entry: &RawEntry,
        tree: &Node,
        kind: &datasets::registry::Entry,
        scale: Scale,
    ) -> Result<(RunTask, usize), Diagnostic> {
        let settings = tree.to_settings();
        let key = format!("{} {:?} {settings}", entry.name, entry.label.as_ref().map(|(label, _)| label));
        if let Some(found) = self.0.get(&key) {
            return Ok(found.clone());
        }
        let refuse = |error: datasets::ConfigError| {
            let owner = format!("task `{}`", entry.name);
            SettingsSource { owner, tree, at: entry.at, schema: (kind.schema)() }.error(&error.field, &error.message)
        };
        let mut config = (kind.resolve)(&settings).map_err(refuse)?;
        let mut task = (kind.build)(&config).map_err(refuse)?;
        let samples = task.spec().splits.train;
        if let Some(most) = scale::samples(scale, task.spec()) {
            let cut = scale::cut(&config, most);
            if cut != config {
                task = (kind.build)(&cut).map_err(refuse)?;
                config = cut;
            }
            task = scale::limit(scale, task);
        }
        let task: Arc<dyn datasets::Task> = Arc::from(task);
        let label = entry.label.as_ref().map_or_else(|| task.spec().name.clone(), |(label, _)| label.clone());
        let resolved = RunTask { name: entry.name.clone(), label, config, task };
        self.0.insert(key, (resolved.clone(), samples));
        Ok((resolved, samples))
    }
}

/// The settings of a task, a baseline or a training in the file.
pub(super) struct SettingsSource<'a> {
    /// Task, baseline or training, e.g. ``task `line` ``.
    pub(super) owner: String,
    /// As written and merged.
    pub(super) tree: &'a Node,
    /// Position of the entry that they belong to.
    pub(super) at: Position,
    /// The schema of the settings.
    pub(super) schema: Schema,
}

impl<'a> SettingsSource<'a> {
    /// Settings of the baseline `name`, whose entry is at `at`.
    pub(super) fn of_baseline(name: &str, tree: &'a Node, at: Position, entry: &Entry) -> Self {
        Self { owner: format!("baseline `{name}`"), tree, at, schema: (entry.schema)() }
    }

    /// The error for the setting at `path` (keys and indices, `kernel.sizes[1]`; empty for the whole), refused for `reason`.
    pub(super) fn error(&self, path: &str, reason: &str) -> Diagnostic {
        let path = segments(path);
        let mut part = SchemaPart::of(&self.schema);
        for (depth, key) in path.iter().enumerate() {
            let found = self.tree.find(&path[..=depth]);
            if let Some(at) = found.key_at.filter(|_| found.complete && !part.allows(key)) {
                return self.unknown(key, at, &path[..depth], &part);
            }
            part = part.get(key);
        }
        let found = self.tree.find(&path);
        let inner = found.node.pairs().iter().find(|pair| found.complete && !part.allows(&pair.key));
        if let Some(pair) = inner {
            return self.unknown(&pair.key, pair.at, &path, &part);
        }
        let missing = part.required().find(|key| found.complete && found.node.get(key).is_none());
        if let Some(key) = missing {
            return Diagnostic::at(self.at, format!("{} needs a value for `{key}`", self.owner));
        }
        self.wrong_value(&path.join("."), found, &part, reason)
    }

    fn unknown(&self, key: &str, at: Position, parents: &[String], part: &SchemaPart<'_>) -> Diagnostic {
        let place = match parents {
            [] => self.owner.clone(),
            parents => format!("`{}` of {}", parents.join("."), self.owner),
        };
        unknown_key(key, at, &place, &part.keys())
    }

    /// The error for the value at `name`, as far as it was `found`.
    fn wrong_value(&self, name: &str, found: Lookup<'_>, part: &SchemaPart<'_>, reason: &str) -> Diagnostic {
        let owner = &self.owner;
        if !found.complete || name.is_empty() {
            let message = match name {
                "" => format!("{owner}: {reason}"),
                baselines::init::WHOLE => format!("{owner}: the network {reason}"),
                name => format!("`{name}` (its default) of {owner}: {reason}"),
            };
            return Diagnostic::at(self.at, message);
        }
        let (value, at) = (found.node, found.node.at);
        if let (Some(words), Content::Text(text)) = (part.words(), &value.content)
            && !words.contains(&text.as_str())
        {
            let message = format!("`{name}` of {owner} cannot be `{}`", shorten(text));
            return Diagnostic::at(at, with_suggestion(message, text, words.iter().copied()))
                .accepted("values", &words);
        }
        // Where the schema says more than a type, the settings' own reader says in words what it expects.
        let expected = match part.expected() {
            Some(expected) => Some(expected).filter(|_| !part.has_type(value)),
            None => reason.rsplit_once(", expected ").map(|(_, expected)| expected.to_owned()),
        };
        let Some(expected) = expected else {
            return Diagnostic::at(at, format!("`{name}` of {owner}: {reason}"));
        };
        let message = format!("`{name}` of {owner} must be {expected}; found {}", value.describe());
        let wrong = Diagnostic::at(at, message);
        match value.content {
            Content::Number(_) if expected == "text" => wrong.note("put it in quotes, if text is meant"),
            _ => wrong,
        }
    }
}

/// The keys and indices of a path such as `kernel.sizes[1]`.
fn segments(path: &str) -> Vec<String> {
    let parts = path.split(['.', '[', ']']);
    parts.filter(|part| !part.is_empty() && *part != "?").map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use schemars::{JsonSchema, schema_for};
    use serde::Deserialize;

    use super::*;
    use crate::experiment::yaml::parse;

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only their types matter")]
    struct Settings {
        size: u32,
        #[serde(default)]
        kind: Option<Kind>,
        #[serde(default)]
        inner: Inner,
        #[serde(default)]
        path: String,
    }

    #[derive(Default, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    #[allow(dead_code, reason = "only their types matter")]
    struct Inner {
        rates: [f64; 2],
        sizes: Vec<u8>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        /// One.
        Plain,
        /// Another.
        Fancy,
    }

    /// Message and place of the error of `text` for the path that serde gives, and for `reason`, or serde's where there is none.
    fn error(text: &str, reason: Option<&str>) -> Diagnostic {
        let tree = parse(text, 0, 0).unwrap().unwrap();
        let read: Result<Settings, _> = serde_path_to_error::deserialize(tree.to_settings());
        let refused = read.err().unwrap();
        let (path, said) = (refused.path().to_string(), refused.into_inner().to_string());
        let at = Position { source: 0, line: 1, column: 1, width: 1 };
        let source = SettingsSource { owner: "this".into(), tree: &tree, at, schema: schema_for!(Settings) };
        source.error(&path, reason.unwrap_or(&said))
    }

    /// A release of serde that words its errors in another way moves no place and costs no hint.
    #[test]
    fn places_and_messages_do_not_hang_on_the_words_of_serde() {
        let cases = [
            ("size: 1\nsice: 2\n", 2, 1, "unknown key `sice` in this; did you mean `size`?"),
            ("size: 1\ninner:\n  rate: 2\n", 3, 3, "unknown key `rate` in `inner` of this; did you mean `rates`?"),
            ("size: ten\n", 1, 7, "`size` of this must be a whole number, 0 or more; found text `ten`"),
            ("size: 99999999999\n", 1, 7, "`size` of this must be a whole number, 0 or more; found number 99999999999"),
            ("size:\n", 1, 1, "`size` of this must be a whole number, 0 or more; found nothing"),
            ("size: 1\nkind: fanci\n", 2, 7, "`kind` of this cannot be `fanci`; did you mean `fancy`?"),
            ("size: 1\nkind: 7\n", 2, 7, "`kind` of this must be text; found number 7"),
            ("size: 1\npath: 7\n", 2, 7, "`path` of this must be text; found number 7"),
            ("size: 1\ninner: 7\n", 2, 8, "`inner` of this must be a mapping of keys to values; found number 7"),
            ("size: 1\ninner: {rates: [1]}\n", 2, 16, "`inner.rates` of this must be a list of 2; found a list of 1"),
            (
                "size: 1\ninner: {rates: [1, 2, 3]}\n",
                2,
                16,
                "`inner.rates` of this must be a list of 2; found a list of 3",
            ),
            ("size: 1\ninner: {sizes: 7}\n", 2, 16, "`inner.sizes` of this must be a list; found number 7"),
            (
                "size: 1\ninner: {sizes: [7, 256]}\n",
                2,
                20,
                "`inner.sizes.1` of this must be a whole number, 0 or more; found number 256",
            ),
            ("kind: plain\n", 1, 1, "this needs a value for `size`"),
        ];
        for (text, line, column, message) in cases {
            let usual = error(text, None);
            let place = usual.at.unwrap();
            assert_eq!((place.line, place.column, usual.message.as_str()), (line, column, message), "{text}");
            for reworded in ["", "no", "what `stands` here is not what I expected", "unknown field `size`"] {
                assert_eq!(error(text, Some(reworded)), usual, "{text}: {reworded}");
            }
        }
    }
}
