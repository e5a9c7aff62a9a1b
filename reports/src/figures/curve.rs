//! From the values of seeds to lines with bands.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::Metric;

use super::plot::{AxisScale, Point, Series};
use crate::runs::{CurvePoint, SeedGroup};
use crate::statistics::{Summary, mean};

/// The axis of `metric`: shares are linear, everything else as [`loss_scale`].
pub(super) fn metric_scale(metric: Metric, series: &[Series]) -> AxisScale {
    match metric {
        Metric::Accuracy => AxisScale::Percent,
        Metric::AreaUnderRoc => AxisScale::Linear,
        Metric::MeanSquaredError | Metric::BitsPerCharacter => logarithmic_where_positive(series, |point| point.y),
    }
}

/// Logarithmic where all values and the bands around them are positive.
pub(super) fn loss_scale(series: &[Series]) -> AxisScale {
    logarithmic_where_positive(series, |point| point.interval.map_or(point.y, |(low, _)| low))
}

/// The axis of the abscissas of `series`, numbers that somebody chose: logarithmic where they span a factor of four or more.
pub(super) fn numbers_scale(series: &[Series]) -> AxisScale {
    let values = || series.iter().flat_map(|series| &series.points).map(|point| point.x);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let whole = values().all(|value| value.fract() == 0.0);
    match (low > 0.0 && high >= 4.0 * low, whole) {
        (true, true) => AxisScale::LogCount,
        (true, false) => AxisScale::Log,
        (false, true) => AxisScale::Count,
        (false, false) => AxisScale::Linear,
    }
}

fn logarithmic_where_positive(series: &[Series], lowest: fn(&Point) -> f64) -> AxisScale {
    let positive = series.iter().flat_map(|series| &series.points).all(|point| lowest(point) > 0.0);
    if positive { AxisScale::Log } else { AxisScale::Linear }
}

/// Mean over seeds with the range of the seeds, against what `x` says.
pub(super) fn line(points: &[CurvePoint], x: impl Fn(&CurvePoint) -> f64) -> Vec<Point> {
    points.iter().filter_map(|p| Some(Point::mean(x(p), &Summary::of(&p.values)?))).collect()
}

/// A curve from the values of every seed by step.
pub(super) fn by_step(seeds: impl Iterator<Item = (u64, BTreeMap<u64, f64>)>) -> Vec<CurvePoint> {
    let mut points: BTreeMap<u64, CurvePoint> = BTreeMap::new();
    for (seed, values) in seeds {
        for (at, value) in values {
            let empty = || CurvePoint { at, seeds: Vec::new(), values: Vec::new(), wall: Vec::new() };
            let point = points.entry(at).or_insert_with(empty);
            point.seeds.push(seed);
            point.values.push(value);
            point.wall.push(0.0);
        }
    }
    points.into_values().collect()
}

pub(super) fn epoch(point: &CurvePoint) -> f64 {
    point.at as f64
}

pub(super) fn seconds(point: &CurvePoint) -> f64 {
    mean(&point.wall).unwrap_or_default()
}

pub(super) fn tasks<'a>(groups: &'a [SeedGroup<'_>]) -> BTreeSet<&'a str> {
    groups.iter().map(|g| g.key.task.as_str()).collect()
}

/// What lines and bands of every figure are.
pub(super) const BAND: &str = "Lines are means over the seeds that have reached a point; bands go from the lowest to the highest of them (in a panel of \
     more than six lines, dashed ones beside solid ones have none).";

/// The level of guessing, where it is near enough to what is drawn not to squeeze it.
pub(super) fn guides(chance: f64, series: &[Series]) -> Vec<f64> {
    let values = || series.iter().flat_map(|s| &s.points).map(|p| p.y).filter(|y| y.is_finite());
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let spread = (high - low).max(0.02 * high.abs());
    if (low - spread..=high + spread).contains(&chance) { vec![chance] } else { Vec::new() }
}

/// At most about 150 points: means over neighbouring steps, per seed.
pub(super) fn thin(points: &[CurvePoint]) -> Vec<CurvePoint> {
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
