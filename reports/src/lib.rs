//! Reports of the long-range sequence benchmark, made from run folders alone.
//!
//! ```text
//! load → Runs → frame (polars) → statistics → tables, figures → page
//! ```
//!
//! [`write()`] makes the whole report, [`status`] and [`compare`] one table each, and [`write_diagnostics`] the report of
//! `bench diagnose`.

mod arena;
mod compare;
mod diagnose;
mod error;
mod figures;
mod files;
mod format;
mod frame;
mod group;
pub mod holder;
mod load;
mod page;
mod parquet;
mod plot;
mod published;
mod recipes;
mod report;
pub mod settings;
pub mod statistics;
mod table;
mod tables;

use std::path::{Path, PathBuf};

pub use vocabulary::record;

pub use compare::{Field, compare};
pub use diagnose::{Measured, Variance, write_diagnostics};
pub use error::ReportError;
pub use load::{Cell, Experiment, LeftOut, Runs, load, read_diagnostics};
pub use parquet::convert_diagnostics;
pub use report::{Formats, ReportPaths, UnknownFormat, default_out, write};
pub use table::{Column, Entry, Flag, Table};

/// Where every cell of the experiment folder `dir` (or of a folder of experiments) stands.
///
/// # Errors
/// A folder cannot be read (see [`load`]).
pub fn status(dir: &Path) -> Result<Table, ReportError> {
    let runs = load(&[PathBuf::from(dir)])?;
    let mut table = tables::status(&runs);
    table.notes.extend(runs.left_out.iter().map(ToString::to_string));
    Ok(table)
}
