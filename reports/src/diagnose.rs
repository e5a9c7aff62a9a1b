//! `bench diagnose`: scale of activations, kernels and logits at initialisation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::error::ReportError;
use crate::format::significant;
use crate::page::Page;
use crate::parquet;
use crate::plot::{Axis, Drawn, Figure, Key, Mark, Panel, Point, Scale, Series, draw};
use crate::record::DiagnosticLine;
use crate::report::{Formats, ReportPaths, write_figures};
use crate::statistics::{Summary, geometric_mean, median};
use crate::table::{Column, Entry, Table};

/// What the statistics of a task were measured on, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// What the networks were given, e.g. `independent N(0, 1) values`.
    pub inputs: String,
    /// Samples of the one batch per seed: statistics of batch normalisation, and so all that follows them, depend on it.
    pub samples: usize,
    /// Whether a sample is a pair of inputs.
    pub pairs: bool,
    /// What the statistics of the logits are over, e.g. `samples × outputs`.
    pub logits_over: String,
    /// Which variance all of them are, and the square of which the standard deviations are.
    pub variance: Variance,
    /// Whether anything was dropped.
    pub dropout: bool,
}

/// What a sum of squares is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variance {
    /// The number of values.
    Population,
}

/// How statistics are computed, wherever they are.
const STATISTICS: &str = "Variances are of the population (the sum of squares divided by the number of values), of activations \
     over samples, channels and positions together, of kernels over kernels and taps; the standard deviation of the logits is \
     the root of such a variance.";
/// What happens to layers that differ between training and evaluation.
const MODES: &str = "Dropout is off in both modes; in train mode batch normalisation takes the statistics of the batch, in eval \
     mode its initial ones, mean 0 and variance 1, so that it changes nothing.";

impl Measured {
    fn words(&self) -> String {
        let samples = match (self.samples, self.pairs) {
            (1, false) => "1 sample".to_owned(),
            (1, true) => "1 pair".to_owned(),
            (n, false) => format!("{n} samples"),
            (n, true) => format!("{n} pairs"),
        };
        format!("{}, {samples} per seed, logits over {}", self.inputs, self.logits_over)
    }
}

/// What was measured on every task, in one line; once where it is the same for all.
fn measured_words(measured: &BTreeMap<String, Measured>) -> String {
    let words: BTreeSet<String> = measured.values().map(Measured::words).collect();
    match words.len() {
        0 | 1 => words.into_iter().collect(),
        _ => measured.iter().map(|(task, of)| format!("{task}: {}", of.words())).collect::<Vec<_>>().join("; "),
    }
}

/// One baseline on one task under one set of conditions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Case {
    task: String,
    baseline: String,
    conditions: BTreeMap<String, String>,
}

impl Case {
    fn of(line: &DiagnosticLine) -> Self {
        Self { task: line.task.clone(), baseline: line.baseline.clone(), conditions: line.conditions.clone() }
    }

    fn conditions(&self, without: &[&str]) -> String {
        let shown = self.conditions.iter().filter(|(name, _)| !without.contains(&name.as_str()));
        shown.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
    }
}

