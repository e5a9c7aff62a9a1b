//! What the networks of runs look at, one seed of each.

use std::collections::BTreeMap;

use rayon::prelude::*;
use vocabulary::record::Inspection;
use vocabulary::record::inspection::{Radii, Stage};

use super::kept::read_inspection;
use crate::runs::{GroupKey, LeftOut, Run, Runs, groups};
use crate::tables::{Column, Table, TableEntry};

/// What was seen of one run.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Its seed.
    pub(crate) seed: u64,
    /// Before the first step.
    pub(crate) initial: Option<Inspection>,
    /// With the weights of the best epoch.
    pub(crate) trained: Option<Inspection>,
}

/// What was seen of the first seed of every group of runs that has something.
#[derive(Debug, Default)]
pub(crate) struct Inspections {
    of: BTreeMap<GroupKey, Seen>,
}

impl Inspections {
    /// Read them. A damaged file is left out and named in `runs`.
    pub(crate) fn read(runs: &mut Runs) -> Self {
        let found: Vec<(GroupKey, Result<Option<Seen>, LeftOut>)> =
            groups(runs).into_par_iter().map(|group| (group.key.clone(), first(&group.runs))).collect();
        let mut all = Self::default();
        for (key, seen) in found {
            match seen {
                Ok(Some(seen)) => drop(all.of.insert(key, seen)),
                Ok(None) => {}
                Err(left_out) => runs.left_out.push(left_out),
            }
        }
        all
    }

    /// That of the group `key`.
    pub(crate) fn of(&self, key: &GroupKey) -> Option<&Seen> {
        self.of.get(key)
    }
}

/// That of the first of `runs` which was seen after training, or else before it.
fn first(runs: &[&Run]) -> Result<Option<Seen>, LeftOut> {
    let has = |run: &&&Run, stage: Stage| run.path.join(stage.file()).is_file();
    let chosen =
        runs.iter().find(|run| has(run, Stage::Trained)).or_else(|| runs.iter().find(|run| has(run, Stage::Initial)));
    let Some(run) = chosen else { return Ok(None) };
    let read = |stage| {
        read_inspection(&run.path, stage).map_err(|error| LeftOut {
            path: run.path.join(stage.file()),
            experiment: run.experiment.clone(),
            reason: error.to_string(),
        })
    };
    Ok(Some(Seen {
        seed: run.seed().unwrap_or_default(),
        initial: read(Stage::Initial)?,
        trained: read(Stage::Trained)?,
    }))
}

/// How far the networks look, one row per group; no table where none was looked at.
pub(crate) fn table(runs: &Runs, inspections: &Inspections) -> Option<Table> {
    let mut table = Table::new(
        "receptive-fields",
        "How far the networks look",
        "Effective receptive field: the number of positions around the output's own within which 50, 90 and 99 % of |d features / d \
         input| lie, before the first step and with the weights that are tested. Gradients of the features after the last layer, \
         added with random signs, at the last position of networks that look back only, else at the middle one (on images: squares \
         around it), averaged over channels and the first samples of the validation split. One seed per row.",
        "Experiment | Task | Baseline",
    );
    table.columns.extend(Column::all(
        "seed# | samples# | R50, start# | R90, start# | R99, start# | R50# | R90# | R99# | positions",
    ));
    for group in groups(runs) {
        let Some(seen) = inspections.of(&group.key) else { continue };
        let field = |of: &Option<Inspection>| of.as_ref().and_then(|of| of.field.clone());
        let (initial, trained) = (field(&seen.initial), field(&seen.trained));
        let Some(either) = trained.as_ref().or(initial.as_ref()) else { continue };
        let shape = seen.trained.as_ref().or(seen.initial.as_ref()).map(|of| of.shape.as_slice()).unwrap_or_default();
        let mut row = vec![
            TableEntry::text(&group.key.experiment),
            TableEntry::text(&group.key.task),
            TableEntry::text(group.key.series()),
            TableEntry::text(seen.seed.to_string()),
            TableEntry::text(either.samples.to_string()),
        ];
        for field in [&initial, &trained] {
            let radii = field.as_ref().map(|field| field.radii).unwrap_or_default();
            let Radii { r50, r90, r99 } = radii;
            row.extend(
                [r50, r90, r99].map(|radius| radius.map_or_else(TableEntry::none, |r| TableEntry::count(r as u64))),
            );
        }
        row.push(TableEntry::text(shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")));
        table.rows.push(row);
    }
    if !runs.has_several_experiments() {
        table.drop_first_column();
    }
    (!table.rows.is_empty()).then_some(table)
}
