//! Which tasks and baselines there are.

use std::collections::BTreeSet;

use baselines::Baseline;
use baselines::registry::Entry as BaselineEntry;
use datasets::TaskDefinition;
use datasets::registry::Entry as TaskEntry;
use reports::AddedSettings;

/// The tasks and baselines that experiment files can name.
///
/// A program of one's own adds to the standard ones and hands them all to [`main`](crate::main):
///
/// ```ignore
/// fn main() -> std::process::ExitCode {
///     bench::main(bench::Registry::standard().baseline::<Mine>().task::<MyTask>())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Registry {
    /// In the order of `bench list tasks`.
    pub(crate) tasks: Vec<TaskEntry>,
    /// In the order of `bench list baselines`.
    pub(crate) baselines: Vec<BaselineEntry>,
}

/// Names that a program cannot run with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegistryError {
    /// Nobody could tell them apart.
    #[error("two {what}s are called `{name}`; give yours another name in its INFO")]
    Twice {
        /// `task` or `baseline`.
        what: &'static str,
        /// The name.
        name: &'static str,
    },
    /// Names stand in files, folders and patterns.
    #[error("`{name}` is no name of a {what}: lower-case letters, digits and hyphens will do, beginning with a letter")]
    Name {
        /// `task` or `baseline`.
        what: &'static str,
        /// The name.
        name: &'static str,
    },
}

impl Registry {
    /// The tasks and baselines of this project.
    pub fn standard() -> Self {
        Self { tasks: datasets::registry::entries(), baselines: baselines::registry::entries() }
    }

    /// With the baseline `B` as well, after those that are there.
    #[must_use]
    pub fn baseline<B: Baseline>(mut self) -> Self
    where
        B::Body: Sync,
    {
        self.baselines.push(baselines::registry::entry::<B>());
        self
    }

    /// With the task `T` as well, after those that are there.
    #[must_use]
    pub fn task<T: TaskDefinition>(mut self) -> Self {
        self.tasks.push(datasets::registry::entry::<T>());
        self
    }

    /// The task called `name`.
    pub(crate) fn find_task(&self, name: &str) -> Option<&TaskEntry> {
        self.tasks.iter().find(|entry| entry.info.name == name)
    }

    /// The baseline called `name`.
    pub(crate) fn find_baseline(&self, name: &str) -> Option<&BaselineEntry> {
        self.baselines.iter().find(|entry| entry.info.name == name)
    }

    /// Settings that baselines gained, for reading records from before.
    pub(crate) fn added_settings(&self) -> AddedSettings {
        let all = AddedSettings::default();
        self.baselines.iter().fold(all, |all, entry| all.with(entry.info.name, (entry.added)()))
    }

    /// Names of the tasks.
    pub(crate) fn task_names(&self) -> impl Iterator<Item = &'static str> + Clone + '_ {
        self.tasks.iter().map(|entry| entry.info.name)
    }

    /// Names of the baselines.
    pub(crate) fn baseline_names(&self) -> impl Iterator<Item = &'static str> + Clone + '_ {
        self.baselines.iter().map(|entry| entry.info.name)
    }

    /// Whether every name is one, and stands for one thing.
    pub(crate) fn check(&self) -> Result<(), RegistryError> {
        check("task", self.task_names())?;
        check("baseline", self.baseline_names())
    }
}

fn check(what: &'static str, names: impl Iterator<Item = &'static str>) -> Result<(), RegistryError> {
    let mut seen = BTreeSet::new();
    for name in names {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(good) {
            return Err(RegistryError::Name { what, name });
        }
        if !seen.insert(name) {
            return Err(RegistryError::Twice { what, name });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use baselines::models::recurrent::gru::Gru;

    use super::*;

    #[test]
    fn the_standard_names_stand_for_one_thing_each() {
        assert_eq!(Registry::standard().check(), Ok(()));
    }

    #[test]
    fn a_name_twice_is_refused() {
        let twice = Registry::standard().baseline::<Gru>();
        assert_eq!(twice.check(), Err(RegistryError::Twice { what: "baseline", name: "gru" }));
    }

    #[test]
    fn names_that_no_file_could_hold_are_refused() {
        for name in ["", "My Task", "a/b", "-a", "1a"] {
            assert_eq!(check("task", [name].into_iter()), Err(RegistryError::Name { what: "task", name }));
        }
    }
}