/// Write the table, the figures, the page and the Parquet file of `lines`, measured per task as `measured` says, into `out`: `index.html`, `diagnostics.md`,
/// `tables/diagnostics.csv`, `diagnostics.parquet`, `figures/*.{svg,png,csv}`. Only the first step of each case counts.
///
/// # Errors
/// A file cannot be written.
pub fn write_diagnostics(
    lines: &[DiagnosticLine],
    measured: &BTreeMap<String, Measured>,
    out: &Path,
) -> Result<ReportPaths, ReportError> {
    let words = measured_words(measured);
    let table = table(lines);
    let drawn = figures(lines, &words).into_iter().map(|f| draw(f, true)).collect::<Result<Vec<Drawn>, _>>()?;
    let names = |of: fn(&DiagnosticLine) -> &String| {
        lines.iter().map(of).collect::<BTreeSet<_>>().into_iter().cloned().collect::<Vec<_>>().join(", ")
    };
    let seeds: BTreeSet<u64> = lines.iter().map(|l| l.seed).collect();
    let page = Page {
        title: "Scale at initialisation".to_owned(),
        lead: vec![
            "Variance of the activations after every layer and of the sampled kernels, and the scale of the logits, \
             before the first training step."
                .to_owned(),
        ],
        facts: vec![
            ("Baselines".to_owned(), names(|l| &l.baseline)),
            ("Tasks".to_owned(), names(|l| &l.task)),
            ("Seeds".to_owned(), seeds.len().to_string()),
            ("Measured on".to_owned(), words),
        ],
        tables: vec![&table],
        figures: &drawn,
        appendix: Vec::new(),
        footer: Vec::new(),
        remarks: vec![
            STATISTICS.to_owned(),
            MODES.to_owned(),
            "Means of logits and growth are geometric, over seeds; lines of figures are medians, bands reach from the \
             lowest to the highest seed."
                .to_owned(),
            "A triangle at the edge of a figure, and inf in the table, mark values beyond the range of 32-bit floating \
             point numbers."
                .to_owned(),
        ],
        linked: true,
    };
    let mut paths = ReportPaths::default();
    paths.put(out.join("diagnostics.parquet"), &parquet::diagnostics(lines)?)?;
    paths.put(out.join("tables/diagnostics.csv"), &table.csv()?)?;
    write_figures(&mut paths, &drawn, out, Formats::ALL)?;
    paths.markdown = Some(paths.put(out.join("diagnostics.md"), page.markdown(true).as_bytes())?);
    paths.index = Some(paths.put(out.join("index.html"), page.html()?.as_bytes())?);
    Ok(paths)
}

/// Lines of the first step of every case.
fn first_steps(lines: &[DiagnosticLine]) -> BTreeMap<Case, Vec<&DiagnosticLine>> {
    let mut cases: BTreeMap<Case, Vec<&DiagnosticLine>> = BTreeMap::new();
    for line in lines {
        cases.entry(Case::of(line)).or_default().push(line);
    }
    for lines in cases.values_mut() {
        let first = lines.iter().map(|l| l.step).min();
        lines.retain(|l| Some(l.step) == first);
    }
    cases
}

/// Not finite counts as overflow.
fn value(line: &DiagnosticLine) -> f64 {
    line.value.unwrap_or(f64::INFINITY)
}

/// Per baseline × conditions: scale of the logits, and growth of the activations from the first layer of a kind to the last.
pub(crate) fn table(lines: &[DiagnosticLine]) -> Table {
    let cases = first_steps(lines);
    let conditions: BTreeSet<&String> = cases.keys().flat_map(|c| c.conditions.keys()).collect();
    let mut table = Table::new(
        "diagnostics",
        "Scale per baseline and conditions",
        "Growth is the variance of the activations after the last layer of a kind (blocks, where there are some) over that \
         after the first of the same kind, which the column beside it names; – where a network has only one.",
        &["Task", "Baseline"],
    );
    table.columns.extend(conditions.iter().map(|c| Column { title: (*c).clone(), numeric: false }));
    for (title, numeric) in [
        ("seeds", true),
        ("logits std", true),
        ("logits max |·|", true),
        ("growth", true),
        ("from → to", false),
        ("not finite", true),
    ] {
        table.columns.push(Column { title: title.to_owned(), numeric });
    }
    for (case, lines) in &cases {
        let seeds: BTreeSet<u64> = lines.iter().map(|l| l.seed).collect();
        let of = |quantity: &str| -> Vec<f64> {
            lines.iter().filter(|l| l.quantity == quantity).map(|l| value(l)).collect()
        };
        let ends = comparable_ends(lines);
        let growth: Vec<f64> = match ends {
            Some(ends) => seeds.iter().filter_map(|seed| growth(lines, ends, *seed)).collect(),
            None => Vec::new(),
        };
        let number = |values: &[f64]| match geometric_mean(values) {
            Some(mean) => Entry::number(significant(mean, 3), mean),
            None => Entry::none(),
        };
        let mut row = vec![Entry::text(&case.task), Entry::text(&case.baseline)];
        row.extend(conditions.iter().map(|c| case.conditions.get(*c).map_or_else(Entry::none, Entry::text)));
        row.push(Entry::text(seeds.len().to_string()));
        row.extend([number(&of("logits.std")), number(&of("logits.max_abs")), number(&growth)]);
        row.push(ends.map_or_else(Entry::none, |[first, last]| Entry::text(format!("{first} → {last}"))));
        let overflown = lines.iter().filter(|l| l.value.is_none()).count();
        row.push(match overflown {
            0 => Entry::text("0"),
            n => Entry::text(n.to_string()).class("failed"),
        });
        table.rows.push(row);
    }
    table
}

