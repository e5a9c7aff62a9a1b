//! Where panels and legend stand, in shown pixels.

use super::figure::{AxisScale, Figure, Panel};

const PANEL_WIDTH: u32 = 430;
const PANEL_HEIGHT: u32 = 310;
pub(super) const TITLE_HEIGHT: u32 = 34;
pub(super) const LEGEND_ROW: u32 = 20;
const CHARACTER: f64 = 6.7;

/// Columns of panels.
pub(super) fn columns(figure: &Figure) -> usize {
    match figure.panels.len() {
        0 | 1 => 1,
        2..=4 => 2,
        5..=9 => 3,
        _ => 4,
    }
}

fn legend_width(figure: &Figure) -> u32 {
    if figure.legend.is_empty() {
        return 12;
    }
    let longest = figure.legend.iter().map(|k| k.label.chars().count()).max().unwrap_or(0);
    text_width(longest) + 58
}

/// Width of `characters` of the usual size.
fn text_width(characters: usize) -> u32 {
    (CHARACTER * characters as f64).ceil() as u32
}

/// Width of the names on the vertical axis, where it has such, and of the room beside them.
pub(super) fn names_width(panel: &Panel) -> u32 {
    text_width(names(panel).iter().map(|name| name.chars().count()).max().unwrap_or(0))
}

fn names(panel: &Panel) -> &[String] {
    if let AxisScale::Names(names) = &panel.y.scale { names } else { &[] }
}

/// The height of panels: the `usual`, or what their names need.
pub(super) fn height(panels: &[Panel], usual: u32) -> u32 {
    let of = |panel: &Panel| match names(panel).len() as u32 {
        0 => usual,
        rows => 90 + 22 * rows,
    };
    panels.iter().map(of).max().unwrap_or(usual)
}

pub(super) fn panel_size(figure: &Figure) -> (u32, u32) {
    let extra = figure.panels.iter().map(names_width).max().unwrap_or(0);
    (PANEL_WIDTH + extra, height(&figure.panels, PANEL_HEIGHT))
}

/// Shown size of a figure.
pub(super) fn size(figure: &Figure) -> (u32, u32) {
    let columns = columns(figure);
    let rows = figure.panels.len().div_ceil(columns).max(1);
    let (width, height) = panel_size(figure);
    let legend = figure.legend.len() as u32 * LEGEND_ROW + 60;
    (width * columns as u32 + legend_width(figure), TITLE_HEIGHT + (height * rows as u32).max(legend))
}
