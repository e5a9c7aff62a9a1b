//! Every task by name.

use schemars::Schema;
use serde_json::Value;

use crate::config::ConfigError;
use crate::task::{Info, Task, TaskDefinition};
use crate::tasks::images::{cifar, fashion, grey, mnist, stl10};
use crate::tasks::language::{char_lm, listops, retrieval, text};
use crate::tasks::pathfinder;
use crate::tasks::synthetic::{adding, copy};
use crate::tasks::time_series::{character_trajectories, fsdd, physionet2019, speech_commands};

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

/// Every task, in the order of `bench list tasks`.
pub fn entries() -> Vec<Entry> {
    vec![
        entry::<listops::ListOps>(),
        entry::<text::Text>(),
        entry::<retrieval::Retrieval>(),
        entry::<grey::Image>(),
        entry::<pathfinder::Pathfinder>(),
        entry::<pathfinder::PathX>(),
        entry::<mnist::Sequential>(),
        entry::<mnist::Permuted>(),
        entry::<fashion::Fashion>(),
        entry::<cifar::SequentialCifar10>(),
        entry::<cifar::NoisePaddedCifar10>(),
        entry::<cifar::Cifar10>(),
        entry::<cifar::Cifar100>(),
        entry::<stl10::Stl10>(),
        entry::<speech_commands::SpeechMfcc>(),
        entry::<speech_commands::SpeechRaw>(),
        entry::<fsdd::SpokenDigits>(),
        entry::<character_trajectories::CharacterTrajectories>(),
        entry::<physionet2019::Sepsis>(),
        entry::<char_lm::CharacterModel>(),
        entry::<adding::Adding>(),
        entry::<copy::Copying>(),
    ]
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
