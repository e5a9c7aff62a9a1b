//! Learning curves: the metric against the epoch.

use vocabulary::Split;

use super::colours::Colours;
use super::curve::{BAND, epoch, guides, line, metric_scale};
use super::plot::{AxisScale, Figure, LegendKey, Mark, Panel, PlotAxis};
use crate::error::ReportError;
use crate::format::{capital, file_name, metric_name};
use crate::runs::{Frames, SeedGroup, metric_columns};

/// One figure per task and metric.
pub(super) fn learning_curves(
    groups: &[SeedGroup<'_>],
    frames: &Frames,
    colours: &Colours,
) -> Result<Vec<Figure>, ReportError> {
    let mut figures = Vec::new();
    let columns = metric_columns(groups);
    for (task, members) in &columns {
        let Some(record) = members.iter().find_map(|g| g.record()) else { continue };
        let several = columns.iter().filter(|(other, _)| other == task).count() > 1;
        let metric = record.task.metric;
        let validation = frames.epoch_curves(Split::Validation, metric.name())?;
        let train = frames.epoch_curves(Split::Train, metric.name())?;
        let (mut series, mut legend) = (Vec::new(), colours.legend());
        for group in members {
            for (curves, split, mark) in
                [(&train, Split::Train, Mark::Dashed), (&validation, Split::Validation, Mark::Line)]
            {
                let points = curves.get(&group.key).map(|points| line(points, epoch));
                series.extend(points.map(|points| legend.series(&group.key, split.name(), mark, points)));
            }
        }
        if series.is_empty() {
            continue;
        }
        let guides = guides(record.task.chance, &series);
        let mut legend = legend.keys(Mark::Line);
        legend.push(LegendKey::gap());
        legend.push(LegendKey::hint("validation", Mark::Line));
        legend.push(LegendKey::hint("train", Mark::Dashed));
        legend.extend((!guides.is_empty()).then(LegendKey::guessing));
        let suffix = if several { format!("-{}", file_name(metric.name())) } else { String::new() };
        let scale = metric_scale(metric, &series);
        let axes = (PlotAxis::new("epoch", AxisScale::Count), PlotAxis::new(metric_name(metric), scale));
        figures.push(Figure {
            name: format!("learning-curves-{}{suffix}", file_name(task)),
            title: format!("{task}: learning curves"),
            caption: format!(
                "{} of {task} against the epoch; train dashed, validation solid. {BAND}",
                capital(&metric_name(metric))
            ),
            panels: vec![Panel::new(axes.0, axes.1, series).guided(guides)],
            legend,
        });
    }
    Ok(figures)
}
