//! The legend of a figure.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::canvas::{Canvas, Symbols};
use super::figure::{Figure, LegendKey, Mark};
use super::layout::{LEGEND_ROW, TITLE_HEIGHT};
use super::style::{INK, NEUTRAL, Painted, at, colour, font, stroke};

/// Draw the legend to the right of `left`, in shown pixels.
pub(super) fn paint_legend<DB: Canvas>(root: &DrawingArea<DB, Shift>, figure: &Figure, left: f64) -> Painted<DB> {
    let mut y = f64::from(TITLE_HEIGHT) + 34.0;
    for key in &figure.legend {
        paint_sample(root, key, (left, y))?;
        let style = font(12.0).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        let x = if key.mark.is_some() { left + 32.0 } else { left };
        root.draw(&Text::new(key.label.clone(), (at(x), at(y)), style))?;
        y += f64::from(LEGEND_ROW);
    }
    Ok(())
}

/// Draw what the series of `key` looks like, 24 pixels wide.
pub(super) fn paint_sample<DB: Canvas>(
    root: &DrawingArea<DB, Shift>,
    key: &LegendKey,
    (left, y): (f64, f64),
) -> Painted<DB> {
    let Some(mark) = key.mark else { return Ok(()) };
    let index = key.colour.unwrap_or(NEUTRAL);
    let ink = colour(index);
    let line = |from: f64, to: f64, width: f64| {
        PathElement::new(vec![(at(left + from), at(y)), (at(left + to), at(y))], stroke(&ink, width))
    };
    let symbol = |radius: f64, filled: bool| {
        root.draw(&Symbols { series: index, centres: vec![(at(left + 12.0), at(y))], radius, filled })
    };
    match mark {
        Mark::Line => root.draw(&line(0.0, 24.0, 2.0))?,
        Mark::Dashed => [0.0, 9.0, 18.0].iter().try_for_each(|from| root.draw(&line(*from, from + 6.0, 1.6)))?,
        Mark::Dotted => {
            [1.0, 7.5, 14.0, 20.5].iter().try_for_each(|from| root.draw(&line(*from, from + 2.0, 1.4)))?;
        }
        Mark::Hollow => symbol(4.3, false)?,
        Mark::Filled | Mark::Cells => {}
        Mark::Specks => symbol(2.2, true)?,
        Mark::Ticks => root.draw(&PathElement::new(
            [(at(left + 12.0), at(y - 5.0)), (at(left + 12.0), at(y + 5.0))],
            stroke(&ink, 1.2),
        ))?,
    }
    if mark == Mark::Filled || (mark == Mark::Line && key.colour.is_some()) {
        symbol(if mark == Mark::Line { 3.4 } else { 4.3 }, true)?;
    }
    Ok(())
}
