//! Kinds of minimal recurrences.

/// How the gates of a minimal recurrence mix the old state with the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MinCell {
    /// `h[t] = (1 − z) h[t − 1] + z g`, with one gate `z = σ(·)`; it multiplies the new value, unlike that of PyTorch's GRU.
    Gru,
    /// `h[t] = (f h[t − 1] + i g) / (f + i)`, with two gates, `f = σ(·)` and `i = σ(·)`.
    Lstm,
}

impl MinCell {
    /// Sums per state: for the candidate and every gate.
    pub fn parts(self) -> usize {
        match self {
            Self::Gru => 2,
            Self::Lstm => 3,
        }
    }
}
