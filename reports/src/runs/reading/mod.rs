//! From folders to runs: which there are, and what their files say.

mod added;
pub(in crate::runs) mod discover;
mod load;
mod read;

pub use added::AddedSettings;
pub use load::load;
pub(crate) use load::{load_for_report, load_for_status};
pub use read::read_diagnostics;
pub(crate) use read::read_json;
pub(in crate::runs) use read::read_lines_with;
