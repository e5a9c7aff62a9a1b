//! Parquet files of run folders: diagnostics, and what became of every test sample.

mod diagnostics;
mod outcomes;

pub use diagnostics::convert_diagnostics;
pub(crate) use diagnostics::diagnostics;
pub(crate) use outcomes::read_outcomes;
pub use outcomes::write_outcomes;
