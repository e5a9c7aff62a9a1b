//! Statistics of small samples: pure functions, no input or output.
//!
//! A new statistic is a file in the folder of what it is over, with its tests. Another seed, another test sample and another
//! task are different sources of error, and are kept apart by folder and by type:
//!
//! | folder | says what would come out with | its intervals |
//! |---|---|---|
//! | [`seeds`] | another seed, on the same test set | [`Interval`] over [`Seeds`] or [`SeedsWithinTasks`] |
//! | [`samples`] | another test set, of the same trained network | [`Interval`] over [`TestSamples`] |
//! | [`tasks`] | another task of the same kind | |
//!
//! A description ([`Summary`], [`mean()`]) gives `None` where it is not defined; an inference says why, as [`Undefined`], and never
//! gives NaN. Standard deviations divide by n − 1. No interval is made of fewer than three seeds, since one of two says less than
//! the two values. Whatever is drawn at random comes from a seeded stream ([`Resampling`]), so that the same runs give the same
//! report.

mod descriptive;
mod holm;
mod interval;
mod resampling;
pub mod samples;
pub mod seeds;
mod summary;
pub mod tasks;
mod undefined;

pub use descriptive::{geometric_mean, mean, median, std};
pub use holm::holm;
pub use interval::{Interval, Level, Seeds, SeedsWithinTasks, TestSamples};
pub use resampling::Resampling;
pub use summary::Summary;
pub use undefined::Undefined;
