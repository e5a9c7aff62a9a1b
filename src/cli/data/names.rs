//! What the names on the command line stand for: data sets and tasks.

use datasets::library::{CachedSet, DataSet};
use datasets::registry::Entry;
use datasets::{ConfigError, DataError, Library, Task};
use serde_json::{Value, json};

use crate::cli::exit::{CliError, Exit};
use crate::experiment::diagnostic::with_suggestion;
use crate::registry::Registry;

/// What can be named: data sets of the data folder, and tasks.
pub(super) struct DataContext<'a> {
    pub(super) library: &'a Library,
    pub(super) registry: &'a Registry,
}

/// The error of a command for one of data sets: those of the disk or the network are failures; everything else is wrong usage or data.
pub(super) fn failure(error: DataError) -> CliError {
    let exit = match error {
        DataError::Download { .. } | DataError::Import { .. } | DataError::Io { .. } | DataError::NoSpace { .. } => {
            Exit::Failed
        }
        _ => Exit::Usage,
    };
    CliError::of(exit, &error)
}

/// Whether the task needs a data set of the catalogue.
pub(super) fn reads_official(library: &Library, entry: &Entry) -> bool {
    official_set(library, entry).is_some()
}

/// The data set that the task needs, if it does not generate its samples.
fn official_set(library: &Library, entry: &Entry) -> Option<String> {
    let needed = |set: &&DataSet| set.tasks.iter().any(|task| task == entry.info.name);
    if let Some(set) = library.catalogue().iter().find(needed) {
        return Some(set.name.clone());
    }
    let data = (entry.build)(&json!({})).ok().map(|task| task.spec().data.clone())?;
    library.catalogue().iter().any(|set| set.name == data).then_some(data)
}

/// Whether a cached set was made for the task `name`: sets are called `pathfinder32-…`, `listops`, `copy-…`.
pub(super) fn belongs(set: &CachedSet, name: &str) -> bool {
    let rest = set.key.as_ref().and_then(|key| key.name.strip_prefix(name));
    rest.is_some_and(|rest| rest.chars().next().is_none_or(|c| !c.is_ascii_alphabetic()))
}

/// The error of a `name` that nothing has.
pub(super) fn unknown(context: &DataContext<'_>, name: &str) -> CliError {
    let sets = context.library.catalogue().iter().map(|set| set.name.clone());
    let mut known: Vec<String> = sets.chain(context.registry.task_names().map(str::to_owned)).collect();
    known.dedup();
    let words = with_suggestion(known.join(", "), name, known.iter().map(String::as_str));
    DataError::Unknown { name: name.to_owned(), known: words }.into()
}

/// The data set `name`, or the one that the task `name` reads.
pub(super) fn set_of(context: &DataContext<'_>, name: &str) -> Result<String, CliError> {
    let library = context.library;
    if library.catalogue().iter().any(|set| set.name == name) {
        return Ok(name.to_owned());
    }
    match context.registry.find_task(name) {
        Some(entry) if reads_official(library, entry) => Ok(official_set(library, entry).unwrap_or_default()),
        Some(_) => Err(CliError::usage(format!(
            "`{name}` is generated, there is nothing to fetch; `bench data generate {name}` makes it now, `bench run` \
             when it is needed"
        ))),
        None => Err(unknown(context, name)),
    }
}

/// A task by its own name, or the first that reads the data set `name`.
pub(super) fn task_of(context: &DataContext<'_>, name: &str, settings: &Value) -> Result<Box<dyn Task>, CliError> {
    let reads = |entry: &&Entry| official_set(context.library, entry).as_deref() == Some(name);
    let entry = context.registry.find_task(name).or_else(|| context.registry.tasks.iter().find(reads));
    let entry = entry.ok_or_else(|| unknown(context, name))?;
    (entry.build)(settings).map_err(|ConfigError { field, message }| {
        let at = if field.is_empty() { String::new() } else { format!(" {field}:") };
        CliError::usage(format!(
            "{name}:{at} {message}\nSettings are given with --set KEY=VALUE; `bench list tasks --json` names them."
        ))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_misspelt_name_is_answered_with_the_one_meant() {
        let library = Library::open("/nowhere");
        let context = DataContext { library: &library, registry: &Registry::standard() };
        let error = set_of(&context, "mnits").unwrap_err();
        assert_eq!(error.kind, "data-unknown");
        assert!(error.message.contains("`mnist`"), "{}", error.message);
        assert_eq!(set_of(&context, "pmnist").unwrap(), "mnist");
        assert!(set_of(&context, "listops").unwrap_err().message.contains("`bench data generate listops`"));
    }
}
