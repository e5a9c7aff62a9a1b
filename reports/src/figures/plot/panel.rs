//! One panel of a figure: axes, guides, and what is drawn between them.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::FittedAxis;
use super::canvas::{Canvas, Dashes, Group, Symbols};
use super::figure::{AxisScale, Mark, Panel, Point, Series};
use super::labels::{Names, ROW, has_solid, is_named, spread};
use super::layout::{self, names_beside};
use super::style::{AXIS, GRID, INK, MUTED, Painted, SCALE, at, colour, font, px, stroke};
use super::tile::paint_tiles;
use super::trace;

/// Most points of a line that each have a symbol.
const FEW: usize = 12;
/// Symbols on a line of more points, beside that at its end.
const SYMBOLS: usize = 4;

/// Strengths of cells that are told apart.
const CELL_LEVELS: f64 = 20.0;

/// Most lines of a panel with bands around all of them, as captions say: more would not be told apart.
const CROWDED: usize = 6;

/// Draw `panel` into `area`, with `names` at the ends of its lines. What a page reads of it is there if it is `live`.
pub(super) fn paint_panel<DB: Canvas>(
    area: &DrawingArea<DB, Shift>,
    panel: &Panel,
    names: &Names,
    live: bool,
) -> Painted<DB> {
    if !panel.tiles.is_empty() {
        return paint_tiles(area, panel, live);
    }
    let axes = Axes::of(panel);
    let beside = names_beside(panel, area.dim_in_pixel().0 / SCALE);
    let digits = axes.y.ticks.iter().map(|tick| axes.y.label(*tick).chars().count() as u32).max().unwrap_or(0);
    // Rows of names have no quantity beside them, unless they are those of cells.
    let named = if panel.y.label.is_empty() { 14 } else { 34 };
    let left = if axes.named { named } else { 30 + 6 * digits.max(4) } + beside.unwrap_or(0);
    if !panel.title.is_empty() {
        let style = font(12.5).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        let left = f64::from(8 + left);
        area.draw(&Text::new(panel.title.clone(), (at(left), at(12.0)), style))?;
    }
    let mut margins = [if panel.title.is_empty() { 16 } else { 24 }, 14 + names.width(panel)];
    if panel.disc {
        let (width, height) = area.dim_in_pixel();
        let inner = [height / SCALE, width / SCALE].map(i64::from);
        let [inner_height, inner_width] =
            [inner[0] - i64::from(margins[0]) - 46, inner[1] - i64::from(margins[1]) - 8 - i64::from(left)];
        margins[0] += u32::try_from(inner_height - inner_width).unwrap_or(0);
        margins[1] += u32::try_from(inner_width - inner_height).unwrap_or(0);
    }
    let mut chart = ChartBuilder::on(area)
        .margin_top(px(margins[0]))
        .margin_right(px(margins[1]))
        .margin_bottom(px(6))
        .margin_left(px(8))
        .x_label_area_size(px(40))
        .y_label_area_size(px(left))
        .build_cartesian_2d(axes.x.clone(), axes.y.clone())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .max_light_lines(0)
        .bold_line_style(stroke(&GRID, 1.0))
        .axis_style(stroke(&AXIS, 1.0))
        .set_all_tick_mark_size(px(4))
        .x_labels(axes.x.ticks.len())
        .y_labels(axes.y.ticks.len())
        .x_label_formatter(&|place| axes.x.label(*place))
        .y_label_formatter(&|place| if beside.is_some() { axes.y.label(*place) } else { String::new() })
        .label_style(font(11.0).color(&INK))
        .axis_desc_style(font(12.0).color(&INK))
        .x_desc(panel.x.label.clone())
        .y_desc(panel.y.label.clone())
        .draw()?;
    let thickness = if panel.dense { 1.3 } else { 2.0 };
    let plot = Plot { area, inner: chart.plotting_area(), axes: &axes, thickness };
    for guide in &panel.guides {
        let place = axes.y.place(*guide);
        let line = [(axes.x.from, place), (axes.x.to, place)].map(|place| plot.pixel(place));
        plot.paint_dashes(&line, [2, 4], stroke(&MUTED, 1.2))?;
    }
    plot.paint_references(panel)?;
    if beside.is_none() {
        plot.paint_rows(layout::names(panel))?;
    }
    let panel_attributes = if live { plot.attributes(panel) } else { String::new() };
    plot.grouped(live, || panel_attributes.clone(), || plot.paint_all(panel, names, live))
}

