//! One data set read in several forms, as a sequence and as an image.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::Split;
use vocabulary::record::TaskRecord;

use super::colours::Colours;
use super::curve::{BAND, epoch, guides, line, metric_scale, seconds};
use super::plot::{AxisScale, Figure, LegendKey, Mark, Panel, PlotAxis, Series};
use crate::error::ReportError;
use crate::format::{file_name, metric_name};
use crate::runs::frame::{Curves, Frames};
use crate::runs::group::SeedGroup;

/// Data set, sizes of its splits, scale and metric.
type Samples<'a> = (&'a str, [usize; 3], &'static str, &'static str);

/// One figure per data set that is read in several forms, with both on one axis.
pub(super) fn dimensions(
    groups: &[SeedGroup<'_>],
    frames: &Frames,
    colours: &Colours,
) -> Result<Vec<Figure>, ReportError> {
    // The same samples: as many of each split of a data set, at the same scale.
    let mut forms: BTreeMap<Samples<'_>, Vec<(&SeedGroup<'_>, usize)>> = BTreeMap::new();
    for group in groups {
        let Some(record) = group.record() else { continue };
        let (task, rank) = (&record.task, record.task.shape.len().saturating_sub(1));
        let samples = (task.data.as_str(), task.splits, record.scale.name(), task.metric.name());
        forms.entry(samples).or_default().push((group, rank));
    }
    forms.retain(|_, members| members.iter().map(|(_, rank)| rank).collect::<BTreeSet<_>>().len() > 1);
    let mut figures = Vec::new();
    for (samples, members) in &forms {
        let curves = frames.epoch_curves(Split::Validation, samples.3)?;
        let several = forms.keys().filter(|(other, ..)| *other == samples.0).count() > 1;
        figures.extend(figure(samples, several, members, &curves, colours));
    }
    Ok(figures)
}

/// The figure of one data set; `several` says whether others read it in other numbers or at another scale.
fn figure(
    (data, splits, scale_name, _): &Samples<'_>,
    several: bool,
    members: &[(&SeedGroup<'_>, usize)],
    curves: &Curves,
    colours: &Colours,
) -> Option<Figure> {
    let (mut by_epoch, mut by_seconds, mut legend) = (Vec::new(), Vec::new(), colours.legend());
    for (group, rank) in members {
        let Some(points) = curves.get(&group.key) else { continue };
        let mark = if *rank == 1 { Mark::Dashed } else { Mark::Line };
        let mut series = |points| legend.series(&group.key, &format!("{rank}D"), mark, points);
        by_epoch.push(series(line(points, epoch)));
        by_seconds.push(series(line(points, seconds)));
    }
    let TaskRecord { metric, chance, .. } = members.iter().find_map(|(group, _)| group.record())?.task;
    if by_epoch.is_empty() {
        return None;
    }
    let scale = metric_scale(metric, &by_epoch);
    let guides = guides(chance, &by_epoch);
    let panel = |title: &str, x: PlotAxis, series: Vec<Series>| {
        let y = PlotAxis::new(format!("validation {}", metric_name(metric)), scale.clone());
        Panel::new(x, y, series).titled(title).guided(guides.clone())
    };
    let mut legend = legend.keys(Mark::Line);
    legend.push(LegendKey::gap());
    legend.push(LegendKey::hint("2D (image)", Mark::Line));
    legend.push(LegendKey::hint("1D (sequence)", Mark::Dashed));
    legend.extend((!guides.is_empty()).then(LegendKey::guessing));
    let (mut suffix, mut which) = (String::new(), String::new());
    if several {
        let [train, validation, test] = splits;
        suffix = format!("-{scale_name}-{train}-{validation}-{test}");
        which = format!(" ({scale_name}, {train}, {validation} and {test} samples)");
    }
    Some(Figure {
        name: format!("dimensions-{}{suffix}", file_name(data)),
        title: format!("{data}{which}: 1D against 2D"),
        caption: format!(
            "The same samples of {data}{which} read as a sequence (dashed) and as an image (solid): validation {} against \
             the epoch, and against the seconds of training that its machine needed. {BAND}",
            metric_name(metric)
        ),
        panels: vec![
            panel("per epoch", PlotAxis::new("epoch", AxisScale::Count), by_epoch),
            panel("per second", PlotAxis::new("training time, s", AxisScale::Linear), by_seconds),
        ],
        legend,
    })
}
