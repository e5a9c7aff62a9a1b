//! What is drawn of the `diagnostics.jsonl` of runs.
//!
//! ```text
//! lines → layers, of_run → read → all
//! ```

mod all;
mod layers;
mod lines;
mod of_run;
mod read;

pub(crate) use all::Diagnostics;
pub(crate) use layers::{LayerQuantity, Layers, Look};
pub(crate) use of_run::{Moment, RunDiagnostics};
