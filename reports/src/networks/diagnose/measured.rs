//! What was measured, and on what.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What the statistics of a task were measured on, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// What the networks were given, e.g. `independent N(0, 1) values`.
    pub inputs: String,
    /// Samples of the one batch per seed: statistics of batch normalisation, and so all that follows them, depend on it.
    pub samples: usize,
    /// Whether a sample is a pair of inputs.
    pub pairs: bool,
    /// What the statistics of the logits are over, e.g. `samples × outputs`.
    pub logits_over: String,
    /// Which variance all of them are, and the square of which the standard deviations are.
    pub variance: Variance,
    /// Whether anything was dropped.
    pub dropout: bool,
}

/// What a sum of squares is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variance {
    /// The number of values.
    Population,
}

impl Measured {
    fn words(&self) -> String {
        let samples = match (self.samples, self.pairs) {
            (1, false) => "1 sample".to_owned(),
            (1, true) => "1 pair".to_owned(),
            (n, false) => format!("{n} samples"),
            (n, true) => format!("{n} pairs"),
        };
        format!("{}, {samples} per seed, logits over {}", self.inputs, self.logits_over)
    }
}

/// What was measured on every task, in one line; once where it is the same for all.
pub(super) fn measured_words(measured: &BTreeMap<String, Measured>) -> String {
    let words: BTreeSet<String> = measured.values().map(Measured::words).collect();
    match words.len() {
        0 | 1 => words.into_iter().collect(),
        _ => measured.iter().map(|(task, of)| format!("{task}: {}", of.words())).collect::<Vec<_>>().join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_said_once_where_it_is_the_same() {
        let values = |samples| Measured {
            inputs: "independent N(0, 1) values".into(),
            samples,
            pairs: false,
            logits_over: "samples × outputs".into(),
            variance: Variance::Population,
            dropout: false,
        };
        let same = BTreeMap::from([("a".to_owned(), values(2)), ("b".to_owned(), values(2))]);
        let words = "independent N(0, 1) values, 2 samples per seed, logits over samples × outputs";
        assert_eq!(measured_words(&same), words);
        let pairs = Measured { samples: 1, pairs: true, ..values(1) };
        let other = BTreeMap::from([("a".to_owned(), values(2)), ("b".to_owned(), pairs)]);
        assert!(
            measured_words(&other).starts_with(&format!("a: {words}; b: "))
                && measured_words(&other).contains("1 pair ")
        );
    }
}
