//! What attention is asked for, and the pieces in which it is computed.

use crate::precision::Precision;

/// Scores that exist at a time, per pass: 64 MiB in f32. A backward pass holds four such tensors.
pub(super) const SCORES: usize = 1 << 24;
/// Queries that are taken at a time, at least.
const LEAST: usize = 16;
/// Queries that are taken at a time within a window, at least and at most, where memory allows.
const WITHIN_WINDOW: [usize; 2] = [64, 1024];

/// What queries look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    /// Heads, which divide the channels: each has as many neighbouring ones.
    pub heads: usize,
    /// No later key than the query.
    pub causal: bool,
    /// No key further away than so many positions.
    pub window: Option<usize>,
}

/// Queries, keys and values, `[batch, channels, length]`, and 1 for every key that may be looked at, else 0,
/// `[batch, length]`: to `[batch, channels, length]`.
#[derive(Debug, Clone)]
pub(super) struct ScaledDotProduct {
    pub(super) attention: Attention,
    pub(super) precision: Precision,
    /// Whether some keys may not be looked at.
    pub(super) masked: bool,
    /// Scores at a time.
    pub(super) scores: usize,
    /// Whether to return the logarithm of the sum of every row, too.
    pub(super) tracked: bool,
}

impl ScaledDotProduct {
    /// Queries per chunk, of `rows` sequences and heads together.
    fn chunk(&self, rows: usize, length: usize) -> usize {
        let fits = |queries: usize, keys: usize| rows * queries * keys.min(length) <= self.scores;
        let mut queries = match self.attention.window {
            Some(window) => window.clamp(WITHIN_WINDOW[0], WITHIN_WINDOW[1]),
            None => length,
        };
        while queries > LEAST && !fits(queries, self.attention.window.map_or(length, |window| queries + 2 * window)) {
            queries = queries.div_ceil(2).max(LEAST);
        }
        queries.min(length)
    }

    /// Queries of every chunk, and the keys that they may look at.
    pub(super) fn chunks(
        &self,
        rows: usize,
        length: usize,
    ) -> impl Iterator<Item = [std::ops::Range<usize>; 2]> + use<> {
        let (chunk, Attention { causal, window, .. }) = (self.chunk(rows, length), self.attention);
        (0..length).step_by(chunk).map(move |start| {
            let end = (start + chunk).min(length);
            let first = window.map_or(0, |window| start.saturating_sub(window));
            let last = match (causal, window) {
                (true, _) => end,
                (false, Some(window)) => end.saturating_add(window).min(length),
                (false, None) => length,
            };
            [start..end, first..last]
        })
    }
}
