//! The scale of what networks compute: per layer at initialisation, and of their logits while they are trained.

use std::collections::BTreeMap;

use super::super::colours::{Colours, Legend};
use super::super::curve::by_step;
use super::super::plot::{AxisScale, Figure, LegendKey, Mark, PlotAxis, Point, Series};
use super::panels;
use crate::runs::{Diagnostics, RunDiagnostics, SeedGroup};
use crate::statistics::Summary;

/// On what the networks of runs are looked at.
const LOOKED_AT: &str = "Measured on the first 16 samples of the validation split (fewer where it has fewer), in evaluation \
     mode: batch normalisation takes its running statistics, dropout is off. Lines are medians over seeds, bands go from \
     the lowest to the highest seed; triangles mark values beyond the range of 32-bit floating point numbers.";

/// What is drawn of a group's seeds.
type PointsOf = fn(&SeedGroup<'_>, &Diagnostics) -> Vec<Point>;

/// One of the figures; each has a panel per task.
struct Quantity {
    name: &'static str,
    title: &'static str,
    caption: &'static str,
    axes: [(&'static str, AxisScale); 2],
    curve: PointsOf,
    /// What the curve should be, where that is known.
    target: Option<PointsOf>,
}

const QUANTITIES: [Quantity; 4] = [
    Quantity {
        name: "initialisation-activations",
        title: "Variance of the activations at initialisation",
        caption: "Variance of the activations after every layer before the first training step. A network that keeps it \
             near 1 neither fades nor explodes. The file of plotted values names the layers: outputs of convolutions, before \
             any normalisation, stand among those of blocks.",
        axes: [("layer, in order of the forward pass", AxisScale::Count), ("variance after the layer", AxisScale::Log)],
        curve: |group, all| layers(all.of(group).map(|(_, run)| run.activations.as_slice())),
        target: None,
    },
    Quantity {
        name: "initialisation-kernels",
        title: "Variance of the sampled kernels at initialisation",
        caption: "Variance of the kernels that kernel networks and state spaces make, before the first training step. Dashed: \
             where it is known, the variance 1 / (channels · size) under which a convolution keeps the variance of white inputs; \
             size is that of the kernel under its mask.",
        axes: [("layer, in order of the forward pass", AxisScale::Count), ("variance of the kernel", AxisScale::Log)],
        curve: |group, all| layers(all.of(group).map(|(_, run)| run.kernels.as_slice())),
        target: Some(|group, all| layers(all.of(group).map(|(_, run)| run.targets.as_slice()))),
    },
    Quantity {
        name: "training-logits-std",
        title: "Standard deviation of the logits while training",
        caption: "Standard deviation of the logits (of the population), at initialisation and while the network is trained. \
             A softmax of logits far above 1 is certain from the start, and its gradient vanishes for all but the errors.",
        axes: [("1 + optimiser step", AxisScale::LogCount), ("standard deviation", AxisScale::Log)],
        curve: |group, all| steps(all, group, |run| run.logits.iter().map(|(at, scale)| (*at, scale.std)).collect()),
        target: None,
    },
    Quantity {
        name: "training-logits-max-abs",
        title: "Largest logit while training",
        caption: "Largest absolute value of the logits, at initialisation and while the network is trained.",
        axes: [("1 + optimiser step", AxisScale::LogCount), ("max |logit|", AxisScale::Log)],
        curve: |group, all| {
            steps(all, group, |run| run.logits.iter().map(|(at, scale)| (*at, scale.max_abs)).collect())
        },
        target: None,
    },
];

/// The figures that the runs have diagnostics for.
pub(super) fn scale(groups: &[SeedGroup<'_>], diagnostics: &Diagnostics, colours: &Colours) -> Vec<Figure> {
    QUANTITIES.iter().filter_map(|quantity| figure(quantity, groups, diagnostics, colours)).collect()
}

fn figure(
    quantity: &Quantity,
    groups: &[SeedGroup<'_>],
    diagnostics: &Diagnostics,
    colours: &Colours,
) -> Option<Figure> {
    let mut legend = colours.legend();
    let axes = quantity.axes.clone().map(|(label, scale)| PlotAxis::new(label, scale));
    let panels = panels(groups, &axes, |group| curves(quantity, group, diagnostics, &mut legend));
    if panels.is_empty() {
        return None;
    }
    let mut keys = legend.keys(Mark::Line);
    if panels.iter().flat_map(|panel| &panel.series).any(|series| series.mark == Mark::Dashed) {
        keys.push(LegendKey::gap());
        keys.push(LegendKey::hint("target", Mark::Dashed));
    }
    let damaged: String = groups.iter().map(|group| diagnostics.damaged(group)).collect();
    Some(Figure {
        name: quantity.name.to_owned(),
        title: quantity.title.to_owned(),
        caption: format!("{} {LOOKED_AT}{damaged}", quantity.caption),
        panels,
        legend: keys,
    })
}

/// The curve of a group and its target, where they have points.
fn curves(
    quantity: &Quantity,
    group: &SeedGroup<'_>,
    diagnostics: &Diagnostics,
    legend: &mut Legend<'_>,
) -> Vec<Series> {
    let curve = (quantity.curve)(group, diagnostics);
    let target = quantity.target.map(|target| target(group, diagnostics)).filter(|_| !curve.is_empty());
    let parts = [(Some(curve), "", Mark::Line), (target, "target", Mark::Dashed)];
    let drawn =
        parts.into_iter().filter_map(|(points, part, mark)| Some((points.filter(|p| !p.is_empty())?, part, mark)));
    drawn.map(|(points, part, mark)| legend.series(&group.key, part, mark, points)).collect()
}

/// Medians over seeds, the layers numbered from 1.
fn layers<'d>(runs: impl Iterator<Item = &'d [(String, f64)]>) -> Vec<Point> {
    let mut layers: BTreeMap<usize, (&str, Vec<f64>)> = BTreeMap::new();
    for (index, (layer, value)) in runs.flat_map(|run| run.iter().enumerate()) {
        layers.entry(index + 1).or_insert((layer, Vec::new())).1.push(*value);
    }
    let point = |(at, (layer, values)): (usize, (&str, Vec<f64>))| {
        Some(Point { note: layer.to_owned(), ..median(at as f64, &values)? })
    };
    layers.into_iter().filter_map(point).collect()
}

/// Medians over seeds against 1 + the optimiser step, so that initialisation stands on a logarithmic axis.
fn steps(all: &Diagnostics, group: &SeedGroup<'_>, of: fn(&RunDiagnostics) -> BTreeMap<u64, f64>) -> Vec<Point> {
    let points = by_step(all.of(group).map(|(seed, run)| (seed, of(run))));
    points.iter().filter_map(|point| median(1.0 + point.at as f64, &point.values)).collect()
}

fn median(x: f64, values: &[f64]) -> Option<Point> {
    let s = Summary::of(values)?;
    Some(Point { x, y: s.median, interval: s.range(), n: s.n, ..Point::default() })
}
