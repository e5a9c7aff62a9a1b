//! What is recorded of a run: its identity, how two records differ, and where it ran.

pub(super) mod differences;
pub(super) mod identity;
pub(super) mod provenance;
