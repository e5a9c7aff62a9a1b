//! What the names and settings on the command line stand for: data sets and tasks.

use datasets::{ConfigError, DataError, Library, Task, library::CachedSet, registry::Entry};
use serde_json::{Map, Value, json};

use super::{Bar, CliError, Exit, Global};
use crate::experiment::{setting_value, with_suggestion};
use crate::registry::Registry;

/// What the commands share: what can be named (data sets of the data folder, and tasks), and how progress is shown.
pub(super) struct DataContext<'a> {
    pub(super) library: Library,
    pub(super) registry: &'a Registry,
    pub(super) bar: Bar,
    pub(super) global: &'a Global,
}

impl DataContext<'_> {
    /// Whether the task needs a data set of the catalogue.
    pub(super) fn reads_official(&self, entry: &Entry) -> bool {
        self.official_set(entry).is_some()
    }

    /// The data set that the task needs, if it does not generate its samples.
    fn official_set(&self, entry: &Entry) -> Option<String> {
        let sets = self.library.catalogue();
        if let Some(set) = sets.iter().find(|set| set.tasks.iter().any(|task| task == entry.info.name)) {
            return Some(set.name.clone());
        }
        let data = (entry.build)(&json!({})).ok().map(|task| task.spec().data.clone())?;
        sets.iter().any(|set| set.name == data).then_some(data)
    }

    /// Whether `name` is a data set of the catalogue.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.library.catalogue().iter().any(|set| set.name == name)
    }

    /// The error of a `name` that nothing has.
    pub(super) fn unknown(&self, name: &str) -> CliError {
        let sets = self.library.catalogue().iter().map(|set| set.name.clone());
        let mut known: Vec<String> = sets.chain(self.registry.task_names().map(str::to_owned)).collect();
        known.dedup();
        let words = with_suggestion(known.join(", "), name, known.iter().map(String::as_str));
        DataError::Unknown { name: name.to_owned(), known: words }.into()
    }

    /// The data set `name`, or the one that the task `name` reads.
    pub(super) fn set_of(&self, name: &str) -> Result<String, CliError> {
        if self.is_set(name) {
            return Ok(name.to_owned());
        }
        let entry = self.registry.find_task(name).ok_or_else(|| self.unknown(name))?;
        self.official_set(entry).ok_or_else(|| {
            CliError::usage(format!(
                "`{name}` is generated, there is nothing to fetch; `bench data generate {name}` makes it now, `bench run` \
                 when it is needed"
            ))
        })
    }

    /// The data sets called `names`, or that the tasks called so read.
    pub(super) fn sets_of(&self, names: &[String]) -> Result<Vec<String>, CliError> {
        names.iter().map(|name| self.set_of(name)).collect()
    }

    /// The tasks of these names, or the first ones that read the data sets called so, with the settings `set`.
    pub(super) fn tasks(&self, names: &[String], set: &[String]) -> Result<Vec<Box<dyn Task>>, CliError> {
        let settings = settings(set)?;
        names.iter().map(|name| self.task_of(name, &settings)).collect()
    }

    fn task_of(&self, name: &str, settings: &Value) -> Result<Box<dyn Task>, CliError> {
        let reads = |entry: &&Entry| self.official_set(entry).as_deref() == Some(name);
        let entry = self.registry.find_task(name).or_else(|| self.registry.tasks.iter().find(reads));
        let entry = entry.ok_or_else(|| self.unknown(name))?;
        (entry.build)(settings).map_err(|ConfigError { field, message }| {
            let at = if field.is_empty() { String::new() } else { format!(" {field}:") };
            CliError::usage(format!(
                "{name}:{at} {message}\nSettings are given with --set KEY=VALUE; `bench list tasks --json` names them."
            ))
        })
    }
}

/// `KEY=VALUE` pairs as one JSON object; values are read as `bench run --set` reads them.
pub(super) fn settings(pairs: &[String]) -> Result<Value, CliError> {
    let mut settings = Map::new();
    for pair in pairs {
        let wrong = |why: &str| CliError::usage(format!("--set {pair}: {why}"));
        let (key, text) = pair.split_once('=').ok_or_else(|| wrong("write KEY=VALUE, e.g. --set length=200"))?;
        let value = setting_value(text).map_err(|why| wrong(&why))?;
        let (outer, last) = key.rsplit_once('.').map_or((None, key), |(outer, last)| (Some(outer), last));
        let mut place = &mut settings;
        for part in outer.into_iter().flat_map(|outer| outer.split('.')) {
            let inner = place.entry(part).or_insert_with(|| json!({})).as_object_mut();
            place = inner.ok_or_else(|| wrong(&format!("`{part}` has a value already")))?;
        }
        place.insert(last.to_owned(), value);
    }
    Ok(Value::Object(settings))
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

/// Whether a cached set was made for the task `name`: sets are called `pathfinder32-…`, `listops`, `copy-…`.
pub(super) fn belongs(set: &CachedSet, name: &str) -> bool {
    let rest = set.key.as_ref().and_then(|key| key.name.strip_prefix(name));
    rest.is_some_and(|rest| rest.chars().next().is_none_or(|c| !c.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::terminal::LogForm;

    #[test]
    fn a_misspelt_name_is_answered_with_the_one_meant() {
        let library = Library::open("/nowhere");
        let global = Global { data: None, cache: None, json: false, quiet: true, log: LogForm::Text, threads: None };
        let context = DataContext { library, registry: &Registry::standard(), bar: Bar::new(true), global: &global };
        let error = context.set_of("mnits").unwrap_err();
        assert_eq!(error.kind, "data-unknown");
        assert!(error.message.contains("`mnist`"), "{}", error.message);
        assert_eq!(context.set_of("pmnist").unwrap(), "mnist");
        assert!(context.set_of("listops").unwrap_err().message.contains("`bench data generate listops`"));
    }

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
