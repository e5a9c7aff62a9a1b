//! One file or folder per task, in a folder per kind of data.

/// The modules of a folder and the tasks in each, in the order of `bench list tasks`.
macro_rules! tasks {
    ($($module:ident: $($task:ident),+;)+) => {
        $(pub mod $module;)+

        pub(crate) fn entries() -> Vec<crate::tasks::entry::Entry> {
            vec![$($(crate::tasks::entry::entry::<$module::$task>()),+),+]
        }
    };
}

pub(crate) mod entry;
pub mod images;
pub mod language;
pub mod registry;
pub mod synthetic;
pub mod time_series;
