//! Where the trials of a search stand, as their folders say it.

use std::path::Path;

use super::rungs::{Reached, Standing};
use crate::experiment::Run;
use crate::files::{FolderError, run_folder};
use crate::runner::run::{is_complete, validations};
use crate::training::newest_position;

/// How far the run in `folder` has come, and its best validation metric up to every one of `rungs` that it has reached.
///
/// # Errors
/// Its metrics cannot be read, or have lost epochs that its checkpoint has seen.
pub(super) fn of_run(folder: &Path, run: &Run, rungs: &[u64]) -> Result<Standing, FolderError> {
    // A status that cannot be read counts as new: the checkpoint decides.
    let status = run_folder::read_status(folder).ok().flatten();
    let record = run_folder::read_record(folder).ok().flatten();
    let ended = status.is_some_and(|status| is_complete(&status, record.as_ref(), &run.training));
    let Some(position) = newest_position(folder) else {
        return Ok(Standing { reached: Reached::Epochs(0), scores: Vec::new() });
    };
    let (reached, epochs) =
        if ended { (Reached::End, u64::MAX) } else { (Reached::Epochs(position.epoch), position.epoch) };
    if rungs.first().is_none_or(|first| epochs < *first) {
        return Ok(Standing { reached, scores: Vec::new() });
    }
    let metric = run.spec().metric;
    let values = validations(folder, metric, position.metrics_bytes)?;
    if (values.len() as u64) < position.epoch {
        let reason = format!("it has lost epochs: {} of {} are left", values.len(), position.epoch);
        return Err(FolderError::Record { path: folder.join("metrics.jsonl"), reason });
    }
    let better = |a: f64, b: f64| if metric.higher_is_better() { a.max(b) } else { a.min(b) };
    let best = |rung: &u64| {
        let until = usize::try_from(*rung).unwrap_or(usize::MAX).min(values.len());
        values[..until].iter().copied().filter(|value| !value.is_nan()).reduce(better).unwrap_or(f64::NAN)
    };
    let scores = rungs.iter().take_while(|rung| **rung <= epochs).map(best).collect();
    Ok(Standing { reached, scores })
}

/// The standing of a trial with these seeds: as far as the one that is behind, with the mean score.
pub(super) fn together(seeds: &[Standing]) -> Standing {
    let rank = |reached: Reached| match reached {
        Reached::Nothing => (0, 0),
        Reached::Failure => (1, 0),
        Reached::Epochs(epochs) => (2, epochs),
        Reached::End => (3, 0),
    };
    let reached = seeds.iter().map(|seed| seed.reached).min_by_key(|reached| rank(*reached));
    let rungs = seeds.iter().map(|seed| seed.scores.len()).min().unwrap_or(0);
    let mean = |rung: usize| seeds.iter().map(|seed| seed.scores[rung]).sum::<f64>() / seeds.len() as f64;
    Standing { reached: reached.unwrap_or(Reached::Nothing), scores: (0..rungs).map(mean).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_stand_together() {
        let of = |reached, scores: &[f64]| Standing { reached, scores: scores.into() };
        let found = together(&[of(Reached::Epochs(6), &[0.5, 0.75]), of(Reached::Epochs(4), &[0.25])]);
        assert_eq!(found, of(Reached::Epochs(4), &[0.375]));
        let found = together(&[of(Reached::End, &[0.5]), of(Reached::Epochs(9), &[0.5])]);
        assert_eq!(found.reached, Reached::Epochs(9));
        let found = together(&[of(Reached::Failure, &[]), of(Reached::Epochs(9), &[0.5])]);
        assert_eq!(found, of(Reached::Failure, &[]));
        assert!(together(&[of(Reached::End, &[f64::NAN]), of(Reached::End, &[0.5])]).scores[0].is_nan());
    }
}
