//! The loss, and what networks add to it.

use vocabulary::Split;

use super::colours::Colours;
use super::curve::{BAND, epoch, line, loss_scale, tasks, thin};
use super::plot::{AxisScale, Figure, Mark, Panel, PlotAxis, Series};
use crate::error::ReportError;
use crate::format::file_name;
use crate::runs::frame::Frames;
use crate::runs::group::SeedGroup;

/// The loss of every task, per step and per epoch.
pub(super) fn training_loss(
    groups: &[SeedGroup<'_>],
    frames: &Frames,
    colours: &Colours,
) -> Result<Vec<Figure>, ReportError> {
    let by_step = frames.step_curves(Split::Train, "loss")?;
    let train = frames.epoch_curves(Split::Train, "loss")?;
    let validation = frames.epoch_curves(Split::Validation, "loss")?;
    let mut figures = Vec::new();
    for task in tasks(groups) {
        let (mut steps, mut epochs, mut legend) = (Vec::new(), Vec::new(), colours.legend());
        for group in groups.iter().filter(|g| g.key.task == task) {
            if let Some(points) = by_step.get(&group.key) {
                steps.push(legend.series(&group.key, "train", Mark::Line, line(&thin(points), epoch)));
            }
            for (curves, split, mark) in [(&train, "train", Mark::Dashed), (&validation, "validation", Mark::Line)] {
                if let Some(points) = curves.get(&group.key) {
                    epochs.push(legend.series(&group.key, split, mark, line(points, epoch)));
                }
            }
        }
        let panel = |title: &str, x: &str, series: Vec<Series>| {
            let y = PlotAxis::new("loss", loss_scale(&series));
            (!series.is_empty()).then(|| Panel::new(PlotAxis::new(x, AxisScale::Count), y, series).titled(title))
        };
        let steps = panel("training loss per step", "optimiser step", steps);
        let epochs = panel("per epoch: train dashed, validation solid", "epoch", epochs);
        let panels: Vec<Panel> = steps.into_iter().chain(epochs).collect();
        if panels.is_empty() {
            continue;
        }
        figures.push(Figure {
            name: format!("loss-{}", file_name(task)),
            title: format!("{task}: loss"),
            caption: format!(
                "Loss of {task}: on the batches of training steps (means over neighbouring steps where there are many), \
                 and per epoch. {BAND}"
            ),
            panels,
            legend: legend.keys(Mark::Line),
        });
    }
    Ok(figures)
}

/// What networks add to the loss, against the step.
pub(super) fn penalties(
    groups: &[SeedGroup<'_>],
    frames: &Frames,
    colours: &Colours,
) -> Result<Vec<Figure>, ReportError> {
    let curves = frames.step_curves(Split::Train, "penalty")?;
    let mut figures = Vec::new();
    for task in tasks(groups) {
        let mut legend = colours.legend();
        let members = groups.iter().filter(|group| group.key.task == task);
        let drawn = members.filter_map(|group| Some((&group.key, curves.get(&group.key)?)));
        let series: Vec<Series> =
            drawn.map(|(key, points)| legend.series(key, "", Mark::Line, line(&thin(points), epoch))).collect();
        if series.is_empty() {
            continue;
        }
        let y = PlotAxis::new("penalty", loss_scale(&series));
        figures.push(Figure {
            name: format!("penalty-{}", file_name(task)),
            title: format!("{task}: penalty"),
            caption: format!(
                "What networks with a penalty add to the loss of {task} (weighted; means over neighbouring steps where there \
                 are many). The figures of the loss leave it out. {BAND}"
            ),
            panels: vec![Panel::new(PlotAxis::new("optimiser step", AxisScale::Count), y, series)],
            legend: legend.keys(Mark::Line),
        });
    }
    Ok(figures)
}
