//! A figure as SVG, PNG and CSV.
//!
//! Everything is drawn four times as large as it is shown: SVG positions (whole numbers in plotters) become quarter
//! pixels, and PNG files are averaged down to twice the size, which smooths their lines.

use std::convert::Infallible;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::canvas::{Canvas, SvgCanvas, encode, escaped};
use super::figure::Figure;
use super::labels::Names;
use super::layout::{TITLE_HEIGHT, columns, panel_size, size};
use super::legend::paint_legend;
use super::panel::paint_panel;
use super::style::{FONT, INK, Painted, SCALE, at, bold, fonts, px};
use crate::error::ReportError;
use crate::format::inert;

/// A drawn figure.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    /// The figure.
    pub figure: Figure,
    /// SVG document.
    pub svg: String,
    /// PNG file; empty unless asked for.
    pub png: Vec<u8>,
    /// Plotted values.
    pub csv: Vec<u8>,
}

/// Draw `figure` as SVG, as PNG where asked for, and write out its values.
///
/// # Errors
/// The drawing library fails.
pub(crate) fn draw(figure: Figure, with_png: bool) -> Result<Drawn, ReportError> {
    let failed = |message: String| ReportError::Draw { figure: figure.name.clone(), message };
    fonts().map_err(&failed)?;
    let (width, height) = size(&figure);
    let svg = svg(&figure.title, (width, height), |root| paint(root, &figure)).map_err(&failed)?;

    let png = if with_png {
        let picture = picture(&figure, (width, height)).map_err(&failed)?;
        encode(&picture.pixels, picture.width as u32, picture.height as u32).map_err(|e| failed(e.to_string()))?
    } else {
        Vec::new()
    };
    let csv = values(&figure).map_err(|e| failed(e.to_string()))?;
    Ok(Drawn { figure, svg, png, csv })
}

/// An SVG document of `size` shown pixels with what `paint` draws, and a name for screen readers.
pub(super) fn svg(
    title: &str,
    (width, height): (u32, u32),
    paint: impl FnOnce(&DrawingArea<SvgCanvas<'_>, Shift>) -> Result<(), DrawingAreaErrorKind<Infallible>>,
) -> Result<String, String> {
    let drawn = (width * SCALE, height * SCALE);
    let title = escaped(title);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" \
         role=\"img\" aria-label=\"{title}\" font-family=\"{FONT}\" fill=\"none\" stroke-linejoin=\"round\" \
         stroke-linecap=\"round\">\n",
        drawn.0, drawn.1
    );
    {
        let root = SvgCanvas::new(&mut svg, drawn).into_drawing_area();
        paint(&root).and_then(|()| root.present()).map_err(|e| e.to_string())?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// `figure`, twice as large as it is shown; `size` in shown pixels.
///
/// It is drawn piece by piece: as a whole and four times as large, one of twenty panels would take 130 MB.
fn picture(figure: &Figure, (width, height): (u32, u32)) -> Result<Picture, String> {
    let mut picture = Picture::new(width * SCALE / 2, height * SCALE / 2);
    let ((panel_width, panel_height), columns) = (panel_size(figure), columns(figure) as u32);
    let beside = panel_width * columns;
    picture.piece((beside, 0), (width - beside, height), |root| paint_legend(root, figure, 10.0))?;
    let names = Names::of(&figure.legend);
    for (index, panel) in (0u32..).zip(&figure.panels) {
        let place = (panel_width * (index % columns), TITLE_HEIGHT + panel_height * (index / columns));
        picture.piece(place, (panel_width, panel_height), |root| paint_panel(root, panel, &names, false))?;
    }
    picture.piece((0, 0), (width, TITLE_HEIGHT), |root| paint_title(root, figure))?;
    Ok(picture)
}

/// RGB pixels, row by row.
struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

type PieceArea<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

impl Picture {
    fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        Self { width, height, pixels: vec![u8::MAX; 3 * width * height] }
    }

    /// Draw what `paint` draws in a piece of `size` at `place`, both in shown pixels.
    fn piece(
        &mut self,
        (x, y): (u32, u32),
        (width, height): (u32, u32),
        paint: impl for<'a> FnOnce(&PieceArea<'a>) -> Painted<BitMapBackend<'a>>,
    ) -> Result<(), String> {
        let drawn = (width * SCALE, height * SCALE);
        let mut pixels = vec![u8::MAX; 3 * drawn.0 as usize * drawn.1 as usize];
        {
            let root = BitMapBackend::with_buffer(&mut pixels, drawn).into_drawing_area();
            paint(&root).and_then(|()| root.present()).map_err(|error| error.to_string())?;
        }
        let row = 3 * (drawn.0 / 2) as usize;
        let (left, top) = (3 * (x * SCALE / 2) as usize, (y * SCALE / 2) as usize);
        for (index, piece) in halve(&pixels, drawn.0 as usize).chunks_exact(row).enumerate() {
            let at = 3 * self.width * (top + index) + left;
            self.pixels[at..at + row].copy_from_slice(piece);
        }
        Ok(())
    }
}

