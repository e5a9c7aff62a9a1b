//! The records of a run folder: what the runner writes and the report reads.
//!
//! ```text
//! <out>/<experiment>/experiment.yaml
//! <out>/<experiment>/<cell>/cell.yaml          one CellRecord
//! <out>/<experiment>/<cell>/status.json        one Status
//! <out>/<experiment>/<cell>/metrics.jsonl      one MetricLine per line
//! <out>/<experiment>/<cell>/diagnostics.jsonl  one DiagnosticLine per line
//! ```

mod cell;
pub mod fields;
mod lines;
mod status;
mod version;

pub use cell::{BaselineRecord, CellRecord, TaskRecord, device_kind};
pub use lines::{DiagnosticLine, MetricKind, MetricLine};
pub use status::{Attempt, PartialEpoch, State, Status, StopReason};

pub use version::SCHEMA;
