//! One panel of a figure: axes, guides, and what is drawn between them.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::FittedAxis;
use super::figure::{AxisScale, Mark, Panel, Point, Series};
use super::layout::names_width;
use super::style::{AXIS, GRID, INK, MUTED, Painted, at, colour, font, px, stroke};

type Chart<'a, DB> = ChartContext<'a, DB, Cartesian2d<FittedAxis, FittedAxis>>;

/// Draw `panel` into `area`.
pub(super) fn paint_panel<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, panel: &Panel) -> Painted<DB> {
    let axes = Axes::of(panel);
    if !panel.title.is_empty() {
        let style = font(12.5).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        let left = 62.0 + f64::from(names_width(panel));
        area.draw(&Text::new(panel.title.clone(), (at(left), at(12.0)), style))?;
    }
    let mut chart = ChartBuilder::on(area)
        .margin_top(px(24))
        .margin_right(px(14))
        .margin_bottom(px(6))
        .margin_left(px(8))
        .x_label_area_size(px(44))
        .y_label_area_size(px(54 + names_width(panel)))
        .build_cartesian_2d(axes.x.clone(), axes.y.clone())?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .bold_line_style(stroke(&GRID, 1.0))
        .axis_style(stroke(&AXIS, 1.0))
        .set_all_tick_mark_size(px(4))
        .x_labels(axes.x.ticks.len())
        .y_labels(axes.y.ticks.len())
        .x_label_formatter(&|place| axes.x.label(*place))
        .y_label_formatter(&|place| axes.y.label(*place))
        .label_style(font(11.0).color(&INK))
        .axis_desc_style(font(12.0).color(&INK))
        .x_desc(panel.x.label.clone())
        .y_desc(panel.y.label.clone())
        .draw()?;
    for guide in &panel.guides {
        let place = axes.y.place(*guide);
        let line = [(axes.x.from, place), (axes.x.to, place)];
        chart.draw_series(DashedLineSeries::new(line, px(2), px(4), stroke(&MUTED, 1.2)))?;
    }
    if !axes.named {
        panel.series.iter().try_for_each(|series| axes.paint_intervals(&mut chart, series))?;
    }
    for series in &panel.series {
        match series.mark {
            Mark::Line | Mark::Dashed | Mark::Dotted => axes.paint_line(&mut chart, series)?,
            Mark::Filled | Mark::Hollow if axes.named => axes.paint_bars(&mut chart, series)?,
            Mark::Filled | Mark::Hollow => axes.paint_dots(&mut chart, series)?,
        }
        axes.paint_overflow(&mut chart, series)?;
        if series.mark == Mark::Hollow && !axes.named {
            axes.paint_notes(&mut chart, series)?;
        }
    }
    Ok(())
}

/// The axes of a panel, fitted to what it shows.
struct Axes {
    x: FittedAxis,
    y: FittedAxis,
    /// Whether the vertical axis is one of names: intervals are those of x.
    named: bool,
}

impl Axes {
    fn of(panel: &Panel) -> Self {
        let points = || panel.series.iter().flat_map(|series| &series.points);
        let named = matches!(panel.y.scale, AxisScale::Names(_));
        let ends = |p: &Point| p.interval.map_or([p.x, p.x], |(a, b)| [a, b]);
        let xs: Vec<f64> = points().flat_map(|p| if named { ends(p) } else { [p.x, p.x] }).collect();
        let spans = |p: &Point| p.interval.map_or([p.y, p.y, p.y], |(a, b)| [a, p.y, b]);
        let ys: Vec<f64> = points().flat_map(spans).chain(panel.guides.iter().copied()).collect();
        Self { x: FittedAxis::fit(&panel.x.scale, &xs, true), y: FittedAxis::fit(&panel.y.scale, &ys, false), named }
    }

    /// Where `point` stands; overflow at the upper edge, or the right one where values run to the right.
    fn place(&self, point: &Point) -> (f64, f64) {
        (self.x.place_or_end(point.x), self.y.place_or_end(point.y))
    }

    fn overflows(&self, point: &Point) -> bool {
        self.x.overflows(point.x) || self.y.overflows(point.y)
    }

    /// Where the points of `series` stand that stand somewhere.
    fn places(&self, series: &Series) -> Vec<(f64, f64)> {
        series.points.iter().map(|p| self.place(p)).filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
    }

