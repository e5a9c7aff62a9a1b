//! Parquet files of run folders: diagnostics, and what became of every test sample, with the worst of them beside.
//!
//! ```text
//! outcomes → tested (counts of all runs); worst
//! ```

mod diagnostics;
mod outcomes;
mod tested;
mod worst;

pub use diagnostics::convert_diagnostics;
pub(crate) use diagnostics::diagnostics;
pub use outcomes::write_outcomes;
pub(crate) use tested::{Bin, RunOutcomes, Tested};
pub(crate) use worst::read_worst;
pub use worst::{ErrorInput, write_worst};
