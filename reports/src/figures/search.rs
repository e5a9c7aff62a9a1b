//! Validation against the values that searches have tried.

use std::collections::BTreeSet;

use vocabulary::record::{RangeScale, TrialRecord};

use super::colours::{Colours, Legend};
use super::curve::metric_scale;
use super::plot::{AxisScale, Figure, LegendKey, Mark, NEUTRAL, Panel, PlotAxis, Point, Series};
use crate::format::{file_name, metric_name};
use crate::runs::{GroupKey, Run, SearchedPair, Searches, SeedGroup, Trial, plain};

/// One figure per task, with one panel per baseline and searched field.
pub(super) fn search(searches: &Searches, groups: &[SeedGroup<'_>], colours: &Colours) -> Vec<Figure> {
    let tasks: BTreeSet<&str> = searches.pairs.iter().map(|pair| pair.task.as_str()).collect();
    tasks.into_iter().filter_map(|task| figure(task, searches, groups, colours)).collect()
}

fn figure(task: &str, searches: &Searches, groups: &[SeedGroup<'_>], colours: &Colours) -> Option<Figure> {
    let mut legend = colours.legend();
    let mut panels = Vec::new();
    for pair in searches.pairs.iter().filter(|pair| pair.task == task) {
        let is_own = |key: &GroupKey| {
            (&key.experiment, &key.task, &key.baseline) == (&pair.experiment, &pair.task, &pair.baseline)
        };
        let (Some(group), Some(record)) =
            (groups.iter().find(|group| is_own(&group.key)), first(searches, pair).and_then(trial_of))
        else {
            continue;
        };
        let of_field =
            |(field, scale): (&String, &RangeScale)| panel(searches, pair, &group.key, (field, *scale), &mut legend);
        panels.extend(record.fields.iter().filter_map(of_field));
    }
    let mut legend = legend.keys(Mark::Filled);
    legend.push(LegendKey::hint("pruned, or not ended", Mark::Hollow));
    (!panels.is_empty()).then(|| Figure {
        name: format!("search-{}", file_name(task)),
        title: format!("{task}: validation of the trials"),
        caption: "The best validation metric of every trial of a search against each of the values that were drawn for it; the values of its \
                  other fields differ, too. Filled: trials that were trained to their end. Hollow: those that were pruned or have not \
                  ended, by what they reached until then. The upright line stands at the value of the chosen trial."
            .to_owned(),
        panels,
        legend,
    })
}

/// The trials of `pair` over one of its fields.
fn panel(
    searches: &Searches,
    pair: &SearchedPair,
    key: &GroupKey,
    (field, scale): (&str, RangeScale),
    legend: &mut Legend<'_>,
) -> Option<Panel> {
    let value = |trial: &Trial| {
        let run = &searches.runs[*trial.runs.first()?];
        run.record.as_ref()?.grid.get(field)
    };
    let number = |trial: &Trial| value(trial).and_then(serde_json::Value::as_f64);
    let numeric = pair.trials.iter().all(|trial| value(trial).is_none() || number(trial).is_some());
    let names: BTreeSet<String> = pair.trials.iter().filter_map(value).map(plain).collect();
    let names: Vec<String> = names.into_iter().collect();
    let place = |trial: &Trial| {
        if numeric {
            return number(trial);
        }
        let own = plain(value(trial)?);
        names.iter().position(|name| *name == own).map(|place| place as f64)
    };
    let point = |(at, trial): (usize, &Trial)| {
        let note = if pair.selected == Some(at) { "chosen".to_owned() } else { String::new() };
        Some((
            trial.done,
            Point { x: place(trial)?, y: trial.validation?, n: trial.runs.len(), note, ..Point::default() },
        ))
    };
    let points: Vec<(bool, Point)> = pair.trials.iter().enumerate().filter_map(point).collect();
    if points.is_empty() {
        return None;
    }
    let of = |wanted: bool| {
        let mut found: Vec<Point> = points.iter().filter(|(done, _)| *done == wanted).map(|(_, p)| p.clone()).collect();
        found.sort_by(|a, b| a.x.total_cmp(&b.x));
        found
    };
    let done = legend.series(key, "", Mark::Filled, of(true));
    let label = format!("{}, pruned or not ended", done.label);
    let pruned = Series { label, colour: NEUTRAL, mark: Mark::Hollow, points: of(false) };
    let series: Vec<Series> = [pruned, done].into_iter().filter(|series| !series.points.is_empty()).collect();
    let metric = first(searches, pair)?.metric();
    let x = match scale {
        _ if !numeric => AxisScale::Names(names.clone()),
        RangeScale::Log => AxisScale::Log,
        _ => AxisScale::Linear,
    };
    let short = field.split_once('.').map_or(field, |(_, rest)| rest);
    let y = PlotAxis::new(format!("validation {}", metric_name(metric)), metric_scale(metric, &series));
    let chosen = pair.selected.and_then(|at| place(pair.trials.get(at)?));
    let panel = Panel::new(PlotAxis::new(short, x), y, series).titled(format!("{}: {short}", pair.baseline));
    Some(Panel { verticals: chosen.into_iter().collect(), ..panel })
}

fn first<'s>(searches: &'s Searches, pair: &SearchedPair) -> Option<&'s Run> {
    pair.trials.first().and_then(|trial| trial.runs.first()).and_then(|&run| searches.runs.get(run))
}

fn trial_of(run: &Run) -> Option<&TrialRecord> {
    run.record.as_ref()?.trial.as_ref()
}
