//! The figures of a report, one file per kind; `plot` draws them.

mod against;
mod colours;
mod curve;
mod diagnostics;
mod dimensions;
mod inspection;
mod learning;
mod loss;
pub(crate) mod plot;
mod results;
mod search;
mod tested;

pub(crate) use self::against::accuracy_against_receptive_field;
use self::colours::Colours;
pub(crate) use self::inspection::inspection;
use self::plot::Figure;
use crate::error::ReportError;
use crate::runs::{Diagnostics, EvaluatedGroups, Frames, Runs, Searches, Tested, groups};
use crate::tables::{Contests, ScoreMatrix};

/// What became of the test samples, and what follows from it.
pub(crate) struct Outcomes<'a> {
    /// The outcomes of single samples.
    pub(crate) tested: &'a Tested,
    /// Who is best on every task.
    pub(crate) contests: &'a Contests,
    /// Scores over tasks, where there are such.
    pub(crate) scores: Option<&'a ScoreMatrix>,
    /// The test samples in other forms.
    pub(crate) evaluated: &'a EvaluatedGroups,
}

/// All figures that the runs give something to draw for.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn all(
    runs: &Runs,
    frames: &Frames,
    diagnostics: &Diagnostics,
    searches: &Searches,
    outcomes: &Outcomes<'_>,
) -> Result<Vec<Figure>, ReportError> {
    let groups = groups(runs);
    let colours = Colours::new(&groups);
    let mut figures: Vec<Figure> = results::test_values(runs, &groups, frames, &colours)?.into_iter().collect();
    figures.extend(search::search(searches, &groups, &colours));
    figures.extend(against::against_field(runs, &groups, frames)?);
    figures.extend(against::evaluations(runs, &groups, frames, outcomes.evaluated, &colours)?);
    figures.extend(dimensions::dimensions(&groups, frames, &colours)?);
    figures.extend(learning::learning_curves(&groups, frames, &colours)?);
    figures.extend(against::accuracy_against_parameters(runs, &groups, frames, &colours)?);
    figures.extend(loss::training_loss(&groups, frames, &colours)?);
    figures.extend(loss::penalties(&groups, frames, &colours)?);
    figures.extend(diagnostics::all(&groups, frames, diagnostics, &colours)?);
    figures.extend(tested::performance_profile(outcomes.scores, &colours)?);
    figures.extend(tested::accuracy_by_attribute(&groups, outcomes.tested, &colours));
    figures.extend(tested::confusion(&groups, outcomes, runs.has_several_experiments()));
    Ok(figures)
}
