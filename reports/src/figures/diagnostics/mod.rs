//! Figures of what networks compute and learn: the scale of their layers and logits, gradients, kernels, and orthogonality.

mod histograms;
mod layers;
mod orthonormality;
mod scale;

use super::colours::Colours;
use super::plot::Figure;
use crate::error::ReportError;
use crate::runs::{Diagnostics, Frames, SeedGroup};

/// All of them that the runs have diagnostics for.
///
/// # Errors
/// Aggregation fails.
pub(super) fn all(
    groups: &[SeedGroup<'_>],
    frames: &Frames,
    diagnostics: &Diagnostics,
    colours: &Colours,
) -> Result<Vec<Figure>, ReportError> {
    let mut figures = orthonormality::orthonormality(groups, frames, diagnostics, colours)?;
    figures.extend(scale::scale(groups, diagnostics, colours));
    figures.extend(histograms::histograms(groups, diagnostics, colours));
    figures.extend(layers::layers(groups, diagnostics, colours));
    Ok(figures)
}
