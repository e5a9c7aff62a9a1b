//! The test value against the one numeric field that a grid varies, beside others that are words.

use std::collections::BTreeSet;

use crate::error::ReportError;
use crate::figures::colours::Colours;
use crate::figures::curve::{BAND, guides, metric_scale, numbers_scale};
use crate::figures::plot::{Figure, LegendKey, Mark, Panel, PlotAxis, Point, Series};
use crate::format::{file_name, metric_name};
use crate::runs::{ByGroup, Frames, GroupKey, Runs, SeedGroup, metric_columns, plain};

/// One panel per task, one line per baseline and values of the other fields; `None` where grids vary no number, or several.
pub(in crate::figures) fn against_field(
    runs: &Runs,
    groups: &[SeedGroup<'_>],
    frames: &Frames,
) -> Result<Option<Figure>, ReportError> {
    let fields: BTreeSet<&str> = runs.records().flat_map(|record| record.grid.keys()).map(String::as_str).collect();
    let is_numeric =
        |field: &&str| runs.records().filter_map(|record| record.grid.get(*field)).all(serde_json::Value::is_number);
    let numeric: Vec<&str> = fields.into_iter().filter(is_numeric).collect();
    let [field] = numeric.as_slice() else { return Ok(None) };
    let values = frames.test_values(runs)?;
    let lines: Vec<SeedGroup<'_>> = groups.iter().map(|group| without(group, field)).collect();
    // Here a baseline is one line, and has one colour.
    let colours = Colours::new(&lines);
    let columns = metric_columns(groups);
    let of_task = |(task, members): &(&str, Vec<&SeedGroup<'_>>)| panel(task, members, field, &values, &colours);
    let drawn: Vec<(Panel, Vec<LegendKey>)> = columns.iter().filter_map(of_task).collect();
    if drawn.is_empty() {
        return Ok(None);
    }
    let mut legend: Vec<LegendKey> = Vec::new();
    for key in drawn.iter().flat_map(|(_, keys)| keys) {
        if !legend.contains(key) {
            legend.push(key.clone());
        }
    }
    legend.sort_by(|a, b| a.label.cmp(&b.label));
    let panels: Vec<Panel> = drawn.into_iter().map(|(panel, _)| panel).collect();
    legend.extend(panels.iter().any(|panel| !panel.guides.is_empty()).then(LegendKey::guessing));
    let name = field.rsplit('.').next().unwrap_or(field);
    Ok(Some(Figure {
        name: format!("test-values-by-{}", file_name(name)),
        title: format!("Test values against {name}"),
        caption: format!("Test metric of the epoch that was best on validation, against {field}. {BAND}"),
        panels,
        legend,
    }))
}

/// The value of `field` in a group, where the run had it: a scale may have cut the setting.
fn value(group: &SeedGroup<'_>, field: &str) -> Option<f64> {
    let record = group.record()?;
    let asked = record.grid.get(field)?.as_f64()?;
    let (part, path) = field.split_once('.')?;
    let settings = match part {
        "task" => &record.task.config,
        "baseline" => &record.baseline.config,
        _ => &record.training,
    };
    let had = settings.pointer(&format!("/{}", path.replace('.', "/"))).and_then(serde_json::Value::as_f64);
    Some(asked).filter(|asked| had.is_none_or(|had| had == *asked))
}

/// `group` under the name that it shares with the other values of `field`.
fn without<'a>(group: &SeedGroup<'a>, field: &str) -> SeedGroup<'a> {
    let mut named = group.clone();
    named.key = key_without(group, field);
    named
}

fn key_without(group: &SeedGroup<'_>, field: &str) -> GroupKey {
    let mut key = group.key.clone();
    let value = group.record().and_then(|record| record.grid.get(field));
    if let Some(value) = value {
        let own = format!("{field}={}", plain(value));
        key.grid = key.grid.split(' ').filter(|part| *part != own).collect::<Vec<_>>().join(" ");
    }
    key
}

fn panel(
    task: &str,
    members: &[&SeedGroup<'_>],
    field: &str,
    values: &ByGroup,
    colours: &Colours,
) -> Option<(Panel, Vec<LegendKey>)> {
    let record = members.iter().find_map(|group| group.record())?;
    let mut lines: Vec<(GroupKey, Vec<Point>)> = Vec::new();
    for group in members {
        let (Some(x), Some(found)) = (value(group, field), values.get(&group.key)) else { continue };
        let Some(summary) = found.summary() else { continue };
        let point = Point { seeds: found.0.clone(), ..Point::mean(x, &summary) };
        let key = key_without(group, field);
        match lines.iter_mut().find(|(known, _)| *known == key) {
            Some((_, points)) => points.push(point),
            None => lines.push((key, vec![point])),
        }
    }
    let mut legend = colours.legend();
    let line = |(key, mut points): (GroupKey, Vec<Point>)| {
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        legend.series(&key, "", Mark::Line, points)
    };
    let series: Vec<Series> = lines.into_iter().map(line).collect();
    if series.is_empty() {
        return None;
    }
    let metric = record.task.metric;
    let guides = guides(record.task.chance, &series);
    let x = PlotAxis::new(field, numbers_scale(&series));
    let y = PlotAxis::new(format!("test {}", metric_name(metric)), metric_scale(metric, &series));
    Some((Panel::new(x, y, series).titled(task).guided(guides), legend.keys(Mark::Line)))
}
