//! Tasks and their settings on the command line.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::exit::CliError;
use crate::experiment::{diagnostic::Diagnostic, yaml};

/// Tasks and their settings.
#[derive(Debug, Clone, Args)]
pub struct Tasks {
    /// Tasks, e.g. listops
    #[arg(value_name = "NAME", required = true)]
    pub(super) names: Vec<String>,
    /// A setting of the task, e.g. max_length=200; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
}

/// `KEY=VALUE` pairs as one JSON object; values are read as YAML.
pub(super) fn settings(pairs: &[String]) -> Result<Value, CliError> {
    let mut settings = Map::new();
    for pair in pairs {
        let (key, text) = pair
            .split_once('=')
            .ok_or_else(|| CliError::usage(format!("--set {pair}: write KEY=VALUE, e.g. --set length=200")))?;
        // As `bench run --set` reads it: a whole number is an integer, however it is written.
        let wrong = |diagnostic: Diagnostic| CliError::usage(format!("--set {pair}: {}", diagnostic.message));
        let value = match yaml::parse(text, 0, 0).map_err(wrong)? {
            Some(node) => node.check_numbers().map(|()| node.to_settings()).map_err(wrong)?,
            None => Value::Null,
        };
        let mut place = &mut settings;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                place.insert(part.to_owned(), value.clone());
                break;
            }
            let inner = place.entry(part).or_insert_with(|| json!({}));
            place = inner
                .as_object_mut()
                .ok_or_else(|| CliError::usage(format!("--set {pair}: `{part}` has a value already")))?;
        }
    }
    Ok(Value::Object(settings))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cli::exit::Exit;

    #[test]
    fn settings_are_nested_by_dots_and_read_as_yaml() {
        let pairs = ["length=20", "padding=right", "a.b=[1, 2]", "a.c=true"].map(str::to_owned);
        assert_eq!(
            settings(&pairs).unwrap(),
            json!({ "length": 20, "padding": "right", "a": { "b": [1, 2], "c": true } })
        );
        // Counts may be written in any way.
        let counts = ["a=1e1", "b=10.0", "c=1.5"].map(str::to_owned);
        assert_eq!(settings(&counts).unwrap(), json!({ "a": 10, "b": 10, "c": 1.5 }));
        for wrong in ["length", "a=1e400", "a=[1"] {
            assert_eq!(settings(&[wrong.to_owned()]).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
        assert_eq!(settings(&["a=1".to_owned(), "a.b=2".to_owned()]).unwrap_err().exit, Exit::Usage);
    }
}
