//! Trained networks on other resolutions and other settings of their task.

use std::collections::BTreeSet;

use vocabulary::record::{RunRecord, Variant};

use crate::error::ReportError;
use crate::figures::colours::{Colours, Legend};
use crate::figures::curve::{BAND, guides, metric_scale, numbers_scale, tasks};
use crate::figures::plot::{Figure, LegendKey, Mark, Panel, PlotAxis, Point, Series};
use crate::format::metric_name;
use crate::runs::{ByGroup, BySeed, EvaluatedGroups, Frames, Runs, SeedGroup};

/// What is varied: the abscissa of a panel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Varied<'a> {
    /// Samples per axis.
    Resolution,
    /// A numeric setting of the task, alone or with others before it.
    Setting(&'a str),
}

/// One panel per task and what is varied of it; `None` where nothing was evaluated that can be drawn against a number.
pub(in crate::figures) fn evaluations(
    runs: &Runs,
    groups: &[SeedGroup<'_>],
    frames: &Frames,
    evaluated: &EvaluatedGroups,
    colours: &Colours,
) -> Result<Option<Figure>, ReportError> {
    let test = frames.test_values(runs)?;
    let mut legend = colours.legend();
    let mut panels: Vec<Panel> = Vec::new();
    for task in tasks(groups) {
        let members: Vec<&SeedGroup<'_>> = groups.iter().filter(|group| group.key.task == task).collect();
        let judged = members.iter().flat_map(|group| evaluated.of(&group.key));
        let kinds: BTreeSet<Varied<'_>> = judged.filter_map(|judged| Some(abscissa(&judged.variant)?.0)).collect();
        let of_kind = |kind| Some((kind, panel(task, kind, &members, &test, evaluated, &mut legend)?));
        let drawn: Vec<(&Varied<'_>, Panel)> = kinds.iter().filter_map(of_kind).collect();
        let alone = drawn.len() == 1;
        panels.extend(drawn.into_iter().map(|(kind, panel)| match kind {
            _ if alone => panel,
            Varied::Resolution => panel.titled(format!("{task}, resolution")),
            Varied::Setting(name) => panel.titled(format!("{task}, {name}")),
        }));
    }
    if panels.is_empty() {
        return Ok(None);
    }
    let mut legend = legend.keys(Mark::Line);
    legend.extend(panels.iter().any(|panel| !panel.guides.is_empty()).then(LegendKey::guessing));
    Ok(Some(Figure {
        name: "test-values-by-variant".to_owned(),
        title: "Other resolutions and lengths".to_owned(),
        caption: format!(
            "The test metric of the networks as they were trained, against the samples per axis relative to the task's, or \
             against a setting of the task. The upright line is at what they were trained on. {BAND}"
        ),
        panels,
        legend,
    }))
}

/// What a variant varies, and its value; nothing where that is no number. Of several settings the last is the axis, as of
/// `{min_length: 120, max_length: 240}`.
fn abscissa(variant: &Variant) -> Option<(Varied<'_>, f64)> {
    match variant {
        Variant::Resample(factor) => Some((Varied::Resolution, *factor)),
        Variant::Task(settings) => {
            let (name, value) = settings.iter().next_back()?;
            Some((Varied::Setting(name), value.as_f64()?))
        }
    }
}

/// The value of what is varied in training.
fn trained_at(kind: &Varied<'_>, record: &RunRecord) -> Option<f64> {
    match kind {
        Varied::Resolution => Some(1.0),
        Varied::Setting(name) => record.task.config.get(name)?.as_f64(),
    }
}

fn panel(
    task: &str,
    kind: &Varied<'_>,
    members: &[&SeedGroup<'_>],
    test: &ByGroup,
    evaluated: &EvaluatedGroups,
    legend: &mut Legend<'_>,
) -> Option<Panel> {
    let record = members.iter().find_map(|group| group.record())?;
    let mut series: Vec<Series> = Vec::new();
    let mut verticals: Vec<f64> = Vec::new();
    for group in members {
        let judged = evaluated.of(&group.key).iter();
        let values = judged.filter_map(|judged| match abscissa(&judged.variant)? {
            (of, x) if of == *kind => point(x, &judged.values),
            _ => None,
        });
        let mut points: Vec<Point> = values.collect();
        if points.is_empty() {
            continue;
        }
        if let Some(own) = group.record().and_then(|record| trained_at(kind, record)) {
            if !points.iter().any(|point| point.x == own) {
                points.extend(test.get(&group.key).and_then(|values| point(own, values)));
            }
            if !verticals.contains(&own) {
                verticals.push(own);
            }
        }
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        series.push(legend.series(&group.key, "", Mark::Line, points));
    }
    // What was trained alone is no curve: it stands in the table.
    if series.iter().flat_map(|line| &line.points).all(|point| verticals.contains(&point.x)) {
        return None;
    }
    let label = match kind {
        Varied::Resolution => "samples per axis, relative",
        Varied::Setting(name) => name,
    };
    let metric = record.task.metric;
    let (x, y) = (numbers_scale(&series), metric_scale(metric, &series));
    let guides = guides(record.task.chance, &series);
    let axes = (PlotAxis::new(label, x), PlotAxis::new(format!("test {}", metric_name(metric)), y));
    let mut panel = Panel::new(axes.0, axes.1, series).titled(task).guided(guides);
    panel.verticals = verticals;
    Some(panel)
}

fn point(x: f64, values: &BySeed) -> Option<Point> {
    let summary = values.summary()?;
    Some(Point { seeds: values.0.clone(), ..Point::mean(x, &summary) })
}
