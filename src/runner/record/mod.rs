//! What is recorded of a run: its identity, and where it ran.

pub(super) mod identity;
pub(super) mod provenance;
