//! How far the weights of networks are from orthonormal, and what that adds to their loss.

use vocabulary::Split;
use vocabulary::record::RunRecord;

use super::super::colours::{Colours, Legend};
use super::super::curve::{BAND, by_step, epoch, line, loss_scale, tasks, thin};
use super::super::plot::{AxisScale, Figure, Mark, Panel, PlotAxis, Series};
use crate::error::ReportError;
use crate::format::file_name;
use crate::runs::{CurvePoint, Curves, Diagnostics, Frames, RunDiagnostics, SeedGroup};

/// How a baseline can be held orthonormal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Hold {
    /// It is not.
    Free,
    /// By this weight on the loss of orthogonality.
    Penalty(f64),
    /// By its form.
    Exact,
}

/// How the weights of a run are held; none where its baseline has no setting for it.
fn hold(record: &RunRecord) -> Option<Hold> {
    let config = &record.baseline.config;
    let number = |field: &str| config.get(field).and_then(serde_json::Value::as_f64);
    let penalty = |weight: Option<f64>| weight.filter(|weight| *weight > 0.0).map_or(Hold::Free, Hold::Penalty);
    match (config.get("orthonormality"), config.get("orthogonality")) {
        (None, None) => None,
        (Some(_), _) => Some(penalty(number("orthonormality"))),
        (None, Some(way)) => Some(match way.as_str().unwrap_or("none") {
            "none" => Hold::Free,
            "loss" => penalty(number("orthogonality_weight")),
            _ => Hold::Exact,
        }),
    }
}

/// How far the weights of networks are from orthonormal, against the step: of all networks of a task that have a setting for
/// it, where one of them uses it. The others are what those are compared with.
///
/// # Errors
/// Aggregation fails.
pub(super) fn orthonormality(
    groups: &[SeedGroup<'_>],
    frames: &Frames,
    diagnostics: &Diagnostics,
    colours: &Colours,
) -> Result<Vec<Figure>, ReportError> {
    let is_held = |group: &SeedGroup<'_>| group.record().and_then(hold).is_some_and(|hold| hold != Hold::Free);
    if !groups.iter().any(is_held) {
        return Ok(Vec::new());
    }
    let penalties = frames.step_curves(Split::Train, "penalty")?;
    let figures = tasks(groups).into_iter().filter_map(|task| {
        let members: Vec<(&SeedGroup<'_>, Hold)> = groups
            .iter()
            .filter(|group| group.key.task == task)
            .filter_map(|group| Some((group, group.record().and_then(hold)?)))
            .collect();
        let used = members.iter().any(|(_, hold)| *hold != Hold::Free);
        used.then(|| figure(task, &members, &penalties, diagnostics, colours)).flatten()
    });
    Ok(figures.collect())
}

fn figure(
    task: &str,
    members: &[(&SeedGroup<'_>, Hold)],
    penalties: &Curves,
    diagnostics: &Diagnostics,
    colours: &Colours,
) -> Option<Figure> {
    let mut legend = colours.legend();
    let distance = |legend: &mut Legend<'_>, of: fn(&RunDiagnostics) -> &std::collections::BTreeMap<u64, f64>| {
        let curve = |group: &SeedGroup<'_>| by_step(diagnostics.of(group).map(|(seed, run)| (seed, of(run).clone())));
        drawn(legend, members.iter().map(|(group, _)| (*group, curve(group))))
    };
    let orthonormal = distance(&mut legend, |run| &run.orthonormality);
    let orthogonal = distance(&mut legend, |run| &run.orthogonality);
    let losses = members.iter().filter_map(|(group, hold)| match hold {
        Hold::Penalty(weight) => Some((*group, unweighted(penalties.get(&group.key)?, *weight))),
        Hold::Free | Hold::Exact => None,
    });
    let losses = drawn(&mut legend, losses);
    let panel = |title: &str, label: &str, series: Vec<Series>| {
        let y = PlotAxis::new(label, loss_scale(&series));
        let x = PlotAxis::new("optimiser step", AxisScale::Count);
        (!series.is_empty()).then(|| Panel::new(x, y, series).titled(title))
    };
    let panels: Vec<Panel> = [
        panel("weights as they are", "‖I − WᵀW‖", orthonormal),
        panel("units scaled to length 1", "‖I − normalised WᵀW‖", orthogonal),
        panel("loss of orthogonality, per step", "loss before its weight", losses),
    ]
    .into_iter()
    .flatten()
    .collect();
    if panels.is_empty() {
        return None;
    }
    let unreadable: String = members.iter().map(|(group, _)| diagnostics.damaged(group)).collect();
    Some(Figure {
        name: format!("orthonormality-{}", file_name(task)),
        title: format!("{task}: distance from orthonormal weights"),
        caption: format!(
            "‖I − WᵀW‖ (Frobenius norm) of the weights W of networks for {task} that can be held orthonormal, whether \
             they are or not, as they are and, where that is what is held, with units scaled to length 1: the root of the sum of \
             squares over their layers, and over the gates of those that have such, at the beginning, after 1, 2, 4, … steps \
             of the first epoch, and after every epoch. Beside it the loss of orthogonality of those networks that have one \
             (over the layers that it judges), without its weight. {BAND}{unreadable}"
        ),
        panels,
        legend: legend.keys(Mark::Line),
    })
}

/// A line for each of the groups that have points.
fn drawn<'g, 'a: 'g>(
    legend: &mut Legend<'_>,
    curves: impl Iterator<Item = (&'g SeedGroup<'a>, Vec<CurvePoint>)>,
) -> Vec<Series> {
    let present = curves.filter(|(_, points)| !points.is_empty());
    present.map(|(group, points)| legend.series(&group.key, "", Mark::Line, line(&thin(&points), epoch))).collect()
}

/// The penalty of every step over its weight.
fn unweighted(points: &[CurvePoint], weight: f64) -> Vec<CurvePoint> {
    let mut points = points.to_vec();
    points.iter_mut().flat_map(|point| &mut point.values).for_each(|value| *value /= weight);
    points
}
