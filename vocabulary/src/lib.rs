//! Words that every crate of the benchmark shares, each typed once.
//!
//! [`spec`] describes what a task feeds into a network and wants out of it, [`metric`] what is reported, [`split`] the parts of
//! a data set, [`scale`] how much of a recipe is run. [`record`] holds the files of a run folder, which the runner
//! writes and the report reads. Nothing here computes: the crate knows neither Burn nor polars.

pub mod metric;
pub mod record;
pub mod scale;
pub mod spec;
pub mod split;

pub use metric::Metric;
pub use scale::Scale;
pub use spec::{InputSpec, OutputSpec};
pub use split::{Split, SplitSizes};
