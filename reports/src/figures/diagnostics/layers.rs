//! Gradients and generated kernels of the layers while networks are trained.

use std::collections::BTreeMap;

use super::super::colours::{Colours, Legend};
use super::super::curve::tasks;
use super::super::plot::{AxisScale, Figure, LegendKey, Mark, Panel, PlotAxis, Point, Series};
use crate::runs::{Diagnostics, LayerQuantity, Layers, Look, SeedGroup};
use crate::statistics::{Summary, median};

/// One of the figures: two panels per task.
struct Quantity {
    of: LayerQuantity,
    name: &'static str,
    title: &'static str,
    caption: &'static str,
    axis: (&'static str, AxisScale),
}

const QUANTITIES: [Quantity; 4] = [
    Quantity {
        of: LayerQuantity::Gradient,
        name: "training-gradients",
        title: "Gradient norm per layer while training",
        caption: "Euclidean norm of the gradients of a layer's parameters, that of a penalty included, before clipping: of the \
             batches of steps 1, 2, 4, … of the first epoch, and of the last step of every whole epoch. Layers that are \
             orders of magnitude apart learn at different speeds, or not at all.",
        axis: ("norm of the gradient", AxisScale::Log),
    },
    Quantity {
        of: LayerQuantity::MaskWidth,
        name: "training-mask-width",
        title: "Mask width per layer while training",
        caption: "Width of the Gaussian masks on generated kernels, in halves of the kernel's grid (mean over axes). Networks \
             without such masks are left out.",
        axis: ("width of the mask", AxisScale::Log),
    },
    Quantity {
        of: LayerQuantity::KernelSize,
        name: "training-kernel-size",
        title: "Effective kernel size per layer while training",
        caption: "Points of generated kernels, of all axes together, that their mask does not cut off; without a mask those \
             of the whole grid. Networks whose kernels have a fixed size are left out.",
        axis: ("points of the kernel", AxisScale::LogCount),
    },
    Quantity {
        of: LayerQuantity::AboveNyquist,
        name: "training-above-nyquist",
        title: "Filters above Nyquist's frequency per layer while training",
        caption: "Share of the filters at the bottom of kernel networks whose frequency is above half a turn per point of the \
             kernel's grid: on the grid of training they are indistinguishable from slower ones, and at another resolution they \
             are another kernel.",
        axis: ("filters above Nyquist, %", AxisScale::Percent),
    },
];

/// How both panels are to be read.
const PANELS: &str = "While training: lines are the middle one of the layers (the median over seeds), bands go from the smallest \
     layer of any seed to the largest (in a panel of more than six lines, dashed ones beside solid ones have none). Layer by \
     layer: medians over seeds, dashed at the first look, solid at the last; the file of plotted values names the layers.";

/// The figures that the runs have diagnostics for.
pub(super) fn layers(groups: &[SeedGroup<'_>], diagnostics: &Diagnostics, colours: &Colours) -> Vec<Figure> {
    QUANTITIES.iter().filter_map(|quantity| figure(quantity, groups, diagnostics, colours)).collect()
}

fn figure(
    quantity: &Quantity,
    groups: &[SeedGroup<'_>],
    diagnostics: &Diagnostics,
    colours: &Colours,
) -> Option<Figure> {
    let mut legend = colours.legend();
    let mut panels = Vec::new();
    for task in tasks(groups) {
        let members = groups.iter().filter(|group| group.key.task == task);
        let found: Vec<(&SeedGroup<'_>, Vec<&Layers>)> = members
            .map(|group| (group, diagnostics.of(group).filter_map(|(_, run)| run.layers.get(&quantity.of)).collect()))
            .filter(|(_, seeds): &(_, Vec<_>)| !seeds.is_empty())
            .collect();
        if !found.is_empty() {
            panels.extend(pair(quantity, task, &found, &mut legend));
        }
    }
    if panels.is_empty() {
        return None;
    }
    let damaged: String = groups.iter().map(|group| diagnostics.damaged(group)).collect();
    let mut keys = legend.keys(Mark::Line);
    keys.push(LegendKey::gap());
    keys.push(LegendKey::hint("layer by layer: first look", Mark::Dashed));
    keys.push(LegendKey::hint("last look", Mark::Line));
    Some(Figure {
        name: quantity.name.to_owned(),
        title: quantity.title.to_owned(),
        caption: format!("{} {PANELS}{damaged}", quantity.caption),
        panels,
        legend: keys,
    })
}

/// The panels of a task: over training, and layer by layer.
fn pair(
    quantity: &Quantity,
    task: &str,
    found: &[(&SeedGroup<'_>, Vec<&Layers>)],
    legend: &mut Legend<'_>,
) -> [Panel; 2] {
    let (label, scale) = &quantity.axis;
    let y = || PlotAxis::new(*label, scale.clone());
    let (mut over_steps, mut by_layer): (Vec<Series>, Vec<Series>) = (Vec::new(), Vec::new());
    for (group, seeds) in found {
        over_steps.push(legend.series(&group.key, "", Mark::Line, steps(seeds)));
        let first = looks(seeds.iter().map(|layers| &layers.first));
        by_layer.push(legend.series(&group.key, "first look", Mark::Dashed, first));
        by_layer.push(legend.series(
            &group.key,
            "last look",
            Mark::Line,
            looks(seeds.iter().map(|layers| &layers.last)),
        ));
    }
    let steps = PlotAxis::new("1 + optimiser step", AxisScale::LogCount);
    let order = PlotAxis::new("layer, in order of the forward pass", AxisScale::Count);
    [
        Panel::new(steps, y(), over_steps).titled(format!("{task}: while training")),
        Panel::new(order, y(), by_layer).titled(format!("{task}: layer by layer")),
    ]
}

/// The middle layer and the range of all layers by step.
fn steps(seeds: &[&Layers]) -> Vec<Point> {
    let mut by_step: BTreeMap<u64, Vec<[f64; 3]>> = BTreeMap::new();
    for (step, spread) in seeds.iter().flat_map(|layers| &layers.spread) {
        by_step.entry(*step).or_default().push(*spread);
    }
    let point = |(step, spreads): (u64, Vec<[f64; 3]>)| {
        let column = |index: usize| spreads.iter().map(move |spread| spread[index]);
        let interval = (column(0).reduce(f64::min)?, column(2).reduce(f64::max)?);
        let y = median(&column(1).collect::<Vec<_>>())?;
        Some(Point { x: 1.0 + step as f64, y, interval: Some(interval), n: spreads.len(), ..Point::default() })
    };
    by_step.into_iter().filter_map(point).collect()
}

/// Medians over seeds, the layers numbered from 1. Seeds may have come to different steps.
fn looks<'l>(seeds: impl Iterator<Item = &'l Look>) -> Vec<Point> {
    let mut layers: BTreeMap<usize, (&str, Vec<f64>, u64)> = BTreeMap::new();
    for look in seeds {
        for (index, (layer, value)) in look.layers.iter().enumerate() {
            let found = layers.entry(index + 1).or_insert((layer, Vec::new(), 0));
            found.1.push(*value);
            found.2 = found.2.max(look.step);
        }
    }
    let point = |(at, (layer, values, step)): (usize, (&str, Vec<f64>, u64))| {
        let s = Summary::of(&values)?;
        let note = format!("{layer}, step {step}");
        Some(Point { x: at as f64, y: s.median, n: s.n, note, ..Point::default() })
    };
    layers.into_iter().filter_map(point).collect()
}
