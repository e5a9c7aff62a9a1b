//! The legend of a figure.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figure::{Figure, Mark};
use super::layout::{LEGEND_ROW, TITLE_HEIGHT};
use super::style::{INK, MUTED, Painted, at, colour, font, stroke};

/// Draw the legend to the right of `left`, in shown pixels.
pub(super) fn paint_legend<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    figure: &Figure,
    left: f64,
) -> Painted<DB> {
    let mut y = f64::from(TITLE_HEIGHT) + 34.0;
    for key in &figure.legend {
        let ink = key.colour.map_or(MUTED, colour);
        if let Some(mark) = key.mark {
            paint_sample(root, mark, &ink, (left, y))?;
        }
        let style = font(12.0).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        let x = if key.mark.is_some() { left + 32.0 } else { left };
        root.draw(&Text::new(key.label.clone(), (at(x), at(y)), style))?;
        y += f64::from(LEGEND_ROW);
    }
    Ok(())
}

/// Draw what a series looks like, 24 pixels wide.
fn paint_sample<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    mark: Mark,
    ink: &RGBColor,
    (left, y): (f64, f64),
) -> Painted<DB> {
    let line = |from: f64, to: f64, width: f64| {
        PathElement::new(vec![(at(left + from), at(y)), (at(left + to), at(y))], stroke(ink, width))
    };
    let dot = |style: ShapeStyle| Circle::new((at(left + 12.0), at(y)), at(4.5), style);
    match mark {
        Mark::Line => root.draw(&line(0.0, 24.0, 2.0)),
        Mark::Dashed => [0.0, 9.0, 18.0].iter().try_for_each(|from| root.draw(&line(*from, from + 6.0, 1.6))),
        Mark::Dotted => [1.0, 7.5, 14.0, 20.5].iter().try_for_each(|from| root.draw(&line(*from, from + 2.0, 1.4))),
        Mark::Filled => root.draw(&dot(ink.filled())),
        Mark::Hollow => root.draw(&dot(stroke(ink, 1.5))),
    }
}
