//! What is kept of the samples of the test split: every outcome, and what the network has most wrong.

use std::path::Path;

use datasets::samples::preview::{Portrait, as_png, portrait};
use datasets::{Dataset, Split, TaskSpec};
use reports::ErrorInput;
use vocabulary::record::SampleOutcome;

use crate::training::TrainError;

/// Errors that are kept with their inputs.
const WORST: usize = 8;

/// Write `outcomes` of the test split, with what the task knows of its samples, and the worst errors into `folder`.
pub(in crate::training) fn keep_outcomes(
    folder: &Path,
    spec: &TaskSpec,
    dataset: &dyn Dataset,
    outcomes: &[SampleOutcome],
) -> Result<(), TrainError> {
    let all: Vec<usize> = (0..outcomes.len()).collect();
    reports::write_outcomes(folder, outcomes, &dataset.attributes(Split::Test, &all)?)?;
    let mut wrong: Vec<(usize, SampleOutcome)> =
        outcomes.iter().copied().enumerate().filter(|(_, outcome)| !outcome.is_right()).collect();
    // A loss that is no number is larger than any other.
    wrong.sort_by(|(_, a), (_, b)| b.loss.abs().total_cmp(&a.loss.abs()));
    let mut worst = Vec::with_capacity(WORST);
    for (position, outcome) in wrong.into_iter().take(WORST) {
        let input = match portrait(spec, dataset, Split::Test, position)? {
            Portrait::Texts(texts) => ErrorInput::Texts(texts),
            // A picture that cannot be written is left out, as one that is too large.
            Portrait::Picture(picture) => ErrorInput::Picture(as_png(&picture).unwrap_or_default()),
        };
        worst.push((position, outcome, input));
    }
    Ok(reports::write_worst(folder, worst)?)
}
