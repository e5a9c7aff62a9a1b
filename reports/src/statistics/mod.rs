//! Statistics of small samples: pure functions, no input or output.
//!
//! A new statistic is a file here, with its tests: it takes slices of numbers, and gives `None` where it is not defined.
//! Standard deviations divide by n − 1. No function gives a confidence interval: the tables print n and every seed's value
//! instead, which says more when n is 1, 2 or 3.

mod descriptive;
mod summary;

pub use descriptive::{geometric_mean, mean, median, std};
pub use summary::Summary;
