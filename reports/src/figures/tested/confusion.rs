//! Which classes networks take for which.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::Metric;

use crate::figures::Outcomes;
use crate::figures::plot::{AxisScale, Figure, Mark, Panel, PlotAxis, Point, Series};
use crate::runs::{GroupKey, RunOutcomes, SeedGroup, metric_columns};

/// Most panels of a page: in a report of more, that of the best baseline of every task is drawn.
const MOST_PANELS: usize = 24;
/// Most classes that are drawn.
const MOST_CLASSES: i32 = 64;
/// Most names along an axis.
const MOST_NAMES: i32 = 12;

/// One panel per task and baseline whose outcomes are kept; `None` where there are none.
pub(in crate::figures) fn confusion(
    groups: &[SeedGroup<'_>],
    outcomes: &Outcomes<'_>,
    several: bool,
) -> Option<Figure> {
    let mut drawn: Vec<(&GroupKey, Panel)> = Vec::new();
    for (task, members) in metric_columns(groups) {
        for group in members.iter().filter(|group| group.metric() == Metric::Accuracy) {
            let seeds: Vec<(u64, &RunOutcomes)> = outcomes.tested.of(group).collect();
            let title = format!("{task}: {}", group.key.label(several));
            drawn.extend(panel(&title, &seeds).map(|panel| (&group.key, panel)));
        }
    }
    let mut which = "";
    if drawn.len() > MOST_PANELS {
        let best: BTreeSet<&GroupKey> =
            outcomes.contests.0.iter().filter_map(|contest| Some(&contest.contenders.first()?.key)).collect();
        drawn.retain(|(key, _)| best.contains(key));
        which = " There are too many for a page: drawn is the baseline with the best mean of every task.";
    }
    let panels: Vec<Panel> = drawn.into_iter().map(|(_, panel)| panel).collect();
    let damaged: String = groups.iter().map(|group| outcomes.tested.damaged(group)).collect();
    (!panels.is_empty()).then(|| Figure {
        name: "confusion".to_owned(),
        title: "Confusion matrices".to_owned(),
        caption: format!(
            "Which class (across) networks say for the test samples of every class (down). The outcomes of all seeds of a \
             baseline are pooled; panels say how many there are. Numbers are percent of the samples of a class (none below one, nor where there are more than \
             twelve classes), and shades their square roots, so that rare errors show; values under the pointer and in the file are counts.{which}{damaged}"
        ),
        panels,
        legend: Vec::new(),
    })
}

fn panel(title: &str, seeds: &[(u64, &RunOutcomes)]) -> Option<Panel> {
    let mut counts: BTreeMap<(i32, i32), u64> = BTreeMap::new();
    for ((label, prediction), count) in seeds.iter().flat_map(|(_, found)| &found.confusion) {
        *counts.entry((*label, (*prediction).max(-1))).or_default() += count;
    }
    let classes = counts.keys().map(|(label, prediction)| *label.max(prediction)).max()? + 1;
    if !(2..=MOST_CLASSES).contains(&classes) || counts.keys().any(|(label, _)| *label < 0) {
        return None;
    }
    let mut of_label: BTreeMap<i32, u64> = BTreeMap::new();
    counts.iter().for_each(|((label, _), count)| *of_label.entry(*label).or_default() += count);
    let nothing = counts.keys().any(|(_, prediction)| *prediction < 0);
    let point = |((label, prediction), count): (&(i32, i32), &u64)| {
        let all = of_label.get(label).copied().unwrap_or(0);
        let share = *count as f64 / all as f64;
        // What is no number stands behind the last class.
        let said = if *prediction < 0 { "no number".to_owned() } else { prediction.to_string() };
        Point {
            x: f64::from(if *prediction < 0 { classes } else { *prediction }),
            y: f64::from(*label),
            n: usize::try_from(*count).unwrap_or(usize::MAX),
            weight: share.sqrt(),
            text: if 100.0 * share >= 1.0 && classes <= MOST_NAMES {
                format!("{:.0}", 100.0 * share)
            } else {
                String::new()
            },
            note: format!("label {label}, predicted {said}: {count} of {all} ({:.2} %)", 100.0 * share),
            ..Point::default()
        }
    };
    let stride = (classes + MOST_NAMES - 1) / MOST_NAMES;
    let name = |class: i32| if class % stride == 0 { class.to_string() } else { String::new() };
    let names: Vec<String> = (0..classes).map(name).collect();
    let across = names.iter().cloned().chain(nothing.then(|| "–".to_owned())).collect();
    let plural = if seeds.len() == 1 { "seed" } else { "seeds" };
    let series =
        Series { label: title.to_owned(), colour: 0, mark: Mark::Cells, points: counts.iter().map(point).collect() };
    let x = PlotAxis::new("prediction", AxisScale::Names(across));
    let y = PlotAxis::new("label", AxisScale::NamesDown(names));
    Some(Panel::new(x, y, vec![series]).titled(format!("{title}, {} {plural}", seeds.len())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn outcomes(confusion: &[((i32, i32), u64)]) -> RunOutcomes {
        RunOutcomes { confusion: confusion.iter().copied().collect(), ..RunOutcomes::default() }
    }

    #[test]
    fn seeds_are_pooled_and_shares_are_those_of_labels() {
        let (a, b) = (outcomes(&[((0, 0), 3), ((0, 1), 1), ((1, -2), 2)]), outcomes(&[((0, 0), 4), ((2, 2), 5)]));
        let found = panel("t: x", &[(0, &a), (1, &b)]).unwrap();
        assert_eq!(found.title, "t: x, 2 seeds");
        let points = &found.series[0].points;
        let of = |point: &Point| (point.x, point.y, point.n);
        assert_eq!(
            points.iter().map(of).collect::<Vec<_>>(),
            [(0.0, 0.0, 7), (1.0, 0.0, 1), (3.0, 1.0, 2), (2.0, 2.0, 5)]
        );
        assert_eq!(points[1].note, "label 0, predicted 1: 1 of 8 (12.50 %)");
        assert!((points[1].weight - 0.125_f64.sqrt()).abs() < 1e-12);
        assert!(points[2].note.contains("predicted no number"));
        let AxisScale::Names(across) = &found.x.scale else { unreachable!() };
        assert_eq!(across.as_slice(), ["0", "1", "2", "–"]);
    }

    #[test]
    fn what_has_no_classes_is_not_drawn() {
        assert_eq!(panel("t", &[]), None);
        assert_eq!(panel("t", &[(0, &outcomes(&[((0, 0), 3)]))]), None);
        assert_eq!(panel("t", &[(0, &outcomes(&[((0, 500), 3)]))]), None);
        assert_eq!(panel("t", &[(0, &outcomes(&[((-1, 1), 3)]))]), None);
    }
}
