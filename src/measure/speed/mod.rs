//! Time and memory of training steps.

mod benchmark;
mod result;

pub(crate) use benchmark::{BenchOptions, SampleSource, measure};
#[cfg(test)]
pub(crate) use result::Summary;
pub(crate) use result::{SpeedResult, StepTimes};
