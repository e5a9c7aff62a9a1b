//! The names of lines, at their ends.

use std::collections::BTreeMap;

use super::figure::{LegendKey, Mark, Panel, Series};
use crate::format::told_apart;

/// Longest name at the end of a line, in characters.
const LONGEST: usize = 14;
const CHARACTER: f64 = 6.1;
/// Least distance between two names, in shown pixels.
pub(super) const ROW: f64 = 12.0;

/// The names of the coloured series of a figure: what of the labels in its legend differs, cut where that is long.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    short: BTreeMap<usize, String>,
    /// As the legend has them.
    full: BTreeMap<usize, String>,
}

impl Names {
    /// The names in `legend`; none where there is but one.
    pub(super) fn of(legend: &[LegendKey]) -> Self {
        // A page looks for the first entry of a colour.
        let full: BTreeMap<usize, String> =
            legend.iter().rev().filter_map(|key| Some((key.colour?, key.label.clone()))).collect();
        if full.len() < 2 {
            return Self { full, ..Self::default() };
        }
        let distinct = told_apart(full.values().map(String::as_str));
        let short =
            full.iter().map(|(colour, label)| (*colour, shortened(&distinct[label.as_str()], LONGEST))).collect();
        Self { short, full }
    }

    /// The name of the series of `colour`.
    pub(super) fn get(&self, colour: usize) -> Option<&str> {
        self.short.get(&colour).map(String::as_str)
    }

    /// What the legend calls the series of `colour`.
    pub(super) fn label(&self, colour: usize) -> Option<&str> {
        self.full.get(&colour).map(String::as_str)
    }

    /// Shown pixels that the names beside `panel` need.
    pub(super) fn width(&self, panel: &Panel) -> u32 {
        let lines = panel.series.iter().filter(|series| is_named(panel, series));
        let longest = lines.filter_map(|series| self.get(series.colour)).map(|name| name.chars().count()).max();
        longest.map_or(0, |longest| (CHARACTER * longest as f64).ceil() as u32 + 18)
    }
}

/// Whether the name of `series` stands at its end: of every solid line, and of a dashed one without a solid one beside it.
pub(super) fn is_named(panel: &Panel, series: &Series) -> bool {
    match series.mark {
        Mark::Line => true,
        Mark::Dashed => !has_solid(panel, series),
        Mark::Dotted | Mark::Filled | Mark::Hollow | Mark::Ticks | Mark::Specks | Mark::Cells => false,
    }
}

/// Whether a solid line of the colour of `series` is in `panel`.
pub(super) fn has_solid(panel: &Panel, series: &Series) -> bool {
    panel.series.iter().any(|other| other.mark == Mark::Line && other.colour == series.colour)
}

/// `text`, with an ellipsis in its middle if it has more than `longest` characters.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= longest {
        return text.to_owned();
    }
    let tail = (longest - 1) / 2;
    let head = longest - 1 - tail;
    characters[..head].iter().chain(&['…']).chain(&characters[characters.len() - tail..]).collect()
}

/// Where names go that belong at `wanted` (in ascending order): at least `gap` apart, from `low` to `high` where there is room.
pub(super) fn spread(wanted: &[f64], gap: f64, [low, high]: [f64; 2]) -> Vec<f64> {
    let mut places: Vec<f64> = Vec::with_capacity(wanted.len());
    for want in wanted {
        let least = places.last().map_or(low, |last| last + gap);
        places.push(want.max(least));
    }
    let mut most = high;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legend(labels: &[&str]) -> Vec<LegendKey> {
        let key = |(colour, label): (usize, &&str)| LegendKey {
            label: (*label).to_owned(),
            colour: Some(colour),
            mark: Some(Mark::Line),
        };
        labels.iter().enumerate().map(key).collect()
    }

    #[test]
    fn names_say_what_differs() {
        let names = Names::of(&legend(&["ccnn-4-140 scale=smoke", "lstm scale=smoke"]));
        assert_eq!((names.get(0), names.get(1)), (Some("ccnn-4-140"), Some("lstm")));
        let names = Names::of(&legend(&["ccnn a_long_field=10.0", "ccnn a_long_field=30.0"]));
        assert_eq!(names.get(1), Some("a_long_…d=30.0"));
        assert_eq!(Names::of(&legend(&["alone"])).get(0), None);
        let mut twice = legend(&["ccnn, trained", "ccnn, at the start", "lstm"]);
        twice[1].colour = Some(0);
        assert_eq!(Names::of(&twice).label(0), Some("ccnn, trained"), "what a page finds first");
    }

    #[test]
    fn names_do_not_overlap() {
        assert_eq!(spread(&[10.0, 11.0, 50.0], 12.0, [0.0, 100.0]), [10.0, 22.0, 50.0]);
        assert_eq!(spread(&[95.0, 96.0, 97.0], 12.0, [0.0, 100.0]), [76.0, 88.0, 100.0]);
        assert_eq!(spread(&[], 12.0, [0.0, 100.0]), [0.0; 0]);
    }
}
