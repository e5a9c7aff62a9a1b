//! How far the weights of networks are from orthonormal.

use vocabulary::record::RunRecord;

use super::colours::Colours;
use super::curve::{BAND, by_step, epoch, line, loss_scale, tasks, thin};
use super::plot::{AxisScale, Figure, Mark, Panel, PlotAxis};
use crate::format::file_name;
use crate::runs::{CurvePoint, Diagnostics, SeedGroup};

/// What is drawn of the weight matrices W of a network: ‖I − WᵀW‖.
const ORTHONORMALITY: &str = "orthonormality";

/// Whether a baseline has a setting that keeps weights orthonormal, and whether it is in use.
fn keeps_orthonormal(record: &RunRecord) -> Option<bool> {
    let config = &record.baseline.config;
    match (config.get("orthonormality"), config.get("orthogonality")) {
        (None, None) => None,
        (weight, way) => {
            let weighted = weight.and_then(|weight| weight.as_f64()).is_some_and(|weight| weight > 0.0);
            Some(weighted || way.and_then(|way| way.as_str()).is_some_and(|way| way != "none"))
        }
    }
}

/// How far the weights of networks are from orthonormal, against the step: of all networks of a task that have a setting for
/// it, where one of them uses it. The others are what those are compared with.
pub(super) fn orthonormality(groups: &[SeedGroup<'_>], diagnostics: &Diagnostics, colours: &Colours) -> Vec<Figure> {
    tasks(groups).into_iter().filter_map(|task| figure(task, groups, diagnostics, colours)).collect()
}

fn figure(task: &str, groups: &[SeedGroup<'_>], diagnostics: &Diagnostics, colours: &Colours) -> Option<Figure> {
    let keeps = |group: &SeedGroup<'_>| group.record().and_then(keeps_orthonormal);
    let members: Vec<&SeedGroup<'_>> = groups.iter().filter(|g| g.key.task == task && keeps(g).is_some()).collect();
    if !members.iter().any(|group| keeps(group) == Some(true)) {
        return None;
    }
    let (mut series, mut legend, mut unreadable) = (Vec::new(), colours.legend(), String::new());
    for group in members {
        unreadable.push_str(&diagnostics.damaged(group));
        let points = curve(group, diagnostics);
        if !points.is_empty() {
            series.push(legend.series(&group.key, "", Mark::Line, line(&thin(&points), epoch)));
        }
    }
    if series.is_empty() {
        return None;
    }
    let y = PlotAxis::new("‖I − WᵀW‖", loss_scale(&series));
    Some(Figure {
        name: format!("{ORTHONORMALITY}-{}", file_name(task)),
        title: format!("{task}: distance from orthonormal weights"),
        caption: format!(
            "‖I − WᵀW‖ (Frobenius norm) of the weights W of networks for {task} that can be held orthonormal, whether \
             they are or not: the root of the sum of squares over their layers, and over the gates of those that have \
             such, at the beginning, after 1, 2, 4, … steps of the first epoch, and after every epoch. {BAND}{unreadable}"
        ),
        panels: vec![Panel::new(PlotAxis::new("optimiser step", AxisScale::Count), y, series)],
        legend: legend.keys(Mark::Line),
    })
}

/// The distances of the seeds of `group` by step.
fn curve(group: &SeedGroup<'_>, diagnostics: &Diagnostics) -> Vec<CurvePoint> {
    by_step(diagnostics.of(group).map(|(seed, run)| (seed, run.orthonormality.clone())))
}