    /// A band around a line, or bars through single points.
    fn paint_intervals<DB: DrawingBackend>(&self, chart: &mut Chart<'_, DB>, series: &Series) -> Painted<DB> {
        let ink = colour(series.colour);
        let bounds = |p: &Point| {
            let (low, high) = p.interval?;
            Some((self.x.place(p.x), self.y.clamped(low), self.y.clamped(high)))
        };
        let band: Vec<(f64, f64, f64)> = series
            .points
            .iter()
            .filter_map(bounds)
            .filter(|(x, low, high)| x.is_finite() && low.is_finite() && high.is_finite())
            .collect();
        if matches!(series.mark, Mark::Line | Mark::Dashed) && band.len() > 1 {
            let upper = band.iter().map(|(x, _, high)| (*x, *high));
            let lower = band.iter().rev().map(|(x, low, _)| (*x, *low));
            chart.draw_series([Polygon::new(upper.chain(lower).collect::<Vec<_>>(), ink.mix(0.16).filled())])?;
        } else {
            let bar =
                |(x, low, high): &(f64, f64, f64)| PathElement::new(vec![(*x, *low), (*x, *high)], stroke(&ink, 1.5));
            chart.draw_series(band.iter().map(bar))?;
        }
        Ok(())
    }

    fn paint_line<DB: DrawingBackend>(&self, chart: &mut Chart<'_, DB>, series: &Series) -> Painted<DB> {
        let (ink, places) = (colour(series.colour), self.places(series));
        let solid = series.mark == Mark::Line;
        if solid {
            chart.draw_series(LineSeries::new(places.clone(), stroke(&ink, 2.0)))?;
        } else {
            chart.draw_series(DashedLineSeries::new(places.clone(), px(6), px(4), stroke(&ink, 1.6)))?;
        }
        let (most, style) = if solid { (24, ink.filled()) } else { (1, stroke(&ink, 1.4)) };
        if places.len() <= most {
            chart.draw_series(places.iter().map(|place| Circle::new(*place, at(2.6), style)))?;
        }
        Ok(())
    }

    /// Dots beside names, with a bar over the interval.
    fn paint_bars<DB: DrawingBackend>(&self, chart: &mut Chart<'_, DB>, series: &Series) -> Painted<DB> {
        let ink = colour(series.colour);
        let bars = series.points.iter().filter_map(|p| {
            let (low, high) = p.interval?;
            let ends = vec![(self.x.clamped(low), p.y), (self.x.clamped(high), p.y)];
            Some(PathElement::new(ends, stroke(&ink, 2.0)))
        });
        chart.draw_series(bars)?;
        let places = self.places(series);
        let shown = places.iter().zip(&series.points).filter(|(_, p)| !self.overflows(p));
        let dots: Vec<(f64, f64)> = shown.map(|(place, _)| *place).collect();
        let styles =
            if series.mark == Mark::Hollow { vec![WHITE.filled(), stroke(&ink, 1.6)] } else { vec![ink.filled()] };
        for style in styles {
            chart.draw_series(dots.iter().map(|place| Circle::new(*place, at(4.5), style)))?;
        }
        Ok(())
    }

    fn paint_dots<DB: DrawingBackend>(&self, chart: &mut Chart<'_, DB>, series: &Series) -> Painted<DB> {
        let ink = colour(series.colour);
        let (radius, style) = if series.mark == Mark::Filled { (4.8, ink.filled()) } else { (4.3, stroke(&ink, 1.4)) };
        chart.draw_series(self.places(series).into_iter().map(|place| Circle::new(place, at(radius), style)))?;
        Ok(())
    }

    /// Triangles at the edge for infinite values.
    fn paint_overflow<DB: DrawingBackend>(&self, chart: &mut Chart<'_, DB>, series: &Series) -> Painted<DB> {
        let ink = colour(series.colour);
        let beyond = series.points.iter().filter(|p| self.overflows(p)).map(|p| self.place(p));
        if self.named {
            let arrow = vec![(at(-4.0), at(-6.0)), (at(-4.0), at(6.0)), (at(5.0), 0)];
            chart
                .draw_series(beyond.map(|place| EmptyElement::at(place) + Polygon::new(arrow.clone(), ink.filled())))?;
        } else {
            chart.draw_series(beyond.map(|place| TriangleMarker::new(place, at(7.0), ink.filled())))?;
        }
        Ok(())
    }

    /// The notes of `series` above its points, away from the sides of the panel.
    fn paint_notes<DB: DrawingBackend>(&self, chart: &mut Chart<'_, DB>, series: &Series) -> Painted<DB> {
        let noted = series.points.iter().filter(|p| !p.note.is_empty());
        chart.draw_series(noted.map(|p| {
            let place = self.place(p);
            let share = (place.0 - self.x.from) / (self.x.to - self.x.from);
            let (side, shift) = match share {
                s if s > 0.85 => (HPos::Right, 6.0),
                s if s < 0.15 => (HPos::Left, -6.0),
                _ => (HPos::Center, 0.0),
            };
            let style = font(10.0).color(&MUTED).pos(Pos::new(side, VPos::Center));
            EmptyElement::at(place) + Text::new(p.note.clone(), (at(shift), at(-12.0)), style)
        }))?;
        Ok(())
    }
}
