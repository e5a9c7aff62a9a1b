//! A task with its types erased.

use schemars::Schema;
use serde_json::Value;

use crate::config::ConfigError;
use crate::samples::control::{Controls, control};
use crate::task::{Info, Task, TaskDefinition};

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

/// The line of task `T`, whose settings those of [`Controls`] join.
pub fn entry<T: TaskDefinition>() -> Entry {
    Entry {
        info: T::INFO,
        schema: || {
            let mut schema = schemars::schema_for!(T::Config);
            Controls::describe(&mut schema);
            schema
        },
        resolve: |value| {
            let (own, controls) = Controls::take(value)?;
            let config: T::Config = parse(&own)?;
            let mut resolved = serde_json::to_value(config).map_err(|error| ConfigError::new("", error.to_string()))?;
            controls.write(&mut resolved);
            Ok(resolved)
        },
        build: |value| {
            let (own, controls) = Controls::take(value)?;
            control(T::build(parse(&own)?)?, controls)
        },
    }
}

fn parse<C: serde::de::DeserializeOwned>(value: &Value) -> Result<C, ConfigError> {
    serde_path_to_error::deserialize(value.clone()).map_err(|error| {
        let path = error.path().to_string();
        ConfigError::new(if path == "." { String::new() } else { path }, error.into_inner().to_string())
    })
}
