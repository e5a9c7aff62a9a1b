//! The records of a run folder: what the runner writes and the report reads.
//!
//! ```text
//! <out>/<experiment>/experiment.yaml
//! <out>/<experiment>/<run>/cell.yaml           one RunRecord
//! <out>/<experiment>/<run>/status.json         one Status
//! <out>/<experiment>/<run>/metrics.jsonl       one MetricLine per line
//! <out>/<experiment>/<run>/diagnostics.jsonl   one DiagnosticLine per line
//! <out>/<experiment>/<run>/outcomes.parquet    one SampleOutcome per sample of the test split, where each has one label
//! ```

pub mod fields;
mod histogram;
mod lines;
mod run;
mod status;
mod version;

pub use histogram::Histogram;
pub use lines::{DiagnosticLine, MetricKind, MetricLine, SampleOutcome};
pub use run::{BaselineRecord, RunRecord, TaskRecord, device_kind};
pub use status::{Attempt, PartialEpoch, State, Status, StopReason};

pub use version::SCHEMA;