/// First and last of the layers of one kind, which are named alike but for their numbers: of the kinds with several layers the
/// one that ends last. Outputs of convolutions are not compared with those of blocks, nor a first layer with later ones of
/// another form.
fn comparable_ends<'a>(lines: &[&'a DiagnosticLine]) -> Option<[&'a str; 2]> {
    let mut kinds: BTreeMap<String, BTreeMap<u32, &str>> = BTreeMap::new();
    for line in lines.iter().filter(|l| l.quantity == "activation.variance") {
        kinds.entry(kind(&line.layer)).or_default().insert(line.order, &line.layer);
    }
    let several = kinds.into_values().filter(|layers| layers.len() > 1);
    let ending_last = several.max_by_key(|layers| layers.last_key_value().map(|(order, _)| *order))?;
    Some([*ending_last.first_key_value()?.1, *ending_last.last_key_value()?.1])
}

/// The name of a layer without its numbers.
fn kind(layer: &str) -> String {
    let numberless =
        |part: &str| if part.bytes().all(|b| b.is_ascii_digit()) { "#".to_owned() } else { part.to_owned() };
    layer.split('.').map(numberless).collect::<Vec<_>>().join(".")
}

fn growth(lines: &[&DiagnosticLine], [first, last]: [&str; 2], seed: u64) -> Option<f64> {
    let of = |layer: &str| {
        let mut found =
            lines.iter().filter(|l| l.seed == seed && l.quantity == "activation.variance" && l.layer == layer);
        found.next().map(|l| value(l))
    };
    let ratio = of(last)? / of(first)?;
    Some(if ratio.is_nan() { f64::INFINITY } else { ratio })
}

/// `words` as a sentence after another one; nothing where there are none.
fn sentence(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(" Measured on {words}.") }
}

/// The figures of `lines`; their captions say what was measured in the words of `measured`.
pub(crate) fn figures(lines: &[DiagnosticLine], measured: &str) -> Vec<Figure> {
    let cases = first_steps(lines);
    let per_layer = [
        ("activation.variance", "activation-variance", "Variance of the activations", "variance after the layer"),
        ("kernel.variance", "kernel-variance", "Variance of the sampled kernels", "variance of the kernel"),
    ];
    let per_case = [
        ("logits.std", "logits-std", "Standard deviation of the logits", "standard deviation"),
        ("logits.max_abs", "logits-max-abs", "Largest logit", "max |logit|"),
    ];
    let layers = per_layer
        .into_iter()
        .filter_map(|(q, name, title, label)| per_layer_figure(&cases, q, name, title, label, measured));
    let logits = per_case
        .into_iter()
        .filter_map(|(q, name, title, label)| per_case_figure(&cases, q, name, title, label, measured));
    layers.chain(logits).collect()
}

/// Colours by conditions other than the mode, which decides between solid (train) and dashed (eval) lines.
fn colours<'a>(cases: impl Iterator<Item = &'a Case>) -> BTreeMap<String, usize> {
    let labels: BTreeSet<String> = cases.map(|c| c.conditions(&["mode"])).collect();
    labels.into_iter().enumerate().map(|(i, label)| (label, i)).collect()
}

fn dashed(case: &Case) -> bool {
    case.conditions.get("mode").is_some_and(|mode| mode == "eval")
}

fn point(x: f64, values: &[f64], note: &str) -> Option<Point> {
    let s = Summary::of(values)?;
    let interval = (s.n > 1).then_some((s.min, s.max));
    Some(Point { x, y: median(values)?, interval, n: s.n, note: note.to_owned() })
}

