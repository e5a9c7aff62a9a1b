//! Differences between baselines: to one of them over the seeds, and on the same test samples.

mod against;
mod samples;

pub(crate) use against::against;
pub(crate) use samples::samples;
