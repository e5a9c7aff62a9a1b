//! What is recorded of a run: its identity, and where it ran.

pub(super) mod identity;
pub(super) mod provenance;
#[cfg(test)]
#[allow(clippy::expect_used, clippy::panic)]
mod recipes;
