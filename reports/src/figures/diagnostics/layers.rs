//! Gradients and generated kernels of the layers while networks are trained.

use std::collections::BTreeMap;

use super::super::colours::{Colours, Legend};
use super::super::plot::{AxisScale, Figure, LegendKey, Mark, PlotAxis, Point, Series};
use super::panels;
use crate::runs::{Diagnostics, LayerQuantity, Layers, Look, SeedGroup};
use crate::statistics::{Summary, median};

/// One of the figures: a panel per task.
struct Quantity {
    of: LayerQuantity,
    view: View,
    name: &'static str,
    title: &'static str,
    caption: &'static str,
    axis: (&'static str, AxisScale),
}

/// What of the layers is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    /// The middle and the range of them against the step.
    OverSteps,
    /// Each of them, at the first look and at the last.
    ByLayer,
}

const GRADIENT: &str = "Euclidean norm of the gradients of a layer's parameters, that of a penalty included, before clipping: of the \
     batches of steps 1, 2, 4, … of the first epoch, and of the last step of every whole epoch.";
const SIZE: &str = "Points of generated kernels, of all axes together, that their mask does not cut off; without a mask those of the \
     whole grid. Networks whose kernels have a fixed size are left out.";

const QUANTITIES: [Quantity; 6] = [
    Quantity {
        of: LayerQuantity::Gradient,
        view: View::OverSteps,
        name: "training-gradients",
        title: "Gradient norms of the layers while training",
        caption: GRADIENT,
        axis: ("norm of the gradient", AxisScale::Log),
    },
    Quantity {
        of: LayerQuantity::Gradient,
        view: View::ByLayer,
        name: "layers-gradients",
        title: "Gradient norm layer by layer",
        caption: GRADIENT,
        axis: ("norm of the gradient", AxisScale::Log),
    },
    Quantity {
        of: LayerQuantity::MaskWidth,
        view: View::OverSteps,
        name: "training-mask-width",
        title: "Mask widths of the layers while training",
        caption: "Width of the Gaussian masks on generated kernels, in halves of the kernel's grid (mean over axes). Networks \
             without such masks are left out.",
        axis: ("width of the mask", AxisScale::Log),
    },
    Quantity {
        of: LayerQuantity::KernelSize,
        view: View::OverSteps,
        name: "training-kernel-size",
        title: "Effective kernel sizes of the layers while training",
        caption: SIZE,
        axis: ("points of the kernel", AxisScale::LogCount),
    },
    Quantity {
        of: LayerQuantity::KernelSize,
        view: View::ByLayer,
        name: "layers-kernel-size",
        title: "Effective kernel size layer by layer",
        caption: SIZE,
        axis: ("points of the kernel", AxisScale::LogCount),
    },
    Quantity {
        of: LayerQuantity::AboveNyquist,
        view: View::ByLayer,
        name: "layers-above-nyquist",
        title: "Filters above Nyquist's frequency layer by layer",
        caption: "Share of the filters at the bottom of kernel networks whose frequency is above half a turn per point of the \
             kernel's grid: on the grid of training they are indistinguishable from slower ones, and at another resolution they \
             are another kernel.",
        axis: ("filters above Nyquist, %", AxisScale::Percent),
    },
];

impl View {
    /// How a panel is to be read.
    fn caption(self) -> &'static str {
        match self {
            Self::OverSteps => {
                "Lines are the middle one of the layers (the median over seeds); bands go from the smallest layer of any seed to \
                 the largest."
            }
            Self::ByLayer => {
                "Medians over seeds, dashed at the first look, solid at the last. The file of plotted values names the layers."
            }
        }
    }

    fn axis(self) -> PlotAxis {
        match self {
            Self::OverSteps => PlotAxis::new("1 + optimiser step", AxisScale::LogCount),
            Self::ByLayer => PlotAxis::new("layer, in order of the forward pass", AxisScale::Count),
        }
    }

    /// What is drawn of the seeds of `group`.
    fn series(self, group: &SeedGroup<'_>, seeds: &[&Layers], legend: &mut Legend<'_>) -> Vec<Series> {
        match self {
            Self::OverSteps => vec![legend.series(&group.key, "", Mark::Line, steps(seeds))],
            Self::ByLayer => {
                let first = looks(seeds.iter().map(|layers| &layers.first));
                let last = looks(seeds.iter().map(|layers| &layers.last));
                vec![
                    legend.series(&group.key, "first look", Mark::Dashed, first),
                    legend.series(&group.key, "last look", Mark::Line, last),
                ]
            }
        }
    }
}

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
    let axes = [quantity.view.axis(), PlotAxis::new(quantity.axis.0, quantity.axis.1.clone())];
    let panels = panels(groups, &axes, |group| {
        let seeds: Vec<&Layers> = diagnostics.of(group).filter_map(|(_, run)| run.layers.get(&quantity.of)).collect();
        if seeds.is_empty() { Vec::new() } else { quantity.view.series(group, &seeds, &mut legend) }
    });
    if panels.is_empty() {
        return None;
    }
    let damaged: String = groups.iter().map(|group| diagnostics.damaged(group)).collect();
    let mut keys = legend.keys(Mark::Line);
    if quantity.view == View::ByLayer {
        keys.push(LegendKey::gap());
        keys.push(LegendKey::hint("first look", Mark::Dashed));
        keys.push(LegendKey::hint("last look", Mark::Line));
    }
    Some(Figure {
        name: quantity.name.to_owned(),
        title: quantity.title.to_owned(),
        caption: format!("{} {}{damaged}", quantity.caption, quantity.view.caption()),
        panels,
        legend: keys,
    })
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
