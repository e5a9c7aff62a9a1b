//! The baselines, one file each, in families.

use crate::registry::entry::Entry;

/// Declares the files of a family, and lists the baseline of each: `file::Baseline`.
macro_rules! baselines {
    ($($file:ident::$baseline:ident),+ $(,)?) => {
        $(pub mod $file;)+

        /// The baselines of this family.
        pub(crate) fn entries() -> Vec<crate::registry::entry::Entry> {
            vec![$(crate::registry::entry::entry::<$file::$baseline>()),+]
        }
    };
}

pub mod attention;
pub mod continuous;
pub mod convolutional;
pub mod recurrent;
pub mod state_space;

/// The baselines of all families.
pub(crate) fn entries() -> Vec<Entry> {
    [
        attention::entries(),
        continuous::entries(),
        convolutional::entries(),
        recurrent::entries(),
        state_space::entries(),
    ]
    .concat()
}
