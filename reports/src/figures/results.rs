//! The test value of every seed.

use vocabulary::Metric;

use super::colours::Colours;
use super::plot::{AxisScale, Figure, Mark, Panel, PlotAxis, Point, Series};
use crate::error::ReportError;
use crate::format::{metric_name, told_apart};
use crate::runs::{ByGroup, BySeed, Frames, GroupKey, Runs, SeedGroup, metric_columns};

/// One panel per task and metric, one row per baseline; `None` where no run has finished.
pub(super) fn test_values(
    runs: &Runs,
    groups: &[SeedGroup<'_>],
    frames: &Frames,
    colours: &Colours,
) -> Result<Option<Figure>, ReportError> {
    let values = frames.test_values(runs)?;
    let labels: Vec<String> = groups.iter().map(|group| colours.label(&group.key)).collect();
    let names = told_apart(labels.iter().map(String::as_str));
    let name = |key: &GroupKey| names.get(colours.label(key).as_str()).cloned().unwrap_or_default();
    let of_task = |(task, members): &(&str, Vec<&SeedGroup<'_>>)| panel(task, members, &values, colours, name);
    let panels: Vec<Panel> = metric_columns(groups).iter().filter_map(of_task).collect();
    Ok((!panels.is_empty()).then(|| Figure {
        name: "test-values".to_owned(),
        title: "Test values of every seed".to_owned(),
        caption: "Test metric of the epoch that was best on validation. Ticks: the seeds. Symbols: their means, with a bar from the \
                  lowest to the highest seed."
            .to_owned(),
        panels,
        legend: Vec::new(),
    }))
}

fn panel(
    task: &str,
    members: &[&SeedGroup<'_>],
    values: &ByGroup,
    colours: &Colours,
    name: impl Fn(&GroupKey) -> String,
) -> Option<Panel> {
    // The first stands at the top.
    let rows: Vec<(&SeedGroup<'_>, &BySeed)> =
        members.iter().rev().filter_map(|group| Some((*group, values.get(&group.key)?))).collect();
    let metric = rows.first()?.0.metric();
    let mut legend = colours.legend();
    let mut series: Vec<Series> = Vec::new();
    for (row, (group, found)) in rows.iter().enumerate() {
        let y = row as f64;
        let Some(summary) = found.summary() else { continue };
        let seed =
            |(seed, value): &(u64, f64)| Point { x: *value, y, n: 1, note: format!("seed {seed}"), ..Point::default() };
        series.push(legend.series(&group.key, "seeds", Mark::Ticks, found.0.iter().map(seed).collect()));
        let mean = Point { seeds: found.0.clone(), ..Point::mean(summary.mean, &summary) };
        series.push(legend.series(&group.key, "", Mark::Filled, vec![Point { y, ..mean }]));
    }
    let names = rows.iter().map(|(group, _)| name(&group.key)).collect();
    let all_positive = series.iter().flat_map(|series| &series.points).all(|point| point.x > 0.0);
    let scale = match metric {
        Metric::Accuracy => AxisScale::Percent,
        Metric::MeanSquaredError if all_positive => AxisScale::Log,
        _ => AxisScale::Linear,
    };
    let x = PlotAxis::new(format!("test {}", metric_name(metric)), scale);
    Some(Panel::new(x, PlotAxis::new("", AxisScale::Names(names)), series).titled(task))
}
