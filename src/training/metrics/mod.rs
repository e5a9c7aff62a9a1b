//! What `metrics.jsonl`, `diagnostics.jsonl` and the files of test samples hold, and how they are written.

mod journal;
pub(super) mod lines;
mod test_samples;

pub(crate) use journal::{DIAGNOSTICS, JournalError, Journals, METRICS};
pub(super) use test_samples::keep_outcomes;
