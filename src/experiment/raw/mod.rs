//! The experiment file as written: keys checked, every value still with its place.

mod entry;
mod experiment;
mod field;
mod grid;
mod names;
mod pairs;
mod values;

pub use entry::RawEntry;
pub use experiment::{RawExperiment, VERSION};
pub use field::{Field, Target};
pub use grid::GridAxis;
pub use names::{MAX_LABEL, is_name, is_safe, make_safe};
pub use pairs::{PairPattern, PairSettings, matches};
pub use values::{seeds, unknown_key};
