//! What the process that runs an experiment and its workers tell each other.

pub(super) mod messages;
pub(super) mod reporter;
