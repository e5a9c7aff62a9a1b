//! One colour per series, the same in every figure of a report.

use std::collections::{BTreeMap, BTreeSet};

use super::plot::{LegendKey, Mark, Point, Series};
use crate::runs::{GroupKey, SeedGroup};

/// One colour per baseline (with its grid values, and its experiment where there are several), the same in every figure.
pub(super) struct Colours {
    series: BTreeMap<String, usize>,
    several: bool,
}

impl Colours {
    pub(super) fn new(groups: &[SeedGroup<'_>]) -> Self {
        let experiments: BTreeSet<&str> = groups.iter().map(|g| g.key.experiment.as_str()).collect();
        let mut colours = Self { series: BTreeMap::new(), several: experiments.len() > 1 };
        let labels: BTreeSet<String> = groups.iter().map(|g| colours.label(&g.key)).collect();
        colours.series = labels.into_iter().enumerate().map(|(i, label)| (label, i)).collect();
        colours
    }

    pub(super) fn label(&self, key: &GroupKey) -> String {
        key.label(self.several)
    }

    fn of(&self, key: &GroupKey) -> usize {
        self.series.get(&self.label(key)).copied().unwrap_or_default()
    }

    /// An empty legend.
    pub(super) fn legend(&self) -> Legend<'_> {
        Legend { colours: self, used: BTreeSet::new() }
    }
}

/// The series of one figure.
pub(super) struct Legend<'c> {
    colours: &'c Colours,
    used: BTreeSet<String>,
}

impl Legend<'_> {
    /// A series of the group `key`; `part` says which, where the group has several.
    pub(super) fn series(&mut self, key: &GroupKey, part: &str, mark: Mark, points: Vec<Point>) -> Series {
        let name = self.colours.label(key);
        let label = if part.is_empty() { name.clone() } else { format!("{name}, {part}") };
        self.used.insert(name);
        Series { label, colour: self.colours.of(key), mark, points }
    }

    /// One line per group in use, with a sample of `mark`.
    pub(super) fn keys(&self, mark: Mark) -> Vec<LegendKey> {
        let colour = |name: &String| self.colours.series.get(name).copied();
        self.used.iter().map(|name| LegendKey { label: name.clone(), colour: colour(name), mark: Some(mark) }).collect()
    }
}
