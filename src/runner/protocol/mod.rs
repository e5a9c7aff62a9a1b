//! What the process that runs an experiment and its workers tell each other.

mod messages;
mod reporter;

pub(super) use messages::{Event, Order, Part, Setup};
pub(super) use reporter::Reporter;
