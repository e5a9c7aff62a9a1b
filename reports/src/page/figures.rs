//! The figures of a page: those of one kind are one block of small panels.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rayon::prelude::*;
use serde::Serialize;

use crate::error::ReportError;
use crate::figures::plot::{Figure, Panel, Sheet, on_screen};
use crate::format::{capital, file_name};

/// Figures of one kind, one per task, or a single one.
#[derive(Debug, Serialize)]
pub(super) struct Block {
    pub(super) id: String,
    pub(super) title: String,
    caption: String,
    legend: Vec<Key>,
    panels: Vec<Images>,
    /// What has files of its own, and the name of those.
    files: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
struct Key {
    sample: String,
    label: String,
    series: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Images {
    title: String,
    narrow: String,
    wide: Option<String>,
}

/// What a figure is of, and its kind; a figure without a kind is one of its own.
fn parts(figure: &Figure) -> (&str, &str) {
    figure.title.rsplit_once(": ").unwrap_or(("", &figure.title))
}

/// The blocks of `figures`, in order of their first, and what their images share.
///
/// # Errors
/// The drawing library fails.
pub(super) fn blocks(figures: &[Figure]) -> Result<(Vec<Block>, Sheet), ReportError> {
    let mut order: Vec<&str> = Vec::new();
    let mut kinds: BTreeMap<&str, Vec<&Figure>> = BTreeMap::new();
    for figure in figures {
        let (_, kind) = parts(figure);
        if !kinds.contains_key(kind) {
            order.push(kind);
        }
        kinds.entry(kind).or_default().push(figure);
    }
    let mut blocks: Vec<Block> =
        order.into_par_iter().map(|kind| block(kind, &kinds[kind])).collect::<Result<_, _>>()?;
    let mut sheet = Sheet::default();
    for block in &mut blocks {
        let samples = block.legend.iter_mut().map(|key| &mut key.sample);
        let panels = block.panels.iter_mut().flat_map(|panel| [Some(&mut panel.narrow), panel.wide.as_mut()]);
        samples.chain(panels.flatten()).for_each(|image| *image = sheet.shared(image));
    }
    Ok((blocks, sheet))
}

fn block(kind: &str, figures: &[&Figure]) -> Result<Block, ReportError> {
    let alone = if let [figure] = figures { Some(*figure) } else { None };
    let panel_title = |figure: &Figure, panel: &Panel| match (alone, parts(figure).0, panel.title.as_str()) {
        (Some(_), _, title) => title.to_owned(),
        (None, subject, "") => subject.to_owned(),
        (None, subject, title) => format!("{subject}: {title}"),
    };
    let screen = on_screen(figures, panel_title)?;
    let file = |figure: &&Figure| {
        let subject = if alone.is_some() { "as plotted" } else { parts(figure).0 };
        (subject.to_owned(), figure.name.clone())
    };
    let mut caption = alone.map_or_else(|| shared_caption(figures), |figure| figure.caption.clone());
    if let Some(points) = screen.thinned_to {
        let _ = write!(caption, " Of longer lines about {points} points are drawn here, at even distances.");
    }
    Ok(Block {
        id: alone.map_or_else(|| file_name(kind), |figure| figure.name.clone()),
        title: alone.map_or_else(|| capital(kind), |figure| figure.title.clone()),
        caption,
        legend: screen.legend.into_iter().map(|(sample, label, series)| Key { sample, label, series }).collect(),
        panels: screen.panels.into_iter().map(|p| Images { title: p.title, narrow: p.narrow, wide: p.wide }).collect(),
        files: figures.iter().map(file).collect(),
    })
}

/// What the captions of `figures` say of their subjects, each sentence once.
fn shared_caption(figures: &[&Figure]) -> String {
    let mut sentences: Vec<String> = Vec::new();
    for figure in figures {
        let caption = match parts(figure).0 {
            "" => figure.caption.clone(),
            subject => figure.caption.replace(subject, "each task"),
        };
        for sentence in caption.split_inclusive(". ").map(str::trim_end) {
            if !sentences.iter().any(|known| known == sentence) {
                sentences.push(sentence.to_owned());
            }
        }
    }
    sentences.join(" ")
}