fn per_layer_figure(
    cases: &BTreeMap<Case, Vec<&DiagnosticLine>>,
    quantity: &str,
    name: &str,
    title: &str,
    label: &str,
    measured: &str,
) -> Option<Figure> {
    let colours = colours(cases.keys());
    let tasks: BTreeSet<&String> = cases.keys().map(|c| &c.task).collect();
    let mut panels: BTreeMap<(&String, &String), Vec<Series>> = BTreeMap::new();
    let mut modes = BTreeSet::new();
    for (case, lines) in cases {
        let mut layers: BTreeMap<u32, (Vec<f64>, &str)> = BTreeMap::new();
        for line in lines.iter().filter(|l| l.quantity == quantity) {
            layers.entry(line.order).or_insert_with(|| (Vec::new(), &line.layer)).0.push(value(line));
        }
        // Only the layers that have this quantity count: their positions are numbered from 1.
        let layers = layers.values().enumerate();
        let points: Vec<Point> =
            layers.filter_map(|(i, (values, layer))| point(i as f64 + 1.0, values, layer)).collect();
        if points.is_empty() {
            continue;
        }
        modes.insert(dashed(case));
        panels.entry((&case.task, &case.baseline)).or_default().push(Series {
            label: case.conditions(&[]),
            colour: colours.get(&case.conditions(&["mode"])).copied().unwrap_or_default(),
            mark: if dashed(case) { Mark::Dashed } else { Mark::Line },
            points,
        });
    }
    if panels.is_empty() {
        return None;
    }
    let panels = panels.into_iter().map(|((task, baseline), series)| Panel {
        title: if tasks.len() > 1 { format!("{baseline}, {task}") } else { baseline.clone() },
        x: Axis::new("layer, in order of the forward pass", Scale::Count),
        y: Axis::new(label, Scale::Log),
        series,
        guides: Vec::new(),
    });
    Some(Figure {
        name: name.to_owned(),
        title: format!("{title} at initialisation"),
        caption: format!(
            "{title} per layer at initialisation: median over seeds, band from the lowest to the highest seed. The file \
             of plotted values names the layers: outputs of convolutions, before any normalisation, stand among those of \
             blocks. Triangles mark overflow.{} {MODES}",
            sentence(measured)
        ),
        panels: panels.collect(),
        legend: legend(&colours, modes.len() > 1),
    })
}

fn legend(colours: &BTreeMap<String, usize>, both_modes: bool) -> Vec<Key> {
    let entry = |(label, colour): (&String, &usize)| Key {
        label: if label.is_empty() { "as configured".to_owned() } else { label.clone() },
        colour: Some(*colour),
        mark: Some(Mark::Line),
    };
    let mut keys: Vec<Key> = colours.iter().map(entry).collect();
    if both_modes {
        keys.push(Key { label: String::new(), colour: None, mark: None });
        keys.push(Key { label: "train mode".to_owned(), colour: None, mark: Some(Mark::Line) });
        keys.push(Key { label: "eval mode".to_owned(), colour: None, mark: Some(Mark::Dashed) });
    }
    keys
}

