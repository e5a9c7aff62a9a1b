//! Where panels and legend stand, in shown pixels.

use super::figure::{AxisScale, Figure, Panel};

const PANEL_WIDTH: u32 = 430;
const PANEL_HEIGHT: u32 = 310;
pub(super) const TITLE_HEIGHT: u32 = 34;
pub(super) const LEGEND_ROW: u32 = 20;
const CHARACTER: f64 = 6.7;

/// Columns of panels.
pub(super) fn columns(figure: &Figure) -> usize {
    figure.panels.len().clamp(1, 2)
}

fn legend_width(figure: &Figure) -> u32 {
    if figure.legend.is_empty() {
        return 12;
    }
    let longest = figure.legend.iter().map(|k| k.label.chars().count()).max().unwrap_or(0);
    (44.0 + CHARACTER * longest as f64).ceil() as u32 + 14
}

pub(super) fn names_width(panel: &Panel) -> u32 {
    match &panel.y.scale {
        AxisScale::Names(names) => {
            let longest = names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
            (CHARACTER * longest as f64).ceil() as u32
        }
        _ => 0,
    }
}

pub(super) fn panel_size(figure: &Figure) -> (u32, u32) {
    let extra = figure.panels.iter().map(names_width).max().unwrap_or(0);
    let rows = figure.panels.iter().map(|p| if let AxisScale::Names(n) = &p.y.scale { n.len() } else { 0 }).max();
    (PANEL_WIDTH + extra, PANEL_HEIGHT.max(90 + 22 * rows.unwrap_or(0) as u32))
}

/// Shown size of a figure.
pub(super) fn size(figure: &Figure) -> (u32, u32) {
    let columns = columns(figure);
    let rows = figure.panels.len().div_ceil(columns).max(1);
    let (width, height) = panel_size(figure);
    let legend = figure.legend.len() as u32 * LEGEND_ROW + 60;
    (width * columns as u32 + legend_width(figure), TITLE_HEIGHT + (height * rows as u32).max(legend))
}
