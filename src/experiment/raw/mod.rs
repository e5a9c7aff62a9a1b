//! The experiment file as written: keys checked, every value still with its place.

mod arguments;
mod diagnosis;
mod entry;
mod evaluate;
mod experiment;
mod field;
mod pairs;
mod search;
mod values;

pub use arguments::{Only, Overrides, Setting, only, seeds_argument, setting, setting_value};
pub use entry::RawEntry;
pub use evaluate::{resolution, resolutions, task_settings};
pub use experiment::{RawExperiment, VERSION, included_keys};
pub use field::{Field, GridAxis, Target};
pub use pairs::{PairPattern, PairSettings, matches};
pub use search::{BUDGET, MOST_TRIALS, RawSearch};
pub use values::{MAX_LABEL, MAX_NAME, is_name, is_safe, make_safe, unknown_key};
