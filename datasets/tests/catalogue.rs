//! Tasks and the catalogue agree about which task reads which data set.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use datasets::{DataError, Library, registry::entries};
use serde_json::{Value, json};

/// The set that `command` fetches.
fn fetched(command: &str) -> &str {
    command.strip_prefix("bench data fetch ").and_then(|rest| rest.split(' ').next()).expect(command)
}

/// Settings for `task`: those that have no default, and `more`.
fn settings(task: &str, more: &[(&str, Value)]) -> Value {
    let required = match task {
        "pathfinder" => vec![("resolution", json!(32)), ("difficulty", json!("hard"))],
        _ => vec![],
    };
    required.into_iter().chain(more.iter().cloned()).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Settings for `task` that read the files of the Long Range Arena.
fn released(task: &str) -> Value {
    settings(task, &[("source", json!("lra"))])
}

/// What `task`, with `settings`, says that it lacks in an empty folder: the set that its command fetches.
fn lacking(library: &Library, task: &str, settings: &Value) -> Option<String> {
    let entry = entries().into_iter().find(|entry| entry.info.name == task).unwrap();
    match (entry.build)(settings).expect(task).check(library) {
        Ok(()) => None,
        Err(DataError::Missing { command, .. }) => Some(fetched(&command).to_owned()),
        Err(error) => panic!("{task}: {error}"),
    }
}

#[test]
fn every_task_without_its_data_names_the_set_that_the_catalogue_gives_it() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path());
    for entry in entries() {
        let name = entry.info.name;
        let needed: Vec<&str> = library
            .catalogue()
            .iter()
            .filter(|set| set.tasks.iter().any(|task| task == name))
            .map(|set| set.name.as_str())
            .collect();
        let lacks = lacking(&library, name, &settings(name, &[]));
        assert_eq!(lacks.as_deref().into_iter().collect::<Vec<_>>(), needed, "{name}");
    }
}

#[test]
fn tasks_that_may_read_a_set_name_it_and_the_catalogue_knows_every_task() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path());
    let tasks = entries();
    for set in library.catalogue() {
        for name in set.tasks.iter().chain(&set.optional_for) {
            assert!(tasks.iter().any(|entry| entry.info.name == name), "{}: {name}", set.name);
        }
        for name in &set.optional_for {
            assert_eq!(lacking(&library, name, &released(name)).as_deref(), Some(set.name.as_str()), "{name}");
        }
    }
    for entry in tasks {
        let name = entry.info.name;
        if (entry.build)(&released(name)).is_ok() {
            let set = library.entry("lra").unwrap();
            assert!(set.tasks.iter().chain(&set.optional_for).any(|task| task == name), "lra: {name}");
        }
    }
}
