//! Comparison over tasks: which of two baselines would be better on another task of the same kind.

mod signed_rank;

pub use signed_rank::{Posterior, signed_rank};
