//! Error over test samples: what the same trained network would have given on another test set.

mod mcnemar;
mod paired;
mod wilson;

pub use mcnemar::{McNemar, mcnemar};
pub use paired::paired_bootstrap;
pub use wilson::wilson_interval;
