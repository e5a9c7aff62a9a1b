//! Maps: a coloured rectangle per value.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::canvas::{Canvas, Group, Raster};
use super::figure::{Panel, Shades, Tile};
use super::layout::tiles;
use super::style::{AXIS, INK, MUTED, Painted, SCALE, at, font, px, stroke};
use super::trace;

/// Of values that are not finite.
const UNKNOWN: (u8, u8, u8) = (0x99, 0x99, 0x99);
/// From the largest negative value over zero to the largest positive one.
const SIGNED: [(u8, u8, u8); 5] =
    [(0x21, 0x66, 0xAC), (0x92, 0xC5, 0xDE), (0xF7, 0xF7, 0xF7), (0xF4, 0xA5, 0x82), (0xB2, 0x18, 0x2B)];
/// From little to much: the colour map viridis, whose brightness rises evenly.
const DECADES: [(u8, u8, u8); 5] =
    [(0x44, 0x01, 0x54), (0x3B, 0x52, 0x8B), (0x21, 0x91, 0x8C), (0x5E, 0xC9, 0x62), (0xFD, 0xE7, 0x25)];
/// The logarithm of the smallest share of the largest value that has a colour of its own.
const LOWEST: f64 = -3.0;

/// Draw the maps of `panel` into `area`. What a page reads of them is there if they are `live`.
pub(super) fn paint_tiles<DB: Canvas>(area: &DrawingArea<DB, Shift>, panel: &Panel, live: bool) -> Painted<DB> {
    let tiling = tiles(panel, area.dim_in_pixel().0 / SCALE);
    if !panel.title.is_empty() {
        let style = font(12.5).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(panel.title.clone(), (at(8.0), at(12.0)), style))?;
    }
    for (index, tile) in panel.tiles.iter().enumerate() {
        let (left, top) = tiling.corner(index);
        paint_tile(area, tile, (f64::from(left), f64::from(top)), f64::from(tiling.side), live)?;
    }
    Ok(())
}

fn paint_tile<DB: Canvas>(
    area: &DrawingArea<DB, Shift>,
    tile: &Tile,
    (x, y): (f64, f64),
    side: f64,
    live: bool,
) -> Painted<DB> {
    let [rows, columns] = tile.shape.map(|n| n.max(1) as f64);
    let scale = side / rows.max(columns);
    let (width, height) = (scale * columns, scale * rows);
    let style = |colour: &RGBColor| font(10.0).color(colour).pos(Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(tile.title.clone(), (at(x), at(y - 8.0)), style(&INK)))?;
    let (corner, size) = ((at(x), at(y)), (at(width) as u32, at(height) as u32));
    if live && DB::GROUPS {
        area.draw(&Group::Begin(&trace::map(tile, corner, size)))?;
    }
    area.draw(&Raster { at: corner, size, shape: tile.shape, colours: colours(tile) })?;
    let corners = [(at(x), at(y)), (at(x + width), at(y + height))];
    area.draw(&Rectangle::new(corners, stroke(&AXIS, 0.8)))?;
    area.draw(&Text::new(tile.note.clone(), (at(x), at(y + height + 10.0)), style(&MUTED)))?;
    if tile.cross {
        let [row, column] = tile.origin.map(|place| place as f64 + 0.5);
        let (x, y, reach) = (at(x + scale * column), at(y + scale * row), px(5) as i32);
        let cross = [[(x - reach, y), (x + reach, y)], [(x, y - reach), (x, y + reach)]];
        for line in cross {
            area.draw(&PathElement::new(line, WHITE.stroke_width(at(1.2) as u32)))?;
        }
    }
    if live && DB::GROUPS {
        area.draw(&Group::End)?;
    }
    Ok(())
}

/// The colours of the values, row by row.
fn colours(tile: &Tile) -> Vec<(u8, u8, u8)> {
    let most = tile.values.iter().flatten().fold(0.0, |most: f64, value| most.max(value.abs()));
    let colour = |value: &Option<f64>| match (value, tile.shades) {
        (None, _) => UNKNOWN,
        (Some(value), Shades::Signed) => between(&SIGNED, if most > 0.0 { 0.5 + 0.5 * value / most } else { 0.5 }),
        (Some(value), Shades::Decades) => {
            between(&DECADES, if most > 0.0 { 1.0 - (value / most).max(0.0).log10() / LOWEST } else { 0.0 })
        }
    };
    tile.values.iter().map(colour).collect()
}

/// The colour at `share`, 0 to 1, of the way through `colours`.
fn between(colours: &[(u8, u8, u8); 5], share: f64) -> (u8, u8, u8) {
    let place = share.clamp(0.0, 1.0) * (colours.len() - 1) as f64;
    let index = (place as usize).min(colours.len() - 2);
    let (from, to, part) = (colours[index], colours[index + 1], place - index as f64);
    let mix = |a: u8, b: u8| (f64::from(a) + part * (f64::from(b) - f64::from(a))).round() as u8;
    (mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(values: Vec<Option<f64>>, shades: Shades) -> Tile {
        let shape = [1, values.len()];
        Tile { title: String::new(), note: String::new(), shape, values, step: 1, origin: [0, 0], cross: false, shades }
    }

    #[test]
    fn colours_follow_the_values() {
        let signed = colours(&tile(vec![Some(-2.0), Some(0.0), Some(2.0), None], Shades::Signed));
        assert_eq!(signed, [SIGNED[0], SIGNED[2], SIGNED[4], UNKNOWN]);
        let decades = colours(&tile(vec![Some(1.0), Some(1e-3), Some(0.0), Some(1e-9)], Shades::Decades));
        assert_eq!(decades, [DECADES[4], DECADES[0], DECADES[0], DECADES[0]]);
        assert_eq!(colours(&tile(vec![Some(0.0)], Shades::Signed)), [SIGNED[2]]);
    }
}