/// The axes of a panel, fitted to what it shows.
pub(super) struct Axes {
    pub(super) x: FittedAxis,
    pub(super) y: FittedAxis,
    /// Whether the vertical axis is one of names: intervals are those of x.
    named: bool,
}

impl Axes {
    fn of(panel: &Panel) -> Self {
        let points = || panel.series.iter().flat_map(|series| &series.points);
        let named = matches!(panel.y.scale, AxisScale::Names(_) | AxisScale::NamesDown(_));
        let ends = |p: &Point| p.interval.map_or([p.x, p.x], |(a, b)| [a, b]);
        let xs: Vec<f64> = points().flat_map(|p| if named { ends(p) } else { [p.x, p.x] }).collect();
        let spans = |p: &Point| p.interval.map_or([p.y, p.y, p.y], |(a, b)| [a, p.y, b]);
        let ys: Vec<f64> = points().flat_map(spans).chain(panel.guides.iter().copied()).collect();
        let disc = if panel.disc { [-1.0, 1.0].as_slice() } else { &[] };
        let (xs, ys) = ([&xs, disc, &panel.verticals].concat(), [&ys, disc].concat());
        // The same air around a circle everywhere.
        let tight = !panel.disc;
        Self { x: FittedAxis::fit(&panel.x.scale, &xs, tight), y: FittedAxis::fit(&panel.y.scale, &ys, false), named }
    }

    /// Where `point` stands; overflow at the upper edge, or the right one where values run to the right.
    fn place(&self, point: &Point) -> (f64, f64) {
        (self.x.place_or_end(point.x), self.y.place_or_end(point.y))
    }

    fn overflows(&self, point: &Point) -> bool {
        self.x.overflows(point.x) || self.y.overflows(point.y)
    }
}

/// A panel whose axes are drawn.
struct Plot<'p, DB: DrawingBackend> {
    area: &'p DrawingArea<DB, Shift>,
    inner: &'p DrawingArea<DB, Cartesian2d<FittedAxis, FittedAxis>>,
    axes: &'p Axes,
    /// Of solid lines, in shown pixels.
    thickness: f64,
}

