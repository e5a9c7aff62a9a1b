//! Accuracy against how far networks look.

use vocabulary::Metric;
use vocabulary::record::Inspection;
use vocabulary::record::inspection::ReceptiveField;

use super::colours::{Colours, Legend};
use super::curve::{guides, tasks};
use super::plot::{AxisScale, Figure, LegendKey, Mark, NEUTRAL, Panel, PlotAxis, Point, Series};
use crate::error::ReportError;
use crate::networks::inspect::Inspections;
use crate::runs::{ByGroup, Frames, Runs, SeedGroup, groups};

/// A gradient of this share of the largest is none: transforms of single precision leave as much.
const NOTHING: f64 = 1e-6;

/// One panel per task with an accuracy and at least two networks that were looked at; `None` where there is none.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn accuracy_against_receptive_field(
    runs: &Runs,
    frames: &Frames,
    inspections: &Inspections,
) -> Result<Option<Figure>, ReportError> {
    let (groups, values) = (groups(runs), frames.test_values(runs)?);
    let colours = Colours::new(&groups);
    let mut legend = colours.legend();
    let (mut panels, mut any_mask, mut any_bound) = (Vec::new(), false, false);
    for task in tasks(&groups) {
        let members = groups.iter().filter(|g| g.key.task == task && g.metric() == Metric::Accuracy);
        let (mut networks, mut chance) = (Vec::new(), 0.0);
        for group in members {
            let Some(network) = Network::of(group, &values, inspections) else { continue };
            chance = group.record().map_or(chance, |record| record.task.chance);
            networks.push(network);
        }
        if networks.len() < 2 {
            continue;
        }
        let mut series: Vec<Series> = bounded_line(&networks).into_iter().collect();
        any_bound |= !series.is_empty();
        any_mask |= networks.iter().any(|network| !network.masks.is_empty());
        series.extend(networks.iter().flat_map(|network| network.series(&mut legend)));
        let x = PlotAxis::new("positions to one side", AxisScale::LogCount);
        let y = PlotAxis::new("test accuracy, %", AxisScale::Percent);
        let guides = guides(chance, &series);
        panels.push(Panel::new(x, y, series).titled(task).guided(guides));
    }
    if panels.is_empty() {
        return Ok(None);
    }
    let mut legend = legend.keys(Mark::Filled);
    legend.push(LegendKey::gap());
    legend.push(LegendKey::hint("R50 and R99", Mark::Ticks));
    legend.extend(any_mask.then(|| LegendKey::hint("width of a mask", Mark::Hollow)));
    legend.extend(any_bound.then(|| LegendKey::hint("bounded networks", Mark::Line)));
    legend.extend(panels.iter().any(|p| !p.guides.is_empty()).then(LegendKey::guessing));
    Ok(Some(Figure {
        name: "accuracy-against-receptive-field".to_owned(),
        title: "Accuracy against receptive field".to_owned(),
        caption: "Test accuracy (mean and range of the seeds) against the distance that a network looks at, in positions to one side (on \
                  images: along the longer axis). Filled, for a network that gets no gradient (less than a millionth of the largest) from \
                  beyond some distance within the samples: that distance; those without masks are joined. Filled, for the others: R90, the distance within which 90 % of the effective receptive \
                  field lie. Ticks: R50 and R99. Hollow: the widths of learned Gaussian masks (one standard deviation), a dot per layer. \
                  Fields and masks are those of one seed with the weights that are tested; what is below one position stands at 1."
            .to_owned(),
        panels,
        legend,
    }))
}

/// How far one network looks, and how right it is.
struct Network<'g> {
    group: &'g SeedGroup<'g>,
    /// Its accuracy at some distance.
    mean: Point,
    /// The distance beyond which there is no gradient, where that is less than the input has.
    bound: Option<f64>,
    /// R50, R90 and R99.
    radii: [Option<f64>; 3],
    /// The widths of its masks.
    masks: Vec<f64>,
}

impl<'g> Network<'g> {
    fn of(group: &'g SeedGroup<'g>, values: &ByGroup, inspections: &Inspections) -> Option<Self> {
        let found = values.get(&group.key)?;
        let summary = found.summary()?;
        let trained = inspections.of(&group.key)?.trained.as_ref()?;
        let field = trained.field.as_ref()?;
        let radii = [field.radii.r50, field.radii.r90, field.radii.r99].map(|radius| radius.map(on_axis));
        let mean = Point { seeds: found.0.clone(), ..Point::mean(0.0, &summary) };
        Some(Self { group, mean, bound: bound(field).map(on_axis), radii, masks: masks(trained) })
    }

