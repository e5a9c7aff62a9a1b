//! Where panels and legend stand, in shown pixels.

use super::figure::{AxisScale, Figure, Mark, Panel, Tile};

const PANEL_WIDTH: u32 = 430;
const PANEL_HEIGHT: u32 = 310;
pub(super) const TITLE_HEIGHT: u32 = 34;
pub(super) const LEGEND_ROW: u32 = 20;
const CHARACTER: f64 = 6.7;
/// Largest height of a panel of cells.
const MOST_CELLS: u32 = 400;

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

/// The names on the vertical axis, where it has such.
pub(super) fn names(panel: &Panel) -> &[String] {
    if let AxisScale::Names(names) | AxisScale::NamesDown(names) = &panel.y.scale { names } else { &[] }
}

fn names_width(panel: &Panel) -> u32 {
    text_width(names(panel).iter().map(|name| name.chars().count()).max().unwrap_or(0))
}

/// Width of the names beside the vertical axis of a panel `width` pixels wide; none where they are so long that each stands
/// above its row.
pub(super) fn names_beside(panel: &Panel, width: u32) -> Option<u32> {
    let needed = names_width(panel);
    (needed * 20 <= width * 9).then_some(needed)
}

/// The height of panels `width` pixels wide: the `usual`, or what their names need.
pub(super) fn height<'p>(panels: impl IntoIterator<Item = &'p Panel>, width: u32, usual: u32) -> u32 {
    let cells = |panel: &Panel| panel.series.iter().any(|series| series.mark == Mark::Cells);
    let of = |panel: &Panel| match names(panel).len() as u32 {
        _ if !panel.tiles.is_empty() => tiles(panel, width).height(panel),
        0 if panel.disc => width.min(LARGEST_DISC),
        0 => usual,
        // Cells are about square.
        _ if cells(panel) => (width * 5 / 6).min(MOST_CELLS),
        rows => 90 + rows * if names_beside(panel, width).is_some() { 22 } else { 36 },
    };
    panels.into_iter().map(of).max().unwrap_or(usual)
}

/// Width of the largest panel with the unit disc.
const LARGEST_DISC: u32 = 400;

/// Where the maps of a panel stand.
pub(super) struct Tiling {
    pub(super) columns: usize,
    /// Side of a map.
    pub(super) side: u32,
    /// Height of the highest.
    highest: u32,
    /// Room above all of them.
    top: u32,
}

impl Tiling {
    /// Room above a map and below it, for its title and its note.
    pub(super) const ABOVE: u32 = 18;
    const BELOW: u32 = 20;
    /// Room between maps.
    const GAP: u32 = 12;

    fn height(&self, panel: &Panel) -> u32 {
        let rows = panel.tiles.len().div_ceil(self.columns) as u32;
        self.top + rows * (Self::ABOVE + self.highest + Self::BELOW) + 6
    }

    /// The upper left corner of map number `index`.
    pub(super) fn corner(&self, index: usize) -> (u32, u32) {
        let (column, row) = ((index % self.columns) as u32, (index / self.columns) as u32);
        let down = self.top + row * (Self::ABOVE + self.highest + Self::BELOW) + Self::ABOVE;
        (8 + column * (self.side + Self::GAP), down)
    }
}

/// Where the maps of a panel `width` pixels wide stand.
pub(super) fn tiles(panel: &Panel, width: u32) -> Tiling {
    const MOST: usize = 3;
    const LARGEST: u32 = 230;
    let columns = panel.tiles.len().clamp(1, MOST);
    let side = (width.saturating_sub(16 + Tiling::GAP * (columns as u32 - 1)) / columns as u32).min(LARGEST);
    let height = |tile: &Tile| side * tile.shape[0] as u32 / tile.shape[0].max(tile.shape[1]).max(1) as u32;
    let highest = panel.tiles.iter().map(height).max().unwrap_or(side);
    Tiling { columns, side, highest, top: if panel.title.is_empty() { 2 } else { 22 } }
}

pub(super) fn panel_size(figure: &Figure) -> (u32, u32) {
    let width = PANEL_WIDTH + figure.panels.iter().map(names_width).max().unwrap_or(0);
    (width, height(&figure.panels, width, PANEL_HEIGHT))
}

/// Shown size of a figure.
pub(super) fn size(figure: &Figure) -> (u32, u32) {
    let columns = columns(figure);
    let rows = figure.panels.len().div_ceil(columns).max(1);
    let (width, height) = panel_size(figure);
    let panels = TITLE_HEIGHT + height * rows as u32;
    (width * columns as u32 + legend_width(figure), panels.max(legend_height(figure)))
}

/// Height that the legend needs, with the title.
pub(super) fn legend_height(figure: &Figure) -> u32 {
    TITLE_HEIGHT + figure.legend.len() as u32 * LEGEND_ROW + 60
}
