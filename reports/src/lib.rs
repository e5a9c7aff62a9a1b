//! Reports of the long-range sequence benchmark, made from run folders alone.
//!
//! ```text
//! runs → statistics → tables, figures → page → files
//! ```
//!
//! [`write()`] makes the whole report, [`status`] and [`compare()`] one table each, [`write_diagnostics`] the report of
//! `bench diagnose`, and [`inspect()`] that of `bench inspect`.

mod compare;
mod export;
mod figures;
mod files;
pub mod format;
mod networks;
mod page;
mod published;
mod report;
mod runs;
pub mod statistics;
mod tables;

use std::path::{Path, PathBuf};

use files::error;

pub use compare::{Field, compare};
pub use error::ReportError;
pub use export::{Exported, Viewer, export};
pub use files::{Formats, ReportPaths, UnknownFormat};
pub use networks::diagnose::{DIAGNOSED, Measured, Network, Variance, holds_diagnostics, write_diagnostics};
pub use networks::inspect::{SeenNetwork, inspect, write_inspection};
pub use report::{default_out, write};
pub use runs::archive::{PackOptions, Packed, pack};
pub use runs::parquet::convert_diagnostics;
pub use runs::{
    AddedSettings, ErrorInput, Experiment, LeftOut, Run, Runs, SearchedPair, Trial, holder, load, read_diagnostics,
    searches, write_outcomes, write_worst,
};
pub use tables::{Column, Flag, Table, TableEntry, text_table};

/// Where every run of the experiment folder `dir` (or of a folder of experiments) stands.
///
/// # Errors
/// A folder cannot be read (see [`load`]).
pub fn status(dir: &Path, added: &AddedSettings) -> Result<Table, ReportError> {
    let runs = runs::load_for_status(&[PathBuf::from(dir)], added)?;
    let mut table = tables::status(&runs);
    table.notes.extend(runs.left_out.iter().map(ToString::to_string));
    Ok(table)
}
