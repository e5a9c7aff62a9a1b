//! Every task by name.

use schemars::Schema;
use serde_json::Value;

use crate::config::ConfigError;
use crate::task::{Info, Task, TaskDefinition};
use crate::tasks::{images, language, synthetic, time_series};

/// One line of the registry: a task definition with its types erased.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Name, summary and source.
    pub info: Info,
    /// JSON schema of the settings.
    pub schema: fn() -> Schema,
    /// Fill in every default, or say which field is wrong.
    pub resolve: fn(&Value) -> Result<Value, ConfigError>,
    /// Make the task.
    pub build: fn(&Value) -> Result<Box<dyn Task>, ConfigError>,
}

/// The tasks of the Long Range Arena, which come first in every list.
const LONG_RANGE_ARENA: [&str; 6] = ["listops", "text", "retrieval", "image", "pathfinder", "pathx"];

/// Every task, in the order of `bench list tasks`.
pub fn entries() -> Vec<Entry> {
    let place = |entry: &Entry| LONG_RANGE_ARENA.iter().position(|&name| name == entry.info.name);
    let mut entries = [images::entries(), time_series::entries(), language::entries(), synthetic::entries()].concat();
    entries.sort_by_key(|entry| place(entry).unwrap_or(LONG_RANGE_ARENA.len()));
    entries
}

/// The task called `name`.
pub fn find(name: &str) -> Option<Entry> {
    entries().into_iter().find(|entry| entry.info.name == name)
}

/// The line of task `T`.
pub fn entry<T: TaskDefinition>() -> Entry {
    Entry {
        info: T::INFO,
        schema: || schemars::schema_for!(T::Config),
        resolve: |value| {
            let config: T::Config = parse(value)?;
            serde_json::to_value(config).map_err(|error| ConfigError::new("", error.to_string()))
        },
        build: |value| T::build(parse(value)?),
    }
}

fn parse<C: serde::de::DeserializeOwned>(value: &Value) -> Result<C, ConfigError> {
    serde_path_to_error::deserialize(value.clone()).map_err(|error| {
        let path = error.path().to_string();
        ConfigError::new(if path == "." { String::new() } else { path }, error.into_inner().to_string())
    })
}
