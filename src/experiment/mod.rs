//! Experiment files: [`raw`] as written → [`resolve`]d → a [`Plan`] of runs.
//!
//! Every key and value keeps its place through merging, `--set` and grids, so that an error points at what caused it.

mod diagnostic;
mod fit;
mod load;
mod plan;
mod raw;
mod resolve;
pub(crate) mod scale;
pub(crate) mod schema;
pub(crate) mod search;
#[cfg(test)]
mod tests;
mod training;
mod yaml;

use diagnostic::{Diagnostic, Mistake, Position, Sources};
pub use diagnostic::{ExperimentError, shorten, with_suggestion};
pub use load::{load, load_text};
use plan::MAX_SOURCE;
pub use plan::{Asked, Diagnosis, Missing, Plan, Run, RunBaseline, RunTask, Vary};
pub use raw::{Overrides, resolution, setting_value};
pub use resolve::{Choice, chosen};
pub use training::{Optimiser as OptimiserKind, Schedule, Training};
pub use vocabulary::Scale;
use yaml::{Content, Node};
