//! The figures of a report, one file per kind; `plot` draws them.

mod colours;
mod curve;
mod diagnostics;
mod dimensions;
mod learning;
mod loss;
mod parameters;
pub(crate) mod plot;
mod results;

use self::colours::Colours;
use self::plot::Figure;
use crate::error::ReportError;
use crate::runs::{Diagnostics, Frames, Runs, groups};

/// All figures that the runs give something to draw for.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn all(runs: &Runs, frames: &Frames, diagnostics: &Diagnostics) -> Result<Vec<Figure>, ReportError> {
    let groups = groups(runs);
    let colours = Colours::new(&groups);
    let mut figures: Vec<Figure> = results::test_values(runs, &groups, frames, &colours)?.into_iter().collect();
    figures.extend(dimensions::dimensions(&groups, frames, &colours)?);
    figures.extend(learning::learning_curves(&groups, frames, &colours)?);
    figures.extend(parameters::accuracy_against_parameters(runs, &groups, frames, &colours)?);
    figures.extend(loss::training_loss(&groups, frames, &colours)?);
    figures.extend(loss::penalties(&groups, frames, &colours)?);
    figures.extend(diagnostics::all(&groups, frames, diagnostics, &colours)?);
    Ok(figures)
}
