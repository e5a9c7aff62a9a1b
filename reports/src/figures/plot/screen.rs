//! Figures as a page shows them: one image per panel, which the page sets side by side or one below the other.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::canvas::Canvas;
use super::draw::image;
use super::figure::{AxisScale, Figure, LegendKey, Mark, Panel, Series};
use super::labels::{Names, shortened};
use super::layout::height;
use super::legend::paint_sample;
use super::panel::paint_panel;
use super::style::{Painted, fonts};
use crate::error::ReportError;

/// A panel that fits a phone, and three of which fit a desk.
const NARROW: (u32, u32) = (360, 236);
/// Panels for a desk where there are but one or two.
const WIDE: [(u32, u32); 2] = [(720, 320), (544, 284)];
/// Most points of a line: one every four pixels, and fewer in a block of many lines, which would make a page long.
const MOST_POINTS: usize = 60;
/// Fewest points to which a long line is thinned.
const FEWEST_POINTS: usize = 16;
/// Points of all lines of a block together.
const POINTS_OF_BLOCK: usize = 6_000;

/// Panels and legend of one figure, or of several of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    /// The panels, in order.
    pub panels: Vec<ScreenPanel>,
    /// About how many points of a line are drawn, where some have more.
    pub thinned_to: Option<usize>,
    /// What the legend says: a sample, the name, and the index of a series that can be switched.
    pub legend: Vec<(String, String, Option<usize>)>,
}

/// One panel.
#[derive(Debug, Clone)]
pub(crate) struct ScreenPanel {
    /// What stands above it; may be empty.
    pub title: String,
    /// For a narrow page, and for any where there is no other.
    pub narrow: String,
    /// For a wide page.
    pub wide: Option<String>,
}

/// Draw `figures` of one kind; `title` says what stands above a panel of one of them.
///
/// # Errors
/// The drawing library fails.
pub(crate) fn on_screen(figures: &[&Figure], title: impl Fn(&Figure, &Panel) -> String) -> Result<Screen, ReportError> {
    let name = figures.first().map_or("", |figure| figure.name.as_str());
    let failed = |message: String| ReportError::Draw { figure: name.to_owned(), message };
    fonts().map_err(failed)?;
    let legend = legend(figures);
    let names = Names::of(&legend);
    let count: usize = figures.iter().map(|figure| figure.panels.len()).sum();
    let lines: usize = figures.iter().flat_map(|figure| &figure.panels).map(|panel| panel.series.len()).sum();
    let most = most_points(if count <= WIDE.len() { 2 * lines } else { lines });
    let panels: Vec<(String, Panel)> = figures
        .iter()
        .flat_map(|figure| figure.panels.iter().map(|panel| (title(figure, panel), untitled(panel, most))))
        .collect();
    let wide = panels.len().checked_sub(1).and_then(|rest| WIDE.get(rest));
    let draw = |(title, panel): &(String, Panel), (width, usual): (u32, u32)| {
        // Maps are as high as they are, axes all the same.
        let equal = panels.iter().map(|(_, panel)| panel).filter(|_| panel.tiles.is_empty());
        let size = (width, height(equal.chain([panel]), width, if panel.tiles.is_empty() { usual } else { 0 }));
        image(title, size, |root| paint_panel(root, &with_short_names(panel, width), &names, true)).map_err(failed)
    };
    let drawn = panels.iter().map(|panel| {
        let wide = wide.map(|size| draw(panel, *size)).transpose()?;
        Ok(ScreenPanel { title: panel.0.clone(), narrow: draw(panel, NARROW)?, wide })
    });
    let sampled = legend.iter().map(|key| {
        let sample = image(&key.label, (26, 14), |root| sample(root, key)).map_err(failed)?;
        Ok((sample, key.label.clone(), key.colour))
    });
    let thinned_to = figures
        .iter()
        .flat_map(|figure| &figure.panels)
        .filter(|panel| !panel.dense)
        .flat_map(|panel| &panel.series)
        .any(|series| series.mark != Mark::Cells && series.points.len() > most)
        .then_some(most);
    Ok(Screen { thinned_to, panels: drawn.collect::<Result<_, _>>()?, legend: sampled.collect::<Result<_, _>>()? })
}

/// Most points of each of `lines`.
fn most_points(lines: usize) -> usize {
    (POINTS_OF_BLOCK / lines.max(1)).clamp(FEWEST_POINTS, MOST_POINTS)
}

fn sample<DB: Canvas>(root: &DrawingArea<DB, Shift>, key: &LegendKey) -> Painted<DB> {
    paint_sample(root, key, (1.0, 7.0))
}

/// The keys of all `figures`, once each: first the series, in order of their colours.
fn legend(figures: &[&Figure]) -> Vec<LegendKey> {
    let mut keys: Vec<LegendKey> = Vec::new();
    for key in figures.iter().flat_map(|figure| &figure.legend).filter(|key| key.mark.is_some()) {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys.sort_by_key(|key| key.colour.unwrap_or(usize::MAX));
    keys
}

/// What the page draws of `panel`, with about `most` points per line: it sets the title above.
fn untitled(panel: &Panel, most: usize) -> Panel {
    let drawn = |series: &Series| if panel.dense { series.clone() } else { thinned(series, most) };
    let series = panel.series.iter().map(drawn).collect();
    Panel { title: String::new(), series, ..panel.clone() }
}

/// Points at even distances, the first and the last among them. Cells are no line, and all stay.
fn thinned(series: &Series, most: usize) -> Series {
    if series.mark == Mark::Cells {
        return series.clone();
    }
    let stride = series.points.len().div_ceil(most).max(1);
    let last = series.points.len().saturating_sub(1);
    let kept =
        series.points.iter().enumerate().filter(|(index, _)| *index == 0 || (last - index).is_multiple_of(stride));
    Series { points: kept.map(|(_, point)| point.clone()).collect(), ..series.clone() }
}

/// With names that fit above the rows of a panel `width` pixels wide.
fn with_short_names(panel: &Panel, width: u32) -> Panel {
    let mut panel = panel.clone();
    if let AxisScale::Names(names) = &mut panel.y.scale {
        names.iter_mut().for_each(|name| *name = shortened(name, (width / 7) as usize));
    }
    panel
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::plot::Point;

    #[test]
    fn thinning_keeps_both_ends() {
        let point = |x: u32| Point { x: f64::from(x), ..Point::default() };
        for (n, most) in
            [0, 1, 60, 61, 200, 1000].into_iter().flat_map(|n| [1, 200, 1000].map(|lines| (n, most_points(lines))))
        {
            let series =
                Series { label: String::new(), colour: 0, mark: Mark::Line, points: (0..n).map(point).collect() };
            let kept = thinned(&series, most).points;
            assert!(kept.len() <= most + 1 && kept.first() == series.points.first(), "{n}");
            assert_eq!(kept.last(), series.points.last());
            let cells = Series { mark: Mark::Cells, ..series };
            assert_eq!(thinned(&cells, most), cells);
        }
    }
}