impl<DB: Canvas> Plot<'_, DB> {
    /// The pixel of `area` that shows `place`.
    fn pixel(&self, place: (f64, f64)) -> (i32, i32) {
        let ((x, y), (left, top)) = (self.inner.map_coordinate(&place), self.area.get_base_pixel());
        (x - left, y - top)
    }

    /// What a page has to know of the axes to read values off the panel.
    fn attributes(&self, panel: &Panel) -> String {
        let (from, to) =
            (self.pixel((self.axes.x.from, self.axes.y.from)), self.pixel((self.axes.x.to, self.axes.y.to)));
        let x = trace::axis(&panel.x, &self.axes.x, [from.0, to.0]);
        let y = trace::axis(&panel.y, &self.axes.y, [from.1, to.1]);
        format!("class=\"plot\" data-x=\"{x}\" data-y=\"{y}\"")
    }

    /// Draw in a group with `attributes`, if that is `wanted`.
    fn grouped(
        &self,
        wanted: bool,
        attributes: impl FnOnce() -> String,
        paint: impl FnOnce() -> Painted<DB>,
    ) -> Painted<DB> {
        if !wanted {
            return paint();
        }
        self.area.draw(&Group::Begin(&attributes()))?;
        paint()?;
        self.area.draw(&Group::End)
    }

    /// Upright lines of reference, and the unit circle.
    fn paint_references(&self, panel: &Panel) -> Painted<DB> {
        const CORNERS: u32 = 90;
        let style = stroke(&MUTED, 1.2);
        for vertical in &panel.verticals {
            let place = self.axes.x.place(*vertical);
            let line = [(place, self.axes.y.from), (place, self.axes.y.to)].map(|place| self.pixel(place));
            self.paint_dashes(&line, [2, 4], style)?;
        }
        if panel.disc {
            let angle = |corner: u32| std::f64::consts::TAU * f64::from(corner) / f64::from(CORNERS);
            let circle: Vec<_> = (0..=CORNERS).map(angle).map(|angle| self.pixel((angle.cos(), angle.sin()))).collect();
            self.area.draw(&PathElement::new(circle, stroke(&AXIS, 1.2)))?;
        }
        Ok(())
    }

    /// The names of rows above them.
    fn paint_rows(&self, names: &[String]) -> Painted<DB> {
        let style = font(10.5).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        names.iter().enumerate().try_for_each(|(row, name)| {
            let (x, y) = self.pixel((self.axes.x.from, row as f64));
            self.area.draw(&Text::new(name.clone(), (x + at(4.0), y - at(13.0)), style.clone()))
        })
    }

    fn paint_all(&self, panel: &Panel, names: &Names, live: bool) -> Painted<DB> {
        if !self.axes.named {
            let crowded = panel.series.len() > CROWDED;
            let with_band = |series: &&Series| !crowded || series.mark != Mark::Dashed || !has_solid(panel, series);
            for series in panel.series.iter().filter(with_band) {
                self.grouped(live, || trace::group(series), || self.paint_intervals(series))?;
            }
        }
        for series in &panel.series {
            let traced = || {
                let dots = |p: &Point| self.pixel(self.axes.place(p));
                trace::group(series) + &trace::values(series, panel, names, (&self.axes.x, &self.axes.y), dots)
            };
            self.grouped(live, traced, || {
                match series.mark {
                    Mark::Line | Mark::Dashed | Mark::Dotted => self.paint_line(series)?,
                    Mark::Filled | Mark::Hollow => self.paint_dots(series)?,
                    Mark::Ticks => self.paint_ticks(series)?,
                    Mark::Specks => self.paint_specks(series)?,
                    Mark::Cells => self.paint_cells(series)?,
                }
                self.paint_overflow(series)?;
                if series.mark == Mark::Hollow && !self.axes.named { self.paint_notes(series) } else { Ok(()) }
            })?;
        }
        self.paint_names(panel, names, live)
    }

    fn paint_symbols(
        &self,
        series: &Series,
        centres: impl IntoIterator<Item = (i32, i32)>,
        radius: f64,
        filled: bool,
    ) -> Painted<DB> {
        let centres = centres.into_iter().collect();
        self.area.draw(&Symbols { series: series.colour, centres, radius, filled })
    }

    /// A line of dashes, `dash` shown pixels long and apart.
    fn paint_dashes(&self, line: &[(i32, i32)], dash: [u32; 2], style: ShapeStyle) -> Painted<DB> {
        let pattern @ [length, gap] = dash.map(px);
        if DB::GROUPS {
            self.area.draw(&Dashes { line: line.to_vec(), pattern, style })
        } else {
            self.area.draw(&DashedPathElement::new(line.iter().copied(), length, gap, style))
        }
    }

    /// A band around a line, or bars through single points.
    fn paint_intervals(&self, series: &Series) -> Painted<DB> {
        let ink = colour(series.colour);
        let bounds = |p: &Point| {
            let (low, high) = p.interval?;
            Some((self.axes.x.place(p.x), self.axes.y.clamped(low), self.axes.y.clamped(high)))
        };
        let finite = |(x, low, high): &(f64, f64, f64)| x.is_finite() && low.is_finite() && high.is_finite();
        let band: Vec<(f64, f64, f64)> = series.points.iter().filter_map(bounds).filter(finite).collect();
        if matches!(series.mark, Mark::Line | Mark::Dashed) && band.len() > 1 {
            let upper = band.iter().map(|(x, _, high)| self.pixel((*x, *high)));
            let lower = band.iter().rev().map(|(x, low, _)| self.pixel((*x, *low)));
            return self.area.draw(&Polygon::new(upper.chain(lower).collect::<Vec<_>>(), ink.mix(0.16).filled()));
        }
        band.into_iter().try_for_each(|(x, low, high)| {
            self.area.draw(&PathElement::new([(x, low), (x, high)].map(|place| self.pixel(place)), stroke(&ink, 1.5)))
        })
    }

    /// The pixels of the points of `series` that stand somewhere.
    fn pixels(&self, series: &Series) -> Vec<(i32, i32)> {
        let places = series.points.iter().map(|p| self.axes.place(p));
        places.filter(|(x, y)| x.is_finite() && y.is_finite()).map(|place| self.pixel(place)).collect()
    }

    fn paint_line(&self, series: &Series) -> Painted<DB> {
        let (ink, line) = (colour(series.colour), self.pixels(series));
        let Some(end) = line.last() else { return Ok(()) };
        if series.mark != Mark::Line {
            let dash = if series.mark == Mark::Dotted { [2, 3] } else { [6, 4] };
            self.paint_dashes(&line, dash, stroke(&ink, 1.6))?;
            return self.paint_symbols(series, [*end], 2.4, false);
        }
        self.area.draw(&PathElement::new(line.as_slice(), stroke(&ink, self.thickness)))?;
        if line.len() <= FEW {
            return self.paint_symbols(series, line, 2.6, true);
        }
        // Of neighbours in the legend, symbols stand at different places.
        let from = (series.colour % 5) as f64 / 5.0;
        let places = (0..SYMBOLS).map(|i| ((i as f64 + from) / SYMBOLS as f64 * line.len() as f64) as usize);
        self.paint_symbols(series, places.map(|i| line[i.min(line.len() - 1)]).chain([*end]), 3.0, true)
    }

    /// Symbols alone; on an axis of names with a bar over the interval.
    fn paint_dots(&self, series: &Series) -> Painted<DB> {
        let axes = self.axes;
        if axes.named {
            for point in &series.points {
                let Some((low, high)) = point.interval else { continue };
                let ends = [low, high].map(|end| self.pixel((axes.x.clamped(end), point.y)));
                self.area.draw(&PathElement::new(ends, stroke(&colour(series.colour), 2.0)))?;
            }
        }
        let shown = series.points.iter().filter(|p| !axes.overflows(p)).map(|p| axes.place(p));
        let shown = shown.filter(|(x, y)| x.is_finite() && y.is_finite()).map(|place| self.pixel(place));
        let filled = series.mark == Mark::Filled;
        self.paint_symbols(series, shown, if filled { 4.3 } else { 3.4 }, filled)
    }

    /// Short upright strokes.
    fn paint_ticks(&self, series: &Series) -> Painted<DB> {
        let style = stroke(&colour(series.colour), 1.2);
        let reach = at(6.0);
        self.pixels(series)
            .into_iter()
            .try_for_each(|(x, y)| self.area.draw(&PathElement::new([(x, y - reach), (x, y + reach)], style)))
    }

    /// Small dots.
    fn paint_specks(&self, series: &Series) -> Painted<DB> {
        let style = colour(series.colour).filled();
        let reach = at(1.8);
        self.pixels(series).into_iter().try_for_each(|(x, y)| {
            self.area.draw(&Rectangle::new([(x - reach, y - reach), (x + reach, y + reach)], style))
        })
    }

    /// Squares of one place each; those of one strength are drawn together.
    fn paint_cells(&self, series: &Series) -> Painted<DB> {
        let ink = colour(series.colour);
        let level = |point: &Point| (point.weight.clamp(0.0, 1.0) * CELL_LEVELS).ceil();
        let mut points: Vec<&Point> = series.points.iter().filter(|point| level(point) > 0.0).collect();
        points.sort_by(|a, b| level(a).total_cmp(&level(b)));
        points.into_iter().try_for_each(|point| {
            let (x, y) = self.axes.place(point);
            let (from, to) = (self.pixel((x - 0.5, y + 0.5)), self.pixel((x + 0.5, y - 0.5)));
            self.area.draw(&Rectangle::new([from, to], ink.mix(level(point) / CELL_LEVELS).filled()))
        })?;
        let texts = series.points.iter().filter(|point| !point.text.is_empty());
        let centred = Pos::new(HPos::Center, VPos::Center);
        texts.into_iter().try_for_each(|point| {
            let style = font(9.0).color(if point.weight > 0.6 { &WHITE } else { &INK }).pos(centred);
            self.area.draw(&Text::new(point.text.clone(), self.pixel(self.axes.place(point)), style))
        })
    }

    /// Triangles at the edge for infinite values.
    fn paint_overflow(&self, series: &Series) -> Painted<DB> {
        let beyond = series.points.iter().filter(|p| self.axes.overflows(p)).map(|p| self.pixel(self.axes.place(p)));
        let arrow = match self.axes.named {
            true => [(-4.0, -6.0), (-4.0, 6.0), (5.0, 0.0)],
            false => [(-6.0, 3.5), (6.0, 3.5), (0.0, -7.0)],
        };
        for (x, y) in beyond {
            let corners = arrow.map(|(right, down)| (x + at(right), y + at(down)));
            self.area.draw(&Polygon::new(corners, colour(series.colour).filled()))?;
        }
        Ok(())
    }

    /// The notes of `series` above its points, or below where another stands there already, away from the sides of the panel.
    fn paint_notes(&self, series: &Series) -> Painted<DB> {
        let axis = &self.axes.x;
        let mut taken: Vec<(i32, i32)> = Vec::new();
        for point in series.points.iter().filter(|p| !p.note.is_empty()) {
            let place = self.axes.place(point);
            let (side, shift) = match (place.0 - axis.from) / (axis.to - axis.from) {
                share if share > 0.85 => (HPos::Right, 6.0),
                share if share < 0.15 => (HPos::Left, -6.0),
                _ => (HPos::Center, 0.0),
            };
            let (x, y) = self.pixel(place);
            let free =
                |y: i32| !taken.iter().any(|(other, at_y)| (other - x).abs() < at(60.0) && (at_y - y).abs() < at(11.0));
            let Some(y) = [y - at(12.0), y + at(12.0), y - at(24.0)].into_iter().find(|y| free(*y)) else { continue };
            taken.push((x, y));
            let style = font(10.0).color(&MUTED).pos(Pos::new(side, VPos::Center));
            self.area.draw(&Text::new(point.note.clone(), (x + at(shift), y), style))?;
        }
        Ok(())
    }

    /// The names of the lines beside their ends.
    fn paint_names(&self, panel: &Panel, names: &Names, live: bool) -> Painted<DB> {
        let mut ends: Vec<(&Series, &str, (i32, i32))> = panel
            .series
            .iter()
            .filter(|series| is_named(panel, series))
            .filter_map(|series| Some((series, names.get(series.colour)?, *self.pixels(series).last()?)))
            .collect();
        ends.sort_by_key(|(.., end)| end.1);
        let wanted: Vec<f64> = ends.iter().map(|(.., end)| f64::from(end.1)).collect();
        let (right, top) = self.pixel((self.axes.x.to, self.axes.y.to));
        let bottom = self.pixel((self.axes.x.to, self.axes.y.from)).1;
        let places = spread(&wanted, ROW * f64::from(SCALE), [top, bottom].map(f64::from));
        for ((series, name, end), y) in ends.into_iter().zip(places) {
            let (x, y) = (right + at(10.0), y as i32);
            self.grouped(
                live,
                || trace::group(series),
                || {
                    let leader = [end, (right, end.1), (x - at(3.0), y), (x + at(2.0), y)];
                    self.area.draw(&PathElement::new(
                        leader,
                        colour(series.colour).mix(0.45).stroke_width(at(0.8) as u32),
                    ))?;
                    self.paint_symbols(series, [(x + at(2.0), y)], 2.6, true)?;
                    let style = font(10.0).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
                    self.area.draw(&Text::new(name.to_owned(), (x + at(8.0), y), style))
                },
            )?;
        }
        Ok(())
    }
}
