//! The report of `bench diagnose`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use vocabulary::record::DiagnosticLine;

use super::figures::{MODES, figures};
use super::kept::keep;
use super::measured::{Measured, measured_words};
use super::reference::{self, Network};
use super::table::table;
use crate::error::ReportError;
use crate::files::{Formats, ReportPaths};
use crate::page::{Answer, Page};
use crate::runs::parquet;

/// How statistics are computed, wherever they are.
const STATISTICS: &str = "Variances are of the population (the sum of squares divided by the number of values), of activations \
     over samples, channels and positions together, of kernels over kernels and taps; the standard deviation of the logits is \
     the root of such a variance.";

/// Write the tables, the figures and the page of `lines`, measured of `networks` per task as `measured` says, into `out`: `index.html`,
/// `diagnostics.md`, `tables/*.csv`, `figures/*.{svg,png,csv}`; and the lines themselves, for the report of the experiment
/// and for other programs: `diagnostics.jsonl`, `diagnostics.parquet` and, with `key`, which stands for all that decides them,
/// `measured.json`. Only the first step of each case counts.
///
/// # Errors
/// A file cannot be written.
pub fn write_diagnostics(
    lines: &[DiagnosticLine],
    measured: &BTreeMap<String, Measured>,
    networks: &[Network],
    key: &str,
    out: &Path,
) -> Result<ReportPaths, ReportError> {
    let words = measured_words(measured);
    let table = table(lines);
    let beside = reference::tables(lines, networks)?;
    let figures = figures(lines, &words);
    let names = |of: fn(&DiagnosticLine) -> &String| {
        lines.iter().map(of).collect::<BTreeSet<_>>().into_iter().cloned().collect::<Vec<_>>().join(", ")
    };
    let seeds: BTreeSet<u64> = lines.iter().map(|l| l.seed).collect();
    let page = Page {
        worst: None,
        title: "Scale at initialisation".to_owned(),
        lead: vec![
            "Variance of the activations after every layer and of the sampled kernels, and the scale of the logits, \
             before the first training step."
                .to_owned(),
        ],
        answer: Answer::default(),
        facts: vec![
            ("Baselines".to_owned(), names(|l| &l.baseline)),
            ("Tasks".to_owned(), names(|l| &l.task)),
            ("Seeds".to_owned(), seeds.len().to_string()),
            ("Measured on".to_owned(), words),
        ],
        tables: std::iter::once(&table).chain(&beside).collect(),
        figures: &figures,
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
    for table in std::iter::once(&table).chain(&beside) {
        paths.put(out.join("tables").join(format!("{}.csv", table.name)), &table.csv()?)?;
    }
    paths.put_figures(out, &figures, Formats::ALL)?;
    paths.markdown = Some(paths.put(out.join("diagnostics.md"), page.markdown(true).as_bytes())?);
    keep(lines, measured, networks, key, out, &mut paths)?;
    paths.index = Some(paths.put(out.join("index.html"), page.html()?.as_bytes())?);
    Ok(paths)
}
