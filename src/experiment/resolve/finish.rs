//! From drafts to cells: every network is tried once.

use std::collections::HashMap;

use rayon::prelude::*;
use vocabulary::Scale;

use super::expand::{CellDraft, GridPoint};
use super::settings_error::SettingsSource;
use crate::experiment::diagnostic::Diagnostic;
use crate::experiment::fit::{self, Fit};
use crate::experiment::plan::{BaselineCell, Cell};

/// Try every distinct network once, and make the cells.
pub(super) fn finish(drafts: &[CellDraft], scale: Scale) -> Result<Vec<Cell>, Diagnostic> {
    let key = |draft: &CellDraft| {
        let GridPoint { task, baseline, .. } = &*draft.point;
        let spec = task.task.spec();
        format!("{} {} {:?} {:?}", baseline.name, baseline.config, spec.input, spec.target)
    };
    let keys: Vec<String> = drafts.iter().map(key).collect();
    let mut first: HashMap<&str, &GridPoint> = HashMap::new();
    for (key, draft) in keys.iter().zip(drafts) {
        first.entry(key).or_insert(&draft.point);
    }
    let tried = |(key, GridPoint { task, baseline, .. }): (_, &GridPoint)| {
        (key, fit::check(&baseline.entry, &baseline.config, task.task.spec()))
    };
    let fits: HashMap<&str, Fit> = first.into_par_iter().map(tried).collect();
    let mut cells = Vec::with_capacity(drafts.len());
    for (key, CellDraft { id, seed, point }) in keys.iter().zip(drafts) {
        let (not_applicable, parameters) = match fits.get(key.as_str()) {
            Some(Fit::Fits { parameters }) => (None, Some(*parameters)),
            Some(Fit::NotApplicable(reason)) => (Some(reason.clone()), None),
            Some(Fit::Invalid(error)) => {
                let BaselineCell { name, entry, .. } = &point.baseline;
                let settings = SettingsSource::of_baseline(name, &point.settings, point.settings.at, entry);
                let error = settings.error(&error.field, &error.message);
                return Err(error.note(format!("on task `{}`", point.task.label)));
            }
            None => (None, None),
        };
        cells.push(Cell {
            id: id.clone(),
            task: point.task.clone(),
            baseline: point.baseline.clone(),
            training: point.training.clone(),
            seed: *seed,
            scale,
            sources: point.sources.clone(),
            grid: point.grid.clone(),
            not_applicable,
            parameters,
        });
    }
    Ok(cells)
}
