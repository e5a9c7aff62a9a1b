//! Figures of one quantity each: per layer, or per case.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::record::DiagnosticLine;

use super::case::{Case, first_steps, value, values_of};
use crate::figures::plot::{AxisScale, Figure, LegendKey, Mark, NEUTRAL, Panel, PlotAxis, Point, Series};
use crate::statistics::Summary;

/// What happens to layers that differ between training and evaluation.
pub(super) const MODES: &str = "Dropout is off in both modes; in train mode batch normalisation takes the statistics of the batch, in eval \
     mode its initial ones, mean 0 and variance 1, so that it changes nothing.";

/// A quantity of the lines, and how its figure names it.
struct Quantity {
    /// As in [`DiagnosticLine::quantity`].
    name: &'static str,
    /// File name without ending.
    file: &'static str,
    title: &'static str,
    /// Label of the axis.
    axis: &'static str,
    /// The quantity that says what this one should be, and a sentence on it.
    target: Option<(&'static str, &'static str)>,
}

const PER_LAYER: [Quantity; 2] = [
    Quantity {
        name: "activation.variance",
        file: "activation-variance",
        title: "Variance of the activations",
        axis: "variance after the layer",
        target: None,
    },
    Quantity {
        name: "kernel.variance",
        file: "kernel-variance",
        title: "Variance of the sampled kernels",
        axis: "variance of the kernel",
        target: Some((
            "kernel.target_variance",
            " Dotted: the variance 1 / (channels · size) under which a convolution keeps the variance of white inputs; size is \
             that of the kernel under its mask.",
        )),
    },
];
const PER_CASE: [Quantity; 2] = [
    Quantity {
        name: "logits.std",
        file: "logits-std",
        title: "Standard deviation of the logits",
        axis: "standard deviation",
        target: None,
    },
    Quantity {
        name: "logits.max_abs",
        file: "logits-max-abs",
        title: "Largest logit",
        axis: "max |logit|",
        target: None,
    },
];

/// Lines per case.
type Cases<'a> = BTreeMap<Case, Vec<&'a DiagnosticLine>>;

/// The figures of `lines`; their captions say what was measured in the words of `measured`.
pub(super) fn figures(lines: &[DiagnosticLine], measured: &str) -> Vec<Figure> {
    let cases = first_steps(lines);
    let measured = if measured.is_empty() { String::new() } else { format!(" Measured on {measured}.") };
    let layers = PER_LAYER.iter().filter_map(|quantity| per_layer(quantity, &cases, &measured));
    layers.chain(PER_CASE.iter().filter_map(|quantity| per_case(quantity, &cases, &measured))).collect()
}

/// Colours by conditions other than the mode, which decides between solid (train) and dashed (eval) lines.
struct Colours(BTreeMap<String, usize>);

impl Colours {
    fn new<'a>(cases: impl Iterator<Item = &'a Case>) -> Self {
        let labels: BTreeSet<String> = cases.map(|case| case.conditions(&["mode"])).collect();
        Self(labels.into_iter().enumerate().map(|(i, label)| (label, i)).collect())
    }

    fn of(&self, case: &Case) -> usize {
        self.0.get(&case.conditions(&["mode"])).copied().unwrap_or_default()
    }

    fn legend(&self, both_modes: bool) -> Vec<LegendKey> {
        let entry = |(label, colour): (&String, &usize)| LegendKey {
            label: if label.is_empty() { "as configured".to_owned() } else { label.clone() },
            colour: Some(*colour),
            mark: Some(Mark::Line),
        };
        let mut keys: Vec<LegendKey> = self.0.iter().map(entry).collect();
        if both_modes {
            keys.push(LegendKey::gap());
            keys.push(LegendKey::hint("train mode", Mark::Line));
            keys.push(LegendKey::hint("eval mode", Mark::Dashed));
        }
        keys
    }
}

fn in_eval_mode(case: &Case) -> bool {
    case.conditions.get("mode").is_some_and(|mode| mode == "eval")
}

