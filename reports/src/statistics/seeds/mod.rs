//! Error over seeds: what another training run would have given, on the same test set.

mod aggregate;
mod bootstrap;
mod exact;
mod improvement;
mod permutation;
mod profile;
mod scores;
mod sign_flip;
mod student;
mod welch;

pub use aggregate::Aggregate;
pub use bootstrap::bootstrap_interval;
pub use exact::{Alternative, Assignments, EXACT_UP_TO, SeedTest};
pub use improvement::{improvement_interval, probability_of_improvement};
pub use permutation::permutation_test;
pub use profile::{share_above, share_above_band};
pub use scores::Scores;
pub use sign_flip::sign_flip_test;
pub use student::{FEWEST_SEEDS, t_interval};
pub use welch::{MeanDifference, mean_difference};
