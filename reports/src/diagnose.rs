//! `bench diagnose`: scale of activations, kernels and logits at initialisation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::error::ReportError;
use crate::format::significant;
use crate::page::Page;
use crate::parquet;
use crate::plot::{Axis, Drawn, Figure, Key, Mark, Panel, Point, Scale, Series, draw};
use crate::record::DiagnosticLine;
use crate::report::{Formats, ReportPaths, write_figures};
use crate::statistics::{Summary, geometric_mean, median};
use crate::table::{Column, Entry, Table};

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

/// Write the table, the figures, the page and the Parquet file of `lines` into `out`: `index.html`, `diagnostics.md`,
/// `tables/diagnostics.csv`, `diagnostics.parquet`, `figures/*.{svg,png,csv}`. Only the first step of each case counts.
///
/// # Errors
/// A file cannot be written.
pub fn write_diagnostics(lines: &[DiagnosticLine], out: &Path) -> Result<ReportPaths, ReportError> {
    let table = table(lines);
    let drawn = figures(lines).into_iter().map(|f| draw(f, true)).collect::<Result<Vec<Drawn>, _>>()?;
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
        ],
        tables: vec![&table],
        figures: &drawn,
        appendix: Vec::new(),
        footer: Vec::new(),
        remarks: vec![
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

/// Per baseline × conditions: scale of the logits, and growth of the activations from the first layer to the last.
pub(crate) fn table(lines: &[DiagnosticLine]) -> Table {
    let cases = first_steps(lines);
    let conditions: BTreeSet<&String> = cases.keys().flat_map(|c| c.conditions.keys()).collect();
    let mut table = Table::new(
        "diagnostics",
        "Scale per baseline and conditions",
        "Growth is the variance of the activations after the last layer over that after the first.",
        &["Task", "Baseline"],
    );
    table.columns.extend(conditions.iter().map(|c| Column { title: (*c).clone(), numeric: false }));
    for title in ["seeds", "logits std", "logits max |·|", "growth", "not finite"] {
        table.columns.push(Column { title: title.to_owned(), numeric: true });
    }
    for (case, lines) in &cases {
        let seeds: BTreeSet<u64> = lines.iter().map(|l| l.seed).collect();
        let of = |quantity: &str| -> Vec<f64> {
            lines.iter().filter(|l| l.quantity == quantity).map(|l| value(l)).collect()
        };
        let growth: Vec<f64> = seeds.iter().filter_map(|seed| growth(lines, *seed)).collect();
        let number = |values: &[f64]| match geometric_mean(values) {
            Some(mean) => Entry::number(significant(mean, 3), mean),
            None => Entry::none(),
        };
        let mut row = vec![Entry::text(&case.task), Entry::text(&case.baseline)];
        row.extend(conditions.iter().map(|c| case.conditions.get(*c).map_or_else(Entry::none, Entry::text)));
        row.push(Entry::text(seeds.len().to_string()));
        row.extend([number(&of("logits.std")), number(&of("logits.max_abs")), number(&growth)]);
        let overflown = lines.iter().filter(|l| l.value.is_none()).count();
        row.push(match overflown {
            0 => Entry::text("0"),
            n => Entry::text(n.to_string()).class("failed"),
        });
        table.rows.push(row);
    }
    table
}

fn growth(lines: &[&DiagnosticLine], seed: u64) -> Option<f64> {
    let layers = || lines.iter().filter(|l| l.seed == seed && l.quantity == "activation.variance");
    let first = layers().min_by_key(|l| l.order)?;
    let last = layers().max_by_key(|l| l.order)?;
    let ratio = value(last) / value(first);
    Some(if ratio.is_nan() { f64::INFINITY } else { ratio })
}

pub(crate) fn figures(lines: &[DiagnosticLine]) -> Vec<Figure> {
    let cases = first_steps(lines);
    let per_layer = [
        ("activation.variance", "activation-variance", "Variance of the activations", "variance after the layer"),
        ("kernel.variance", "kernel-variance", "Variance of the sampled kernels", "variance of the kernel"),
    ];
    let per_case = [
        ("logits.std", "logits-std", "Standard deviation of the logits", "standard deviation"),
        ("logits.max_abs", "logits-max-abs", "Largest logit", "max |logit|"),
    ];
    let layers =
        per_layer.into_iter().filter_map(|(q, name, title, label)| per_layer_figure(&cases, q, name, title, label));
    let logits =
        per_case.into_iter().filter_map(|(q, name, title, label)| per_case_figure(&cases, q, name, title, label));
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
             of plotted values names the layers. Triangles mark overflow."
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
) -> Option<Figure> {
    let measured: Vec<(&Case, Vec<f64>)> = cases
        .iter()
        .map(|(case, lines)| {
            (case, lines.iter().filter(|l| l.quantity == quantity).map(|l| value(l)).collect::<Vec<_>>())
        })
        .filter(|(_, values)| !values.is_empty())
        .collect();
    if measured.is_empty() {
        return None;
    }
    let tasks: BTreeSet<&String> = measured.iter().map(|(c, _)| &c.task).collect();
    let colours = colours(measured.iter().map(|(c, _)| *c));
    let (mut names, mut series) = (Vec::new(), Vec::new());
    let count = measured.len();
    for (index, (case, values)) in measured.iter().enumerate() {
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
            "{title} at initialisation: median over seeds, bar from the lowest to the highest seed. Triangles mark overflow."
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
