//! Several published values of one network on one task.

use std::collections::BTreeSet;

use super::values::Published;

/// Published values of one network on one task, at least one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    values: Vec<&'static Published>,
    lowest: &'static Published,
    highest: &'static Published,
}

impl Range {
    /// The range of `values`; `None` where there is none. Of values that agree as rounded, the one with most decimals stands.
    pub(crate) fn of(values: Vec<&'static Published>) -> Option<Self> {
        let by_accuracy = |a: &&&Published, b: &&&Published| a.accuracy.total_cmp(&b.accuracy);
        let (lowest, highest) = (*values.iter().min_by(by_accuracy)?, *values.iter().max_by(by_accuracy)?);
        let (lowest, highest) = if lowest.agrees(highest) {
            // Of equals the first.
            let finest = values.iter().rev().max_by_key(|value| value.decimals)?;
            (*finest, *finest)
        } else {
            (lowest, highest)
        };
        Some(Self { values, lowest, highest })
    }

    /// Its values, the first of them that of the table named first.
    pub(crate) fn values(&self) -> &[&'static Published] {
        &self.values
    }

    /// The value, percent, where all sources print the same one.
    pub(crate) fn single(&self) -> Option<f64> {
        (self.lowest == self.highest).then_some(self.lowest.accuracy)
    }

    /// `99.72`, or `95.27–95.30`.
    pub(crate) fn text(&self) -> String {
        let (lowest, highest) = (self.lowest.accuracy, self.highest.accuracy);
        match self.single() {
            Some(accuracy) => format!("{accuracy:.2}"),
            None => format!("{lowest:.2}–{highest:.2}"),
        }
    }

    /// How far `accuracy`, percent, lies above the highest value, or (negative) below the lowest; 0 between them.
    pub(crate) fn distance(&self, accuracy: f64) -> f64 {
        (accuracy - self.highest.accuracy).max(0.0) + (accuracy - self.lowest.accuracy).min(0.0)
    }

    /// Where its values are printed, each with its source where they differ.
    pub(crate) fn sources(&self) -> String {
        let mut seen = BTreeSet::new();
        let source = |value: &&Published| match self.single() {
            Some(_) => value.source(),
            None => format!("{:.2}: {}", value.accuracy, value.source()),
        };
        let sources = self.values.iter().map(source).filter(|source| seen.insert(source.clone()));
        sources.collect::<Vec<_>>().join("; ")
    }
}
