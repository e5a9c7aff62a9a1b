//! Accuracy against what tasks know of the length or the difficulty of their samples.

use std::collections::BTreeSet;

use crate::figures::colours::{Colours, Legend};
use crate::figures::plot::{AxisScale, Figure, Mark, Panel, PlotAxis, Point, Series};
use crate::runs::{Bin, RunOutcomes, SeedGroup, Tested, metric_columns};
use crate::statistics::Summary;

/// An axis is logarithmic from this quotient of its largest and smallest value on.
const SKEWED: f64 = 10.0;

/// One panel per task and attribute; `None` where no task knows one.
pub(in crate::figures) fn accuracy_by_attribute(
    groups: &[SeedGroup<'_>],
    tested: &Tested,
    colours: &Colours,
) -> Option<Figure> {
    let (mut panels, mut legend) = (Vec::new(), colours.legend());
    for (task, members) in metric_columns(groups) {
        let names: BTreeSet<&str> = members
            .iter()
            .flat_map(|group| tested.of(group))
            .flat_map(|(_, found)| &found.by)
            .map(|by| by.name.as_str())
            .collect();
        panels.extend(names.into_iter().filter_map(|name| panel(task, name, &members, tested, &mut legend)));
    }
    (!panels.is_empty()).then(|| Figure {
        name: "accuracy-by-attribute".to_owned(),
        title: "Accuracy by length and difficulty of the test samples".to_owned(),
        caption: "Share of the test samples that networks have right, of samples of about the same length or difficulty, at the mean of their \
                  values. Up to ten values of an attribute are told apart; of more, samples are put into at most eight bins with \
                  about as many samples each, and the file of plotted values names their ends and sizes. Lines are means over seeds, bands go from \
                  the lowest to the highest seed: that is the error over seeds alone, and a bin of few samples has a larger one over samples."
            .to_owned(),
        panels,
        legend: legend.keys(Mark::Line),
    })
}

fn panel(
    task: &str,
    name: &str,
    members: &[&SeedGroup<'_>],
    tested: &Tested,
    legend: &mut Legend<'_>,
) -> Option<Panel> {
    let mut series: Vec<Series> = Vec::new();
    for group in members {
        let seeds: Vec<(u64, &[Bin])> =
            tested.of(group).filter_map(|(seed, found)| Some((seed, bins(found, name)?))).collect();
        let points = points(&seeds);
        if !points.is_empty() {
            series.push(legend.series(&group.key, "", Mark::Line, points));
        }
    }
    let ends = series.iter().flat_map(|series| &series.points).map(|point| point.x);
    let (least, most) = ends.fold((f64::INFINITY, 0.0), |(least, most), x| (x.min(least), x.max(most)));
    let scale = if least > 0.0 && most > SKEWED * least { AxisScale::LogCount } else { AxisScale::Linear };
    let (x, y) = (PlotAxis::new(name, scale), PlotAxis::new("test accuracy, %", AxisScale::Percent));
    (!series.is_empty()).then(|| Panel::new(x, y, series).titled(task))
}

fn bins<'o>(found: &'o RunOutcomes, name: &str) -> Option<&'o [Bin]> {
    found.by.iter().find(|by| by.name == name).map(|by| by.bins.as_slice())
}

/// Means over the seeds whose samples are those of the first: another number of samples makes other bins.
fn points(seeds: &[(u64, &[Bin])]) -> Vec<Point> {
    let Some((_, first)) = seeds.first() else { return Vec::new() };
    let place = |bin: &Bin| (bin.least, bin.most, bin.samples);
    let alike = |bins: &&[Bin]| bins.iter().map(place).eq(first.iter().map(place));
    let all: Vec<&[Bin]> = seeds.iter().map(|(_, bins)| *bins).filter(alike).collect();
    let point = |(at, bin): (usize, &Bin)| {
        let accuracies: Vec<f64> = all.iter().map(|bins| bins[at].right as f64 / bin.samples as f64).collect();
        let ends = if bin.least == bin.most { bin.least.to_string() } else { format!("{} to {}", bin.least, bin.most) };
        let note = format!("{ends}: {} samples", bin.samples);
        Some(Point { note, ..Point::mean(bin.mean, &Summary::of(&accuracies)?) })
    };
    first.iter().enumerate().filter_map(point).collect()
}
