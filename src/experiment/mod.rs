//! Experiment files: [`raw`] as written → [`resolve`]d → a [`Plan`] of cells.
//!
//! Every key and value keeps its place through merging, `--set` and grids, so that an error points at what caused it.

mod arguments;
pub mod diagnostic;
pub mod fit;
mod load;
mod plan;
mod raw;
mod resolve;
pub(crate) mod scale;
pub mod schema;
#[cfg(test)]
mod tests;
pub mod training;
pub mod yaml;

pub use arguments::Overrides;
pub use diagnostic::ExperimentError;
pub use load::{load, load_text};
pub use plan::{BaselineCell, Cell, Missing, Plan, TaskCell};
pub use training::Training;
pub use vocabulary::Scale;