/// Average 2 × 2 pixels into one.
fn halve(pixels: &[u8], width: usize) -> Vec<u8> {
    let row = width * 3;
    let mut out = Vec::with_capacity(pixels.len() / 4);
    for pair in pixels.chunks_exact(2 * row) {
        let (upper, lower) = pair.split_at(row);
        for (a, b) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for channel in 0..3 {
                let upper = u16::from(a[channel]) + u16::from(a[channel + 3]);
                let lower = u16::from(b[channel]) + u16::from(b[channel + 3]);
                out.push(((upper + lower + 2) / 4) as u8);
            }
        }
    }
    out
}

fn values(figure: &Figure) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if figure.panels.iter().any(|panel| !panel.tiles.is_empty()) {
        return tile_values(figure, writer);
    }
    writer.write_record(["panel", "series", "drawn_as", "x_axis", "y_axis", "x", "y", "low", "high", "n", "note"])?;
    for panel in &figure.panels {
        for series in &panel.series {
            for point in &series.points {
                let bound = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
                writer.write_record([
                    &*inert(&panel.title),
                    &inert(&series.label),
                    series.mark.name(),
                    &inert(&panel.x.label),
                    &inert(&panel.y.label),
                    &point.x.to_string(),
                    &point.y.to_string(),
                    &bound(point.interval.map(|i| i.0)),
                    &bound(point.interval.map(|i| i.1)),
                    &point.n.to_string(),
                    &inert(&point.note),
                ])?;
            }
        }
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}

/// The values of maps: a row for each, its place counted from where the map is seen from.
fn tile_values(figure: &Figure, mut writer: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, csv::Error> {
    writer.write_record(["panel", "map", "row", "column", "value"])?;
    for (panel, tile) in figure.panels.iter().flat_map(|panel| panel.tiles.iter().map(move |tile| (panel, tile))) {
        let columns = tile.shape[1].max(1);
        for (index, value) in tile.values.iter().enumerate() {
            let [row, column] = [(index / columns, tile.origin[0]), (index % columns, tile.origin[1])]
                .map(|(at, from)| (at as i64 - from as i64) * tile.step as i64);
            let value = value.map(|value| value.to_string()).unwrap_or_default();
            let row = [&panel.title, &tile.title, &row.to_string(), &column.to_string(), &value];
            writer.write_record(row)?;
        }
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}

fn paint<DB: Canvas>(root: &DrawingArea<DB, Shift>, figure: &Figure) -> Painted<DB> {
    root.fill(&WHITE)?;
    paint_title(root, figure)?;
    let (columns, names) = (columns(figure), Names::of(&figure.legend));
    let (width, height) = panel_size(figure);
    for (index, panel) in figure.panels.iter().enumerate() {
        let (column, row) = ((index % columns) as u32, (index / columns) as u32);
        let x = (px(width * column) as i32, px(width * (column + 1)) as i32);
        let y = (px(TITLE_HEIGHT + height * row) as i32, px(TITLE_HEIGHT + height * (row + 1)) as i32);
        let area = root.clone().shrink((x.0, y.0), (x.1 - x.0, y.1 - y.0));
        paint_panel(&area, panel, &names, false)?;
    }
    paint_legend(root, figure, f64::from(width * columns as u32) + 10.0)
}

fn paint_title<DB: Canvas>(root: &DrawingArea<DB, Shift>, figure: &Figure) -> Painted<DB> {
    root.draw(&Text::new(figure.title.clone(), (at(16.0), at(12.0)), bold(14.0).color(&INK)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_averages_four_pixels() {
        let pixels = [10, 0, 0, 20, 0, 0, 30, 0, 0, 40, 4, 0];
        assert_eq!(halve(&pixels, 2), [25, 1, 0]);
    }
}
