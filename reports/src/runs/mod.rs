//! Run folders as data: read from disk, told apart, grouped over seeds, and put into data frames.
//!
//! ```text
//! archive → reading: discover, read → load (holder settles who still runs) → variant → group, frame
//! ```

pub(crate) mod archive;
mod diagnostics;
mod evaluations;
mod frame;
mod group;
pub mod holder;
pub(crate) mod parquet;
mod reading;
mod run;
mod settings;
mod trials;
mod variant;

pub(crate) use diagnostics::{Diagnostics, LayerQuantity, Layers, Look, Moment, RunDiagnostics};
pub(crate) use evaluations::{EvaluatedGroups, Judged, variant_name};
pub(crate) use frame::{ByGroup, BySeed, CurvePoint, Curves, Frames};
pub(crate) use group::{GroupKey, SeedGroup, groups, metric_columns};
pub(crate) use parquet::{Bin, RunOutcomes, Tested, read_worst};
pub use parquet::{ErrorInput, write_outcomes, write_worst};
use reading::read_lines_with;
pub use reading::{AddedSettings, load, read_diagnostics};
pub(crate) use reading::{load_for_report, load_for_status, read_json};
pub use run::{Experiment, LeftOut, Run, Runs};
pub(crate) use settings::{Settings, is_presentation, plain, varied, within_record};
pub(crate) use trials::Searches;
pub use trials::{SearchedPair, Trial, searches};
