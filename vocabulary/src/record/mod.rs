//! The records of a run folder: what the runner writes and the report reads.
//!
//! ```text
//! <out>/<experiment>/experiment.yaml
//! <out>/<experiment>/selected.yaml           of a search: the best trials, an experiment file of its own
//! <out>/<experiment>/<run>/cell.yaml           one RunRecord
//! <out>/<experiment>/<run>/status.json         one Status
//! <out>/<experiment>/<run>/.lease              one Lease, as long as a process works on the run
//! <out>/<experiment>/<run>/metrics.jsonl       one MetricLine per line
//! <out>/<experiment>/<run>/diagnostics.jsonl   one DiagnosticLine per line
//! <out>/<experiment>/<run>/outcomes.parquet    one SampleOutcome per sample of the test split, where each has one label,
//!                                              and one SampleAttribute per column that the task adds
//! <out>/<experiment>/<run>/worst.json          one WorstErrors, beside it
//! <out>/<experiment>/<run>/inspection-{initial,trained}.json   one Inspection each
//! <out>/<experiment>/<run>/evaluations.json    one Evaluations, where the experiment asks for some
//! ```

pub mod evaluation;
pub mod fields;
mod histogram;
pub mod inspection;
mod lease;
mod lines;
mod run;
mod status;
mod trial;
mod version;

pub use evaluation::{EVALUATIONS, Evaluated, Evaluations, Measurement, Variant, Verdict};
pub use histogram::Histogram;
pub use inspection::Inspection;
pub use lease::{LEASE, LEASE_SCHEMA, Lease, Machine};
pub use lines::{DiagnosticLine, MetricKind, MetricLine, SampleAttribute, SampleOutcome, WorstError, WorstErrors};
pub use run::{BaselineRecord, RunRecord, TaskRecord, device_kind};
pub use status::{Attempt, PartialEpoch, State, Status, StopReason};
pub use trial::{RangeScale, TrialRecord};

pub use version::SCHEMA;
