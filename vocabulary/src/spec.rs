//! What a task feeds into a network, and what it wants out of it.

use serde::{Deserialize, Serialize};

/// Shape of one input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputSpec {
    /// Real values, `[batch, channels, shape…]`.
    Values {
        /// Channels per position.
        channels: usize,
        /// Positions per axis: `[length]`, `[height, width]` or `[depth, height, width]`.
        shape: Vec<usize>,
    },
    /// Token ids in `0..vocabulary`, `[batch, length]`; embedded before the body sees them. Where lengths differ, id 0 is
    /// padding.
    Tokens {
        /// Number of ids, padding included.
        vocabulary: usize,
        /// Length after padding.
        length: usize,
    },
}

impl InputSpec {
    /// Positions per axis.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::Values { shape, .. } => shape.clone(),
            Self::Tokens { length, .. } => vec![*length],
        }
    }

    /// Number of position axes, 1 to 3.
    pub fn rank(&self) -> usize {
        match self {
            Self::Values { shape, .. } => shape.len(),
            Self::Tokens { .. } => 1,
        }
    }

    /// `[channels, positions…]`, for tokens `[1, length]`: the shape in a record.
    pub fn dims(&self) -> Vec<usize> {
        match self {
            Self::Values { channels, shape } => std::iter::once(*channels).chain(shape.iter().copied()).collect(),
            Self::Tokens { length, .. } => vec![1, *length],
        }
    }
}

/// Kind of target, and with it the outputs of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputSpec {
    /// One of `n` classes per sample: `n` logits.
    Classes(usize),
    /// One of two classes per sample: one logit.
    Binary,
    /// `n` real values per sample.
    Regression(usize),
    /// One of `n` classes per position: logits `[batch, n, length]`; label −1 is ignored.
    PerStep(usize),
    /// One of `n` classes for two inputs of the same shape, such as two documents: `n` logits. A batch holds two rows per
    /// sample, one after the other (and two lengths).
    Pair(usize),
}

impl OutputSpec {
    /// Number of outputs of the head.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Classes(n) | Self::Regression(n) | Self::PerStep(n) | Self::Pair(n) => *n,
            Self::Binary => 1,
        }
    }
}
