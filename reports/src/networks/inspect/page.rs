//! The page of `bench inspect`.

use std::path::Path;

use vocabulary::Split;
use vocabulary::record::Inspection;
use vocabulary::record::inspection::Radii;

use super::layers;
use super::network::{figures, of_place};
use crate::error::ReportError;
use crate::files::{Formats, ReportPaths};
use crate::format::grouped;
use crate::page::{Answer, Page};

/// A network and what was seen of it.
#[derive(Debug)]
pub struct SeenNetwork<'a> {
    /// Label of the task.
    pub task: &'a str,
    /// Label of the baseline.
    pub baseline: &'a str,
    /// Where its weights are from.
    pub checkpoint: &'a Path,
    /// Trainable elements.
    pub parameters: usize,
    /// Whose samples it was differentiated at.
    pub split: Split,
    /// What was seen.
    pub inspection: &'a Inspection,
    /// What a reader must know about samples, weights and settings.
    pub notes: Vec<String>,
}

/// Write the page of one network into `out`: `index.html`, `inspection.md`, `tables/layers.{csv,tex}`, `figures/*.{svg,png,csv}`, and
/// all values as `inspection.json`. The same input gives the same bytes.
///
/// # Errors
/// A figure cannot be drawn, a file cannot be written.
pub fn inspect(seen: &SeenNetwork<'_>, out: &Path, formats: Formats) -> Result<ReportPaths, ReportError> {
    let table = layers::table(seen.inspection);
    let figures = figures(seen.inspection);
    let tables = if table.rows.is_empty() { Vec::new() } else { vec![&table] };
    let page = Page {
        title: format!("{} on {}: what it looks at", seen.baseline, seen.task),
        lead: Vec::new(),
        answer: Answer::default(),
        facts: facts(seen),
        tables: Vec::new(),
        figures: &figures,
        worst: None,
        appendix: tables.clone(),
        footer: Vec::new(),
        remarks: seen.notes.clone(),
        linked: formats.csv,
    };
    let mut paths = ReportPaths::default();
    for table in tables {
        if formats.csv {
            paths.put(out.join("tables").join(format!("{}.csv", table.name)), &table.csv()?)?;
        }
        if formats.tex {
            paths.put(out.join("tables").join(format!("{}.tex", table.name)), table.latex().as_bytes())?;
        }
    }
    paths.put_figures(out, &figures, formats)?;
    let values = serde_json::to_vec(seen.inspection).map_err(|error| ReportError::Page(error.to_string()))?;
    paths.put(out.join("inspection.json"), &values)?;
    if formats.md {
        paths.markdown = Some(paths.put(out.join("inspection.md"), page.markdown(formats.svg).as_bytes())?);
    }
    if formats.html {
        paths.index = Some(paths.put(out.join("index.html"), page.html()?.as_bytes())?);
    }
    Ok(paths)
}

fn facts(seen: &SeenNetwork<'_>) -> Vec<(String, String)> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let shape = seen.inspection.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ");
    let mut facts = vec![
        fact("Checkpoint", seen.checkpoint.display().to_string()),
        fact("Baseline", format!("{}, {} parameters", seen.baseline, grouped(seen.parameters as u64))),
        fact("Task", format!("{}, inputs of {shape} positions", seen.task)),
    ];
    match &seen.inspection.field {
        None => facts
            .push(fact("Receptive field", "not measured: without samples there is nothing to differentiate at".into())),
        Some(field) => {
            facts.push(fact(
                "Receptive field",
                format!("{} positions, of the features {}", radii_words(&field.radii), of_place(field)),
            ));
            facts.push(fact(
                "Differentiated at",
                format!("the first {} samples of the {} split", field.samples, seen.split.name()),
            ));
        }
    }
    facts
}

/// The radii in words.
fn radii_words(radii: &Radii) -> String {
    let shown = [("R50", radii.r50), ("R90", radii.r90), ("R99", radii.r99)];
    let shown = shown.map(|(name, r)| format!("{name} {}", r.map_or_else(|| "–".to_owned(), |r| grouped(r as u64))));
    shown.join(", ")
}