fn per_case_figure(
    cases: &BTreeMap<Case, Vec<&DiagnosticLine>>,
    quantity: &str,
    name: &str,
    title: &str,
    label: &str,
    measured: &str,
) -> Option<Figure> {
    let found: Vec<(&Case, Vec<f64>)> = cases
        .iter()
        .map(|(case, lines)| {
            (case, lines.iter().filter(|l| l.quantity == quantity).map(|l| value(l)).collect::<Vec<_>>())
        })
        .filter(|(_, values)| !values.is_empty())
        .collect();
    if found.is_empty() {
        return None;
    }
    let tasks: BTreeSet<&String> = found.iter().map(|(c, _)| &c.task).collect();
    let colours = colours(found.iter().map(|(c, _)| *c));
    let (mut names, mut series) = (Vec::new(), Vec::new());
    let count = found.len();
    for (index, (case, values)) in found.iter().enumerate() {
        let task = if tasks.len() > 1 { format!(", {}", case.task) } else { String::new() };
        let conditions = case.conditions(&[]);
        let gap = if conditions.is_empty() { "" } else { ": " };
        let text = format!("{}{task}{gap}{conditions}", case.baseline);
        // The first case stands at the top.
        let place = (count - 1 - index) as f64;
        let Some(s) = Summary::of(values) else { continue };
        series.push(Series {
            label: text.clone(),
            colour: colours.get(&case.conditions(&["mode"])).copied().unwrap_or_default(),
            mark: if dashed(case) { Mark::Hollow } else { Mark::Filled },
            points: vec![Point {
                x: s.median,
                y: place,
                interval: (s.n > 1).then_some((s.min, s.max)),
                n: s.n,
                note: String::new(),
            }],
        });
        names.insert(0, text);
    }
    Some(Figure {
        name: name.to_owned(),
        title: format!("{title} at initialisation"),
        caption: format!(
            "{title} at initialisation: median over seeds, bar from the lowest to the highest seed. Triangles mark \
             overflow.{} {MODES}",
            sentence(measured)
        ),
        panels: vec![Panel {
            title: String::new(),
            x: Axis::new(label, Scale::Log),
            y: Axis::new("", Scale::Names(names)),
            series,
            guides: Vec::new(),
        }],
        legend: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn line(order: u32, layer: &str, quantity: &str, value: f64) -> DiagnosticLine {
        DiagnosticLine {
            baseline: "b".into(),
            task: "t".into(),
            conditions: BTreeMap::new(),
            seed: 0,
            step: 0,
            order,
            layer: layer.into(),
            quantity: quantity.into(),
            value: Some(value),
        }
    }

    fn of(layers: &[(&str, f64)]) -> Option<(String, f64)> {
        let lines: Vec<_> =
            layers.iter().zip(0..).map(|((layer, v), order)| line(order, layer, "activation.variance", *v)).collect();
        let lines: Vec<&DiagnosticLine> = lines.iter().collect();
        let ends = comparable_ends(&lines)?;
        Some((ends.join(" "), growth(&lines, ends, 0).unwrap()))
    }

    #[test]
    fn growth_compares_layers_of_one_kind() {
        let ccnn = [
            ("conv1.depthwise", 1.0),
            ("conv1", 2.0),
            ("blocks.0.conv1.depthwise", 3.0),
            ("blocks.0.conv1", 4.0),
            ("blocks.0", 5.0),
            ("blocks.1.conv1.depthwise", 6.0),
            ("blocks.1.conv1", 7.0),
            ("blocks.1", 20.0),
        ];
        assert_eq!(of(&ccnn), Some(("blocks.0 blocks.1".into(), 4.0)));
        // One block: its two convolutions are of different names, and nothing is compared.
        assert_eq!(of(&[("backbone.0.cconv1", 1.0), ("backbone.0.cconv2", 9.0), ("backbone.0", 3.0)]), None);
        assert_eq!(of(&[("convs.0", 2.0), ("convs.1", 3.0), ("fc", 50.0)]), Some(("convs.0 convs.1".into(), 1.5)));
        assert_eq!(of(&[("layers.2", 2.0), ("layers.10", 1.0)]), Some(("layers.2 layers.10".into(), 0.5)));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn what_was_measured_is_said_once_where_it_is_the_same() {
        let values = |samples| Measured {
            inputs: "independent N(0, 1) values".into(),
            samples,
            pairs: false,
            logits_over: "samples × outputs".into(),
            variance: Variance::Population,
            dropout: false,
        };
        let same = BTreeMap::from([("a".to_owned(), values(2)), ("b".to_owned(), values(2))]);
        let words = "independent N(0, 1) values, 2 samples per seed, logits over samples × outputs";
        assert_eq!(measured_words(&same), words);
        let pairs = Measured { samples: 1, pairs: true, ..values(1) };
        let other = BTreeMap::from([("a".to_owned(), values(2)), ("b".to_owned(), pairs)]);
        assert!(
            measured_words(&other).starts_with(&format!("a: {words}; b: "))
                && measured_words(&other).contains("1 pair ")
        );
        assert!(figures(&[line(0, "head", "logits.std", 1.0)], words)[0].caption.contains(words));
    }
}
