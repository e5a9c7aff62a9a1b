//! The figures of a report.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::{Metric, Split};

use crate::error::ReportError;
use crate::format::{file_name, metric_name};
use crate::frame::{CurvePoint, Frames};
use crate::group::{Group, GroupKey, groups};
use crate::load::{Cell, Runs, read_diagnostics};
use crate::plot::{Axis, Figure, Key, Mark, Panel, Point, Scale, Series};
use crate::published;
use crate::record::CellRecord;
use crate::statistics::{Summary, mean};
use crate::table::Flag;
use crate::tables::{by_limit, deviations, metric_columns, plain, test_values};

/// All figures that the runs give something to draw for.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn all(runs: &Runs, frames: &Frames) -> Result<Vec<Figure>, ReportError> {
    let groups = groups(runs);
    let colours = Colours::new(&groups);
    let mut figures = Vec::new();
    figures.extend(dimensions(&groups, frames, &colours)?);
    figures.extend(learning_curves(&groups, frames, &colours)?);
    figures.extend(accuracy_against_parameters(runs, &groups, frames, &colours)?);
    figures.extend(training_loss(&groups, frames, &colours)?);
    figures.extend(penalties(&groups, frames, &colours)?);
    figures.extend(orthonormality(&groups, &colours));
    Ok(figures)
}

/// One colour per baseline (with its grid values, and its experiment where there are several), the same in every figure.
struct Colours {
    series: BTreeMap<String, usize>,
    several: bool,
}

