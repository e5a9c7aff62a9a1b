//! Figures of what networks compute and learn: the scale of their layers and logits, gradients, kernels, and orthogonality.

mod histograms;
mod layers;
mod orthonormality;
mod scale;

use super::colours::Colours;
use super::curve::tasks;
use super::plot::{Figure, Panel, PlotAxis, Series};
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

/// A panel per task with the series of its groups; a task without any has none.
fn panels(
    groups: &[SeedGroup<'_>],
    [x, y]: &[PlotAxis; 2],
    mut series: impl FnMut(&SeedGroup<'_>) -> Vec<Series>,
) -> Vec<Panel> {
    let panel = |task| {
        let of_task = groups.iter().filter(|group| group.key.task == task);
        let drawn: Vec<Series> = of_task.flat_map(&mut series).collect();
        (!drawn.is_empty()).then(|| Panel::new(x.clone(), y.clone(), drawn).titled(task))
    };
    tasks(groups).into_iter().filter_map(panel).collect()
}
