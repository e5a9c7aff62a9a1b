//! What trained networks were judged on beside the test split of their task.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use vocabulary::record::{EVALUATIONS, Evaluations, State, Variant, Verdict};

use super::frame::BySeed;
use super::group::GroupKey;
use super::read_json;
use super::run::{LeftOut, Run, Runs};
use super::settings::plain;
use crate::error::ReportError;

/// What came of one variant over the seeds of a group.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    /// What was judged.
    pub(crate) variant: Variant,
    /// The metric of the seeds that have one.
    pub(crate) values: BySeed,
    /// Shares of the filters of kernel networks above the highest frequency of the grid, of the seeds that have one.
    pub(crate) above_nyquist: Vec<f64>,
    /// Why there is no such thing.
    pub(crate) not_applicable: BTreeSet<String>,
    /// Seeds whose network gives no number.
    pub(crate) not_finite: usize,
}

/// What the finished runs of every group were judged on.
#[derive(Debug, Default)]
pub(crate) struct EvaluatedGroups {
    of: BTreeMap<GroupKey, Vec<Judged>>,
}

impl EvaluatedGroups {
    /// Read them. A damaged file is left out and named in `runs`.
    pub(crate) fn read(runs: &mut Runs) -> Self {
        let found: Vec<(&Run, Result<Option<Evaluations>, ReportError>)> =
            runs.all.par_iter().map(|run| (run, of_run(run))).collect();
        let (mut all, mut left_out) = (Self::default(), Vec::new());
        for (run, evaluations) in found {
            match evaluations {
                Ok(Some(evaluations)) => all.add(run, evaluations),
                Ok(None) => {}
                Err(error) => left_out.push(LeftOut {
                    path: run.path.join(EVALUATIONS),
                    experiment: run.experiment.clone(),
                    reason: error.to_string(),
                }),
            }
        }
        all.of.values_mut().flatten().for_each(|judged| judged.values.0.sort_by_key(|(seed, _)| *seed));
        runs.left_out.extend(left_out);
        all
    }

    /// Those of the group `key`, in the order of the experiment file.
    pub(crate) fn of(&self, key: &GroupKey) -> &[Judged] {
        self.of.get(key).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, run: &Run, evaluations: Evaluations) {
        let judged = self.of.entry(GroupKey::of(run)).or_default();
        for evaluated in evaluations.variants {
            let variant = evaluated.variant;
            let index = judged.iter().position(|one| one.variant == variant).unwrap_or_else(|| {
                let (values, above_nyquist, not_applicable) = (BySeed(Vec::new()), Vec::new(), BTreeSet::new());
                judged.push(Judged { variant, values, above_nyquist, not_applicable, not_finite: 0 });
                judged.len() - 1
            });
            let one = &mut judged[index];
            match evaluated.verdict {
                Verdict::Measured(found) => {
                    let seed = run.seed().unwrap_or_default();
                    one.values.0.extend(found.value.map(|value| (seed, value)));
                    one.above_nyquist.extend(found.above_nyquist);
                }
                Verdict::NotApplicable { reason } => _ = one.not_applicable.insert(reason),
                Verdict::NotFinite { .. } => one.not_finite += 1,
            }
        }
    }
}

/// Those of a run that is done, if it has some. A file of another configuration than the run's is none of it.
fn of_run(run: &Run) -> Result<Option<Evaluations>, ReportError> {
    let path = run.path.join(EVALUATIONS);
    let Some(record) = run.record.as_ref().filter(|_| run.status.state == State::Done && path.is_file()) else {
        return Ok(None);
    };
    read_json::<Evaluations>(&path).map(|found| Some(found).filter(|found| found.run == record.hash))
}

/// `×0.5`, or `length=512`.
pub(crate) fn variant_name(variant: &Variant) -> String {
    match variant {
        Variant::Resample(factor) => {
            let text = format!("{factor:.4}");
            format!("×{}", text.trim_end_matches('0').trim_end_matches('.'))
        }
        Variant::Task(settings) => {
            let settings = settings.iter().map(|(name, value)| format!("{name}={}", plain(value)));
            settings.collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn variants_have_short_names() {
        let named = |value| variant_name(&serde_json::from_value(value).unwrap());
        assert_eq!(named(json!({"resample": 0.5})), "×0.5");
        assert_eq!(named(json!({"resample": 2.0})), "×2");
        assert_eq!(named(json!({"resample": 1.0 / 3.0})), "×0.3333");
        assert_eq!(named(json!({"resample": 10.0})), "×10");
        assert_eq!(named(json!({"task": {"length": 512, "difficulty": "hard"}})), "length=512, difficulty=hard");
    }
}
