//! How far the weights of networks are from orthonormal.

use std::collections::BTreeMap;

use vocabulary::record::RunRecord;

use super::colours::Colours;
use super::curve::{BAND, epoch, line, loss_scale, tasks, thin};
use super::plot::{AxisScale, Figure, Mark, Panel, PlotAxis};
use crate::error::ReportError;
use crate::format::file_name;
use crate::runs::{CurvePoint, Run, SeedGroup, read_diagnostics};

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
pub(super) fn orthonormality(groups: &[SeedGroup<'_>], colours: &Colours) -> Vec<Figure> {
    tasks(groups).into_iter().filter_map(|task| figure(task, groups, colours)).collect()
}

fn figure(task: &str, groups: &[SeedGroup<'_>], colours: &Colours) -> Option<Figure> {
    let keeps = |group: &SeedGroup<'_>| group.record().and_then(keeps_orthonormal);
    let members: Vec<&SeedGroup<'_>> = groups.iter().filter(|g| g.key.task == task && keeps(g).is_some()).collect();
    if !members.iter().any(|group| keeps(group) == Some(true)) {
        return None;
    }
    let (mut series, mut legend, mut unreadable) = (Vec::new(), colours.legend(), String::new());
    for group in members {
        let points = curve(group, &mut unreadable);
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
             such, at the beginning and after every epoch. {BAND}{unreadable}"
        ),
        panels: vec![Panel::new(PlotAxis::new("optimiser step", AxisScale::Count), y, series)],
        legend: legend.keys(Mark::Line),
    })
}

/// The distances of the seeds of `group` by step; a sentence is added to `unreadable` for every run that is left out.
fn curve(group: &SeedGroup<'_>, unreadable: &mut String) -> Vec<CurvePoint> {
    let mut by_step: BTreeMap<u64, CurvePoint> = BTreeMap::new();
    for run in &group.runs {
        let distances = distances(run).unwrap_or_else(|error| {
            unreadable.push_str(&format!(" {} is left out: {error}.", run.id));
            BTreeMap::new()
        });
        for (at, distance) in distances {
            let empty = || CurvePoint { at, seeds: Vec::new(), values: Vec::new(), wall: Vec::new() };
            let point = by_step.entry(at).or_insert_with(empty);
            point.seeds.push(run.seed().unwrap_or_default());
            point.values.push(distance);
            point.wall.push(0.0);
        }
    }
    by_step.into_values().collect()
}

/// ‖I − WᵀW‖ of the weights of a run's network by step; steps at which a layer had no finite value are left out.
///
/// # Errors
/// Its diagnostics are damaged.
fn distances(run: &Run) -> Result<BTreeMap<u64, f64>, ReportError> {
    let path = run.path.join("diagnostics.jsonl");
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let (lines, _) = read_diagnostics(&path)?;
    // Where a step stands twice, the later lines hold.
    let mut squares: BTreeMap<u64, BTreeMap<String, Option<f64>>> = BTreeMap::new();
    for line in lines.into_iter().filter(|line| line.quantity == ORTHONORMALITY) {
        squares.entry(line.step).or_default().insert(line.layer, line.value);
    }
    let sum = |layers: BTreeMap<String, Option<f64>>| layers.into_values().sum::<Option<f64>>();
    Ok(squares.into_iter().filter_map(|(step, layers)| Some((step, sum(layers)?.sqrt()))).collect())
}
