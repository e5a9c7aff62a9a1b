//! What `metrics.jsonl` and `diagnostics.jsonl` hold, and how they are written.

mod journal;
pub(super) mod lines;

pub(crate) use journal::{DIAGNOSTICS, JournalError, Journals, METRICS};
