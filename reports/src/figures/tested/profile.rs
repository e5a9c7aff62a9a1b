//! How many runs reach a score, over all tasks.

use std::num::NonZeroUsize;

use crate::error::ReportError;
use crate::figures::colours::Colours;
use crate::figures::plot::{AxisScale, Figure, Mark, Panel, PlotAxis, Point};
use crate::statistics::seeds::{share_above, share_above_band};
use crate::statistics::{Level, Resampling};
use crate::tables::{SCORE, ScoreMatrix};

/// Scores at which runs are counted, from 0 to 1.
const STEPS: u32 = 60;
const RESAMPLING: Resampling = Resampling { repetitions: NonZeroUsize::new(2000).unwrap(), stream: 0 };

/// The performance profile of the baselines; `None` where no two have tasks in common.
pub(in crate::figures) fn performance_profile(
    scores: Option<&ScoreMatrix>,
    colours: &Colours,
) -> Result<Option<Figure>, ReportError> {
    let Some(matrix) = scores else { return Ok(None) };
    let thresholds: Vec<f64> = (0..=STEPS).map(|step| f64::from(step) / f64::from(STEPS)).collect();
    let mut legend = colours.legend();
    let mut series = Vec::new();
    for row in &matrix.rows {
        let failed = |error: crate::statistics::Undefined| ReportError::Frame(error.to_string());
        let shares = share_above(&row.scores, &thresholds).map_err(failed)?;
        let runs = row.scores.seeds() * row.means.len();
        // None of fewer than three seeds, or where all are equal.
        let band = share_above_band(&row.scores, &thresholds, Level::PERCENT_95, RESAMPLING).ok();
        let point = |(place, (x, y)): (usize, (&f64, f64))| {
            let interval = band.as_ref().map(|band| band[place]);
            Point { x: *x, y, interval, n: row.scores.seeds(), note: format!("of {runs} runs"), ..Point::default() }
        };
        let points = thresholds.iter().zip(shares).enumerate().map(point).collect();
        series.push(legend.series(&row.key, "", Mark::Line, points));
    }
    let x = PlotAxis::new("score, % of the way from guessing to perfect", AxisScale::Percent);
    let y = PlotAxis::new("runs with a higher score, %", AxisScale::Percent);
    Ok(Some(Figure {
        name: "performance-profile".to_owned(),
        title: "Performance profiles over all tasks".to_owned(),
        caption: format!(
            "Share of the runs of all {} tasks that score above a value: a line above another belongs to the baseline whose runs are better \
             throughout. Bands: pointwise 95 % percentiles of a stratified bootstrap over seeds (2 000 repetitions), from three seeds on. {SCORE} \
             Tasks: {}.{}",
            matrix.tasks.len(),
            matrix.tasks.join(", "),
            matrix.left_out.iter().map(|sentence| format!(" {sentence}")).collect::<String>()
        ),
        panels: vec![Panel::new(x, y, series)],
        legend: legend.keys(Mark::Line),
    }))
}
