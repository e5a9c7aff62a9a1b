//! What `metrics.jsonl` and `diagnostics.jsonl` hold, and how they are written.

pub(crate) mod journal;
pub(super) mod lines;