    /// Where its dot stands.
    fn distance(&self) -> Option<f64> {
        self.bound.or(self.radii[1])
    }

    fn series(&self, legend: &mut Legend<'_>) -> Vec<Series> {
        let key = &self.group.key;
        let at =
            |x: f64, note: String| Point { x, note, n: self.mean.n, ..Point { y: self.mean.y, ..Point::default() } };
        let note = match self.bound {
            Some(bound) => format!("no gradient from beyond {bound}"),
            None => "R90".to_owned(),
        };
        let dot = self.distance().map(|x| Point { x, note, ..self.mean.clone() });
        let ticks = [(self.radii[0], "R50"), (self.radii[2], "R99")];
        let ticks: Vec<Point> = ticks.into_iter().filter_map(|(x, name)| Some(at(x?, name.to_owned()))).collect();
        let masks: Vec<Point> = self.masks.iter().map(|width| at(width.max(1.0), String::new())).collect();
        let parts = [("R50 and R99", Mark::Ticks, ticks), ("masks", Mark::Hollow, masks)];
        let parts = parts.into_iter().chain([("", Mark::Filled, dot.into_iter().collect())]);
        parts
            .filter(|(_, _, points)| !points.is_empty())
            .map(|(part, mark, points)| legend.series(key, part, mark, points))
            .collect()
    }
}

/// A line through the networks that are bounded by their layers, if there are several.
fn bounded_line(networks: &[Network<'_>]) -> Option<Series> {
    // A mask bounds a network, too, but where it has learnt to.
    let bounded = networks.iter().filter(|network| network.masks.is_empty());
    let place = |network: &Network<'_>| Some(Point { x: network.bound?, y: network.mean.y, n: 1, ..Point::default() });
    let mut points: Vec<Point> = bounded.filter_map(place).collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    (points.len() > 1).then(|| Series {
        label: "bounded networks".to_owned(),
        colour: NEUTRAL,
        mark: Mark::Line,
        points,
    })
}

/// The distance beyond which there is no gradient to speak of, where the samples go on beyond it.
fn bound(field: &ReceptiveField) -> Option<usize> {
    let distances: Vec<u64> = field.curve.at.iter().map(|lag| lag.unsigned_abs()).collect();
    let values = || field.curve.values.iter().map(|value| value.unwrap_or(0.0));
    let least = NOTHING * values().fold(0.0, f64::max);
    let reach = distances.iter().zip(values()).filter(|(_, value)| *value > least).map(|(at, _)| *at).max()?;
    let step = field.curve.at.windows(2).map(|pair| pair[0].abs_diff(pair[1])).min().unwrap_or(1);
    // A point of a long curve stands for the lags around it, of which the nearest is sure.
    (reach < distances.into_iter().max()?).then(|| (reach - (step / 2).min(reach)) as usize)
}

/// The width of every mask, the largest of its axes.
fn masks(of: &Inspection) -> Vec<f64> {
    let kernels = of.layers.iter().filter_map(|layer| layer.kernels.as_ref());
    kernels.filter_map(|kernels| kernels.mask.iter().map(|mask| mask.width).reduce(f64::max)).collect()
}

/// Distances of less than one position have no place on a logarithmic axis.
fn on_axis(distance: usize) -> f64 {
    distance.max(1) as f64
}

#[cfg(test)]
mod tests {
    use vocabulary::record::inspection::{Curve, Place, Radii};

    use super::*;

    fn field(at: &[i64], values: &[f64]) -> ReceptiveField {
        let curve = Curve { at: at.to_vec(), values: values.iter().copied().map(Some).collect() };
        ReceptiveField { samples: 1, of: Place::Last, curve, map: None, radii: Radii::default() }
    }

    #[test]
    fn a_network_is_bounded_where_the_samples_go_on_without_a_gradient() {
        assert_eq!(bound(&field(&[0, 1, 2, 3, 4], &[1.0, 0.5, 0.1, 0.0, 1e-8])), Some(2));
        // On both sides, the further one.
        assert_eq!(bound(&field(&[-3, -2, -1, 0, 1, 2, 3], &[0.0, 0.1, 0.2, 1.0, 0.2, 0.0, 0.0])), Some(2));
        assert_eq!(bound(&field(&[0, 1, 2], &[1.0, 0.5, 0.1])), None);
        // Two lags a point: the middle of the last one.
        assert_eq!(bound(&field(&[1, 3, 5, 7], &[1.0, 0.5, 0.0, 0.0])), Some(2));
        assert_eq!(bound(&field(&[0, 1], &[f64::NAN, 0.0])), None);
        assert_eq!(bound(&field(&[], &[])), None);
    }
}
