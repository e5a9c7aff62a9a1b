//! Differences between baselines: over the seeds, on the same test samples, and over tasks.
//!
//! ```text
//! comparable → contest (who is separated) → best, scores → across;  floor → paired → against (and `bench compare`);  samples
//! ```

mod across;
mod against;
mod best;
mod comparable;
pub(crate) mod contest;
mod floor;
mod paired;
mod samples;
mod scores;

pub(crate) use across::{SCORE, across, pairs_across};
pub(crate) use against::against;
pub(crate) use best::best;
pub(crate) use contest::{BOLD, Contests};
pub(crate) use paired::{PAIRED, PairedDifferences, TestedRows};
pub(crate) use samples::samples;
pub(crate) use scores::ScoreMatrix;