/// One panel per baseline, the layers in order of the forward pass.
fn per_layer(quantity: &Quantity, cases: &Cases<'_>, measured: &str) -> Option<Figure> {
    let colours = Colours::new(cases.keys());
    let tasks: BTreeSet<&String> = cases.keys().map(|c| &c.task).collect();
    let mut panels: BTreeMap<(&String, &String), Vec<Series>> = BTreeMap::new();
    let mut modes = BTreeSet::new();
    for (case, lines) in cases {
        let points = layer_points(lines, quantity.name);
        if points.is_empty() {
            continue;
        }
        modes.insert(in_eval_mode(case));
        panels.entry((&case.task, &case.baseline)).or_default().push(Series {
            label: case.conditions(&[]),
            colour: colours.of(case),
            mark: if in_eval_mode(case) { Mark::Dashed } else { Mark::Line },
            points,
        });
    }
    if panels.is_empty() {
        return None;
    }
    let mut has_target = false;
    let panels: Vec<Panel> = panels
        .into_iter()
        .map(|((task, baseline), mut series)| {
            let target = quantity.target.and_then(|(name, _)| target((task.as_str(), baseline.as_str()), name, cases));
            has_target |= target.is_some();
            series.extend(target);
            let x = PlotAxis::new("layer, in order of the forward pass", AxisScale::Count);
            let title = if tasks.len() > 1 { format!("{baseline}, {task}") } else { baseline.clone() };
            Panel::new(x, PlotAxis::new(quantity.axis, AxisScale::Log), series).titled(title)
        })
        .collect();
    let said = quantity.target.filter(|_| has_target).map_or("", |(_, sentence)| sentence);
    let mut legend = colours.legend(modes.len() > 1);
    if has_target {
        legend.push(LegendKey::hint("target", Mark::Dotted));
    }
    let title = quantity.title;
    Some(Figure {
        name: quantity.file.to_owned(),
        title: format!("{title} at initialisation"),
        caption: format!(
            "{title} per layer at initialisation: median over seeds, band from the lowest to the highest seed (in a panel \
             of more than six lines, dashed ones beside solid ones have none). The file of plotted values names the layers: outputs of convolutions, before any normalisation, stand among those of \
             blocks. Triangles mark overflow.{said}{measured} {MODES}"
        ),
        panels,
        legend,
    })
}

/// What the quantity of a panel should be; of several depths that of the deepest network.
fn target((task, baseline): (&str, &str), name: &str, cases: &Cases<'_>) -> Option<Series> {
    let own = cases.iter().filter(|(case, _)| case.task == task && case.baseline == baseline);
    let points = own.map(|(_, lines)| layer_points(lines, name)).max_by_key(Vec::len)?;
    let points: Vec<Point> = points.into_iter().map(|point| Point { interval: None, ..point }).collect();
    (!points.is_empty()).then(|| Series { label: "target".to_owned(), colour: NEUTRAL, mark: Mark::Dotted, points })
}

/// Medians over seeds. Only the layers that have this quantity count: their positions are numbered from 1.
fn layer_points(lines: &[&DiagnosticLine], quantity: &str) -> Vec<Point> {
    let mut layers: BTreeMap<u32, (Vec<f64>, &str)> = BTreeMap::new();
    for line in lines.iter().filter(|l| l.quantity == quantity) {
        layers.entry(line.order).or_insert_with(|| (Vec::new(), &line.layer)).0.push(value(line));
    }
    let point = |(index, (values, layer)): (usize, &(Vec<f64>, &str))| {
        let s = Summary::of(values)?;
        Some(Point {
            x: index as f64 + 1.0,
            y: s.median,
            interval: s.range(),
            n: s.n,
            note: (*layer).to_owned(),
            ..Point::default()
        })
    };
    layers.values().enumerate().filter_map(point).collect()
}

/// One row per case, the first at the top.
fn per_case(quantity: &Quantity, cases: &Cases<'_>, measured: &str) -> Option<Figure> {
    let of_case = |(case, lines): (&'_ Case, &Vec<&DiagnosticLine>)| {
        Some((case.clone(), Summary::of(&values_of(lines, quantity.name))?))
    };
    let found: Vec<(Case, Summary)> = cases.iter().filter_map(of_case).collect();
    if found.is_empty() {
        return None;
    }
    let tasks: BTreeSet<&String> = found.iter().map(|(case, _)| &case.task).collect();
    let colours = Colours::new(found.iter().map(|(case, _)| case));
    let (mut names, mut series) = (Vec::new(), Vec::new());
    for (index, (case, s)) in found.iter().enumerate() {
        let task = if tasks.len() > 1 { format!(", {}", case.task) } else { String::new() };
        let conditions = case.conditions(&[]);
        let gap = if conditions.is_empty() { "" } else { ": " };
        let label = format!("{}{task}{gap}{conditions}", case.baseline);
        // The first case stands at the top.
        let y = (found.len() - 1 - index) as f64;
        let point = Point { x: s.median, y, interval: s.range(), n: s.n, ..Point::default() };
        names.push(label.clone());
        let mark = if in_eval_mode(case) { Mark::Hollow } else { Mark::Filled };
        series.push(Series { label, colour: colours.of(case), mark, points: vec![point] });
    }
    names.reverse();
    let (x, y) = (PlotAxis::new(quantity.axis, AxisScale::Log), PlotAxis::new("", AxisScale::Names(names)));
    let title = quantity.title;
    Some(Figure {
        name: quantity.file.to_owned(),
        title: format!("{title} at initialisation"),
        caption: format!(
            "{title} at initialisation: median over seeds, bar from the lowest to the highest seed. Triangles mark \
             overflow.{measured} {MODES}"
        ),
        panels: vec![Panel::new(x, y, series)],
        legend: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_say_what_was_measured() {
        let line = DiagnosticLine {
            baseline: "b".into(),
            task: "t".into(),
            conditions: BTreeMap::new(),
            seed: 0,
            step: 0,
            order: 0,
            layer: "head".into(),
            quantity: "logits.std".into(),
            value: Some(1.0),
            histogram: None,
        };
        assert!(figures(&[line], "made-up values")[0].caption.contains(" Measured on made-up values. "));
    }
}
