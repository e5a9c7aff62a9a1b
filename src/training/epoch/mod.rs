//! The end of an epoch, and looks at the network then and before.

pub(super) mod inspection;
mod judge;
mod look;

pub(crate) use judge::patience_ends;
pub(super) use judge::{evaluate, judge};
pub(super) use look::{Histograms, probe, probe_at_end};
