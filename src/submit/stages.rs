//! Runs that begin with the weights of others come after them.

use std::collections::HashMap;

use crate::experiment::Run;

/// `runs` in stages: those of a stage begin with the weights of runs of earlier ones, or of none among `runs`.
pub(crate) fn stages<'r>(runs: impl IntoIterator<Item = &'r Run>) -> Vec<Vec<&'r Run>> {
    let runs: Vec<&Run> = runs.into_iter().collect();
    let places: HashMap<&str, usize> = runs.iter().enumerate().map(|(place, run)| (run.id.as_str(), place)).collect();
    let mut stages: Vec<Vec<&Run>> = Vec::new();
    for run in &runs {
        // A plan has no run that waits for itself.
        let mut stage = 0;
        let mut first = run.after.as_deref();
        while let Some(place) = first.and_then(|id| places.get(id)) {
            stage += 1;
            first = runs[*place].after.as_deref();
        }
        while stages.len() <= stage {
            stages.push(Vec::new());
        }
        stages[stage].push(run);
    }
    stages
}