impl Colours {
    fn new(groups: &[Group<'_>]) -> Self {
        let experiments: BTreeSet<&str> = groups.iter().map(|g| g.key.experiment.as_str()).collect();
        let mut colours = Self { series: BTreeMap::new(), several: experiments.len() > 1 };
        let labels: BTreeSet<String> = groups.iter().map(|g| colours.label(&g.key)).collect();
        colours.series = labels.into_iter().enumerate().map(|(i, label)| (label, i)).collect();
        colours
    }

    fn label(&self, key: &GroupKey) -> String {
        if self.several { format!("{}: {}", key.experiment, key.series()) } else { key.series() }
    }

    fn of(&self, key: &GroupKey) -> usize {
        self.series.get(&self.label(key)).copied().unwrap_or_default()
    }

    /// Legend entries of the series in use.
    fn keys(&self, used: &BTreeSet<String>, mark: Mark) -> Vec<Key> {
        let entry =
            |label: &String| Key { label: label.clone(), colour: self.series.get(label).copied(), mark: Some(mark) };
        used.iter().map(entry).collect()
    }
}

fn hint(label: &str, mark: Mark) -> Key {
    Key { label: label.to_owned(), colour: None, mark: Some(mark) }
}

fn scale_of(metric: Metric, values: impl Iterator<Item = f64>) -> Scale {
    match metric {
        Metric::Accuracy => Scale::Percent,
        Metric::AreaUnderRoc => Scale::Linear,
        Metric::MeanSquaredError | Metric::BitsPerCharacter => log_where_positive(values),
    }
}

fn log_where_positive(mut values: impl Iterator<Item = f64>) -> Scale {
    if values.all(|v| v > 0.0) { Scale::Log } else { Scale::Linear }
}

/// Mean over seeds with the range of the seeds, against what `x` says.
fn line(points: &[CurvePoint], x: impl Fn(&CurvePoint) -> f64) -> Vec<Point> {
    let summarised = points.iter().filter_map(|p| {
        let s = Summary::of(&p.values)?;
        let interval = (s.n > 1).then_some((s.min, s.max));
        Some(Point { x: x(p), y: s.mean, interval, n: s.n, note: String::new() })
    });
    summarised.collect()
}

fn epoch(point: &CurvePoint) -> f64 {
    point.at as f64
}

fn seconds(point: &CurvePoint) -> f64 {
    mean(&point.wall).unwrap_or_default()
}

fn tasks<'a>(groups: &'a [Group<'_>]) -> BTreeSet<&'a str> {
    groups.iter().map(|g| g.key.task.as_str()).collect()
}

const BAND: &str =
    "Lines are means over the seeds that have reached a point, bands go from the lowest to the highest of them.";

/// The level of guessing, where it is near enough to what is drawn not to squeeze it.
fn guides(chance: f64, series: &[Series]) -> Vec<f64> {
    let values = || series.iter().flat_map(|s| &s.points).map(|p| p.y).filter(|y| y.is_finite());
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let spread = (high - low).max(0.02 * high.abs());
    if (low - spread..=high + spread).contains(&chance) { vec![chance] } else { Vec::new() }
}

fn learning_curves(groups: &[Group<'_>], frames: &Frames, colours: &Colours) -> Result<Vec<Figure>, ReportError> {
    let mut figures = Vec::new();
    let columns = metric_columns(groups);
    for (task, members) in &columns {
        let Some(record) = members.iter().find_map(|g| g.record()) else { continue };
        let several = columns.iter().filter(|(other, _)| other == task).count() > 1;
        let metric = record.task.metric;
        let validation = frames.epoch_curves(Split::Validation, metric.name())?;
        let train = frames.epoch_curves(Split::Train, metric.name())?;
        let (mut series, mut used) = (Vec::new(), BTreeSet::new());
        for group in members {
            for (curves, split, mark) in [(&train, "train", Mark::Dashed), (&validation, "validation", Mark::Line)] {
                let Some(points) = curves.get(&group.key) else { continue };
                let label = colours.label(&group.key);
                series.push(Series {
                    label: format!("{label}, {split}"),
                    colour: colours.of(&group.key),
                    mark,
                    points: line(points, epoch),
                });
                used.insert(label);
            }
        }
        if series.is_empty() {
            continue;
        }
        let scale = scale_of(metric, series.iter().flat_map(|s| s.points.iter().map(|p| p.y)));
        let mut legend = colours.keys(&used, Mark::Line);
        legend.push(Key { label: String::new(), colour: None, mark: None });
        legend.push(hint("validation", Mark::Line));
        legend.push(hint("train", Mark::Dashed));
        let guides = guides(record.task.chance, &series);
        if !guides.is_empty() {
            legend.push(hint("guessing", Mark::Dotted));
        }
        let suffix = if several { format!("-{}", file_name(metric.name())) } else { String::new() };
        figures.push(Figure {
            name: format!("learning-curves-{}{suffix}", file_name(task)),
            title: format!("{task}: learning curves"),
            caption: format!(
                "{} of {task} against the epoch; train dashed, validation solid. {BAND}",
                capital(&metric_name(metric))
            ),
            panels: vec![Panel {
                title: String::new(),
                x: Axis::new("epoch", Scale::Count),
                y: Axis::new(metric_name(metric), scale),
                series,
                guides,
            }],
            legend,
        });
    }
    Ok(figures)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Data set, sizes of its splits, scale and metric.
type Samples<'a> = (&'a str, [usize; 3], &'a str, &'a str);

/// One data set read in several forms (as a sequence and as an image), on one axis.
fn dimensions(groups: &[Group<'_>], frames: &Frames, colours: &Colours) -> Result<Vec<Figure>, ReportError> {
    // The same samples: as many of each split of a data set, at the same scale.
    let mut forms: BTreeMap<Samples<'_>, Vec<(&Group<'_>, usize)>> = BTreeMap::new();
    for group in groups {
        let Some(record) = group.record() else { continue };
        let rank = record.task.shape.len().saturating_sub(1);
        let samples = (record.task.data.as_str(), record.task.splits, record.scale.name(), record.task.metric.name());
        forms.entry(samples).or_default().push((group, rank));
    }
    forms.retain(|_, members| members.iter().map(|(_, rank)| rank).collect::<BTreeSet<_>>().len() > 1);
    let mut figures = Vec::new();
    for ((data, splits, scale_name, _), members) in &forms {
        let several = forms.keys().filter(|(other, ..)| other == data).count() > 1;
        let Some(record) = members.iter().find_map(|(group, _)| group.record()) else { continue };
        let metric = record.task.metric;
        let curves = frames.epoch_curves(Split::Validation, metric.name())?;
        let (mut by_epoch, mut by_seconds, mut used) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (group, rank) in members {
            let Some(points) = curves.get(&group.key) else { continue };
            let label = colours.label(&group.key);
            let series = |points| Series {
                label: format!("{label}, {rank}D"),
                colour: colours.of(&group.key),
                mark: if *rank == 1 { Mark::Dashed } else { Mark::Line },
                points,
            };
            by_epoch.push(series(line(points, epoch)));
            by_seconds.push(series(line(points, seconds)));
            used.insert(label);
        }
        if by_epoch.is_empty() {
            continue;
        }
        let scale = scale_of(metric, by_epoch.iter().flat_map(|s: &Series| s.points.iter().map(|p| p.y)));
        let guides = guides(record.task.chance, &by_epoch);
        let panel = |title: &str, label: &str, x, series| Panel {
            title: title.to_owned(),
            x: Axis::new(label, x),
            y: Axis::new(format!("validation {}", metric_name(metric)), scale.clone()),
            series,
            guides: guides.clone(),
        };
        let mut legend = colours.keys(&used, Mark::Line);
        legend.push(Key { label: String::new(), colour: None, mark: None });
        legend.push(hint("2D (image)", Mark::Line));
        legend.push(hint("1D (sequence)", Mark::Dashed));
        if !guides.is_empty() {
            legend.push(hint("guessing", Mark::Dotted));
        }
        let (suffix, which) = if several {
            let [train, validation, test] = splits;
            let which = format!(" ({scale_name}, {train}, {validation} and {test} samples)");
            (format!("-{scale_name}-{train}-{validation}-{test}"), which)
        } else {
            (String::new(), String::new())
        };
        figures.push(Figure {
            name: format!("dimensions-{}{suffix}", file_name(data)),
            title: format!("{data}{which}: 1D against 2D"),
            caption: format!(
                "The same samples of {data}{which} read as a sequence (dashed) and as an image (solid): validation {} against \
                 the epoch, and against the seconds of training that its machine needed. {BAND}",
                metric_name(metric)
            ),
            panels: vec![
                panel("per epoch", "epoch", Scale::Count, by_epoch),
                panel("per second", "training time, s", Scale::Linear, by_seconds),
            ],
            legend,
        });
    }
    Ok(figures)
}

fn accuracy_against_parameters(
    runs: &Runs,
    groups: &[Group<'_>],
    frames: &Frames,
    colours: &Colours,
) -> Result<Option<Figure>, ReportError> {
    let values = test_values(runs, frames)?;
    let published = published::all()?;
    let (mut panels, mut used, mut any_published) = (Vec::new(), BTreeSet::new(), false);
    for task in tasks(groups) {
        let mut series = Vec::new();
        let mut chance = 0.0;
        let (mut names, mut models) = (BTreeSet::new(), BTreeSet::new());
        for group in groups.iter().filter(|g| g.key.task == task && g.metric() == Metric::Accuracy) {
            let (Some(record), Some(values)) = (group.record(), values.get(&group.key)) else { continue };
            let (Some(parameters), Some(s)) = (record.baseline.parameters, Summary::of(&plain(values))) else {
                continue;
            };
            chance = record.task.chance;
            let counterpart = published::counterpart(record, None);
            let mut other: Vec<&str> = deviations(record, counterpart).into_iter().map(Flag::name).collect();
            if by_limit(group) {
                other.push("stopped by a limit");
            }
            if other.is_empty() {
                names.extend(counterpart.map(|c| c.task));
            }
            models.extend(published::models(record).0);
            let label = colours.label(&group.key);
            series.push(Series {
                label: label.clone(),
                colour: colours.of(&group.key),
                mark: Mark::Filled,
                points: vec![Point {
                    x: parameters as f64,
                    y: s.mean,
                    interval: (s.n > 1).then_some((s.min, s.max)),
                    n: s.n,
                    note: other.join(", "),
                }],
            });
            used.insert(label);
        }
        if series.is_empty() {
            continue;
        }
        if names.is_empty() {
            // Nothing to hold them against.
            series.iter_mut().flat_map(|series| &mut series.points).for_each(|point| point.note.clear());
        }
        for name in names {
            // Of models printed in several papers the first stands.
            let mut seen = BTreeSet::new();
            let rows = published.iter().filter(|p| p.task == name && p.parameters.is_some() && seen.insert(&p.model));
            let points: Vec<Point> = rows
                .filter_map(|p| {
                    // Named are only the counterparts of what we ran: the others crowd together.
                    let note = if models.contains(p.model.as_str()) { p.model.clone() } else { String::new() };
                    Some(Point { x: p.parameters? as f64, y: p.accuracy / 100.0, interval: None, n: 1, note })
                })
                .collect();
            if !points.is_empty() {
                any_published = true;
                series.push(Series { label: format!("published, {name}"), colour: 7, mark: Mark::Hollow, points });
            }
        }
        panels.push(Panel {
            title: task.to_owned(),
            x: Axis::new("parameters", Scale::LogCount),
            y: Axis::new("test accuracy, %", Scale::Percent),
            guides: guides(chance, &series),
            series,
        });
    }
    if panels.is_empty() {
        return Ok(None);
    }
    let mut legend = colours.keys(&used, Mark::Filled);
    if any_published {
        legend.push(hint("published", Mark::Hollow));
    }
    if panels.iter().any(|p| !p.guides.is_empty()) {
        legend.push(hint("guessing", Mark::Dotted));
    }
    Ok(Some(Figure {
        name: "accuracy-against-parameters".to_owned(),
        title: "Accuracy against parameters".to_owned(),
        caption:
            "Test accuracy against the number of trainable parameters. Filled: these runs (bars from the lowest to \
                  the highest seed). Hollow: published values, with the full published data, protocol and training, where \
                  one of these runs has those data and that protocol and no limit stopped it; what is other in a run \
                  beside them is written there."
                .to_owned(),
        panels,
        legend,
    }))
}

fn training_loss(groups: &[Group<'_>], frames: &Frames, colours: &Colours) -> Result<Vec<Figure>, ReportError> {
    let by_step = frames.step_curves(Split::Train, "loss")?;
    let train = frames.epoch_curves(Split::Train, "loss")?;
    let validation = frames.epoch_curves(Split::Validation, "loss")?;
    let mut figures = Vec::new();
    for task in tasks(groups) {
        let (mut steps, mut epochs, mut used) = (Vec::new(), Vec::new(), BTreeSet::new());
        for group in groups.iter().filter(|g| g.key.task == task) {
            let label = colours.label(&group.key);
            let series = |split: &str, mark, points| Series {
                label: format!("{label}, {split}"),
                colour: colours.of(&group.key),
                mark,
                points,
            };
            if let Some(points) = by_step.get(&group.key) {
                steps.push(series("train", Mark::Line, line(&thin(points), epoch)));
                used.insert(label.clone());
            }
            for (curves, split, mark) in [(&train, "train", Mark::Dashed), (&validation, "validation", Mark::Line)] {
                if let Some(points) = curves.get(&group.key) {
                    epochs.push(series(split, mark, line(points, epoch)));
                    used.insert(label.clone());
                }
            }
        }
        let panel = |title: &str, x: &str, series: Vec<Series>| {
            let scale =
                log_where_positive(series.iter().flat_map(|s| &s.points).map(|p| p.interval.map_or(p.y, |i| i.0)));
            Panel {
                title: title.to_owned(),
                x: Axis::new(x, Scale::Count),
                y: Axis::new("loss", scale),
                series,
                guides: Vec::new(),
            }
        };
        let mut panels = Vec::new();
        if !steps.is_empty() {
            panels.push(panel("training loss per step", "optimiser step", steps));
        }
        if !epochs.is_empty() {
            panels.push(panel("per epoch: train dashed, validation solid", "epoch", epochs));
        }
        if panels.is_empty() {
            continue;
        }
        figures.push(Figure {
            name: format!("loss-{}", file_name(task)),
            title: format!("{task}: loss"),
            caption: format!(
                "Loss of {task}: on the batches of training steps (means over neighbouring steps where there are many), \
                 and per epoch. {BAND}"
            ),
            panels,
            legend: colours.keys(&used, Mark::Line),
        });
    }
    Ok(figures)
}

/// At most about 150 points: means over neighbouring steps, per seed.
fn thin(points: &[CurvePoint]) -> Vec<CurvePoint> {
    let width = points.len().div_ceil(150).max(1);
    let neighbours = points.chunks(width).map(|chunk| {
        let mut sums: BTreeMap<u64, (f64, f64, f64)> = BTreeMap::new();
        for point in chunk {
            for ((seed, value), wall) in point.seeds.iter().zip(&point.values).zip(&point.wall) {
                let sum = sums.entry(*seed).or_default();
                *sum = (sum.0 + value, sum.1 + wall, sum.2 + 1.0);
            }
        }
        CurvePoint {
            at: chunk[chunk.len() / 2].at,
            seeds: sums.keys().copied().collect(),
            values: sums.values().map(|(value, _, n)| value / n).collect(),
            wall: sums.values().map(|(_, wall, n)| wall / n).collect(),
        }
    });
    neighbours.collect()
}

/// What networks add to the loss, against the step.
fn penalties(groups: &[Group<'_>], frames: &Frames, colours: &Colours) -> Result<Vec<Figure>, ReportError> {
    let curves = frames.step_curves(Split::Train, "penalty")?;
    let mut figures = Vec::new();
    for task in tasks(groups) {
        let members = groups.iter().filter(|group| group.key.task == task);
        let drawn = members.filter_map(|group| Some((colours.label(&group.key), &group.key, curves.get(&group.key)?)));
        let (mut series, mut used) = (Vec::new(), BTreeSet::new());
        for (label, key, points) in drawn {
            let points = line(&thin(points), epoch);
            series.push(Series { label: label.clone(), colour: colours.of(key), mark: Mark::Line, points });
            used.insert(label);
        }
        if series.is_empty() {
            continue;
        }
        let lowest = series.iter().flat_map(|s| &s.points).map(|p| p.interval.map_or(p.y, |i| i.0));
        let scale = log_where_positive(lowest);
        figures.push(Figure {
            name: format!("penalty-{}", file_name(task)),
            title: format!("{task}: penalty"),
            caption: format!(
                "What networks with a penalty add to the loss of {task} (weighted; means over neighbouring steps where there \
                 are many). The figures of the loss leave it out. {BAND}"
            ),
            panels: vec![Panel {
                title: String::new(),
                x: Axis::new("optimiser step", Scale::Count),
                y: Axis::new("penalty", scale),
                series,
                guides: Vec::new(),
            }],
            legend: colours.keys(&used, Mark::Line),
        });
    }
    Ok(figures)
}

/// What is drawn of the weight matrices W of a network: ‖I − WᵀW‖.
const ORTHONORMALITY: &str = "orthonormality";

/// Whether a baseline has a setting that keeps weights orthonormal, and whether it is in use.
fn keeps_orthonormal(record: &CellRecord) -> Option<bool> {
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
fn orthonormality(groups: &[Group<'_>], colours: &Colours) -> Vec<Figure> {
    let mut figures = Vec::new();
    for task in tasks(groups) {
        let with_setting = |group: &&Group<'_>| group.record().and_then(keeps_orthonormal).is_some();
        let members: Vec<&Group<'_>> = groups.iter().filter(|g| g.key.task == task).filter(with_setting).collect();
        if !members.iter().any(|group| group.record().and_then(keeps_orthonormal) == Some(true)) {
            continue;
        }
        let (mut series, mut used, mut unreadable) = (Vec::new(), BTreeSet::new(), Vec::new());
        for group in members {
            let label = colours.label(&group.key);
            let mut by_step: BTreeMap<u64, CurvePoint> = BTreeMap::new();
            for cell in &group.cells {
                let distances = match distances(cell) {
                    Ok(distances) => distances,
                    Err(error) => {
                        unreadable.push(format!("{} is left out: {error}", cell.id));
                        continue;
                    }
                };
                for (step, distance) in distances {
                    let empty = || CurvePoint { at: step, seeds: Vec::new(), values: Vec::new(), wall: Vec::new() };
                    let point = by_step.entry(step).or_insert_with(empty);
                    point.seeds.push(cell.seed().unwrap_or_default());
                    point.values.push(distance);
                    point.wall.push(0.0);
                }
            }
            let points: Vec<CurvePoint> = by_step.into_values().collect();
            if !points.is_empty() {
                let points = line(&thin(&points), epoch);
                let colour = colours.of(&group.key);
                series.push(Series { label: label.clone(), colour, mark: Mark::Line, points });
                used.insert(label);
            }
        }
        if series.is_empty() {
            continue;
        }
        let lowest = series.iter().flat_map(|s| &s.points).map(|p| p.interval.map_or(p.y, |i| i.0));
        let scale = log_where_positive(lowest);
        let unreadable: String = unreadable.iter().map(|text| format!(" {text}.")).collect();
        figures.push(Figure {
            name: format!("{ORTHONORMALITY}-{}", file_name(task)),
            title: format!("{task}: distance from orthonormal weights"),
            caption: format!(
                "‖I − WᵀW‖ (Frobenius norm) of the weights W of networks for {task} that can be held orthonormal, whether \
                 they are or not: the root of the sum of squares over their layers, and over the gates of those that have \
                 such, at the beginning and after every epoch. {BAND}{unreadable}"
            ),
            panels: vec![Panel {
                title: String::new(),
                x: Axis::new("optimiser step", Scale::Count),
                y: Axis::new("‖I − WᵀW‖", scale),
                series,
                guides: Vec::new(),
            }],
            legend: colours.keys(&used, Mark::Line),
        });
    }
    figures
}

/// ‖I − WᵀW‖ of the weights of a cell's network by step; steps at which a layer had no finite value are left out.
///
/// # Errors
/// Its diagnostics are damaged.
fn distances(cell: &Cell) -> Result<BTreeMap<u64, f64>, ReportError> {
    let path = cell.path.join("diagnostics.jsonl");
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
