//! One file or folder per task, in a folder per kind of data.

/// The modules of a folder and the tasks in each, in the order of `bench list tasks`.
macro_rules! tasks {
    ($($module:ident: $($task:ident),+;)+) => {
        $(pub mod $module;)+

        pub(crate) fn entries() -> Vec<crate::registry::Entry> {
            vec![$($(crate::registry::entry::<$module::$task>()),+),+]
        }
    };
}

pub mod images;
pub mod language;
pub mod registry;
pub mod synthetic;
pub mod time_series;
