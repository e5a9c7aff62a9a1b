//! A figure as SVG, PNG and CSV.
//!
//! Everything is drawn four times as large as it is shown: SVG positions (whole numbers in plotters) become quarter
//! pixels, and PNG files are averaged down to twice the size, which smooths their lines.

use std::convert::Infallible;
use std::io;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::canvas::{Canvas, SvgCanvas, encode, escaped};
use super::figure::Figure;
use super::labels::Names;
use super::layout::{TITLE_HEIGHT, columns, legend_height, panel_size, size};
use super::legend::paint_legend;
use super::panel::paint_panel;
use super::style::{INK, Painted, SCALE, at, bold, fonts, px};
use crate::error::ReportError;
use crate::format::inert;

/// The figure as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// An SVG document.
    Svg,
    /// A PNG file.
    Png,
    /// The plotted values.
    Csv,
}

impl Form {
    /// Of the file.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Csv => "csv",
        }
    }
}

/// The file of `figure` in a form.
///
/// # Errors
/// The drawing library fails.
pub(crate) fn draw(figure: &Figure, form: Form) -> Result<Vec<u8>, ReportError> {
    let failed = |message: String| ReportError::Draw { figure: figure.name.clone(), message };
    fonts().map_err(failed)?;
    let size = size(figure);
    match form {
        Form::Svg => document(&figure.title, size, |root| paint(root, figure)).map(String::into_bytes).map_err(failed),
        Form::Png => picture(figure, size).map_err(|error| failed(error.to_string())),
        Form::Csv => values(figure).map_err(|e| failed(e.to_string())),
    }
}

/// What makes an SVG document of its own: a page says this once for all of its images.
const ALONE: &str = "xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" fill=\"none\" \
                     stroke-linejoin=\"round\" stroke-linecap=\"round\" ";

/// An SVG document with what `paint` draws.
fn document(
    title: &str,
    size: (u32, u32),
    paint: impl FnOnce(&DrawingArea<SvgCanvas<'_>, Shift>) -> Result<(), DrawingAreaErrorKind<Infallible>>,
) -> Result<String, String> {
    svg(false, title, size, paint)
}

/// An image within a page with what `paint` draws.
pub(super) fn image(
    title: &str,
    size: (u32, u32),
    paint: impl FnOnce(&DrawingArea<SvgCanvas<'_>, Shift>) -> Result<(), DrawingAreaErrorKind<Infallible>>,
) -> Result<String, String> {
    svg(true, title, size, paint)
}

/// An SVG element of `size` shown pixels with what `paint` draws, and a name for screen readers.
fn svg(
    within_page: bool,
    title: &str,
    (width, height): (u32, u32),
    paint: impl FnOnce(&DrawingArea<SvgCanvas<'_>, Shift>) -> Result<(), DrawingAreaErrorKind<Infallible>>,
) -> Result<String, String> {
    let drawn = (width * SCALE, height * SCALE);
    let (attributes, title) = (if within_page { "" } else { ALONE }, escaped(title));
    let mut svg = format!(
        "<svg {attributes}width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{title}\">\n",
        drawn.0, drawn.1
    );
    {
        let root = SvgCanvas::new(&mut svg, drawn, within_page).into_drawing_area();
        paint(&root).and_then(|()| root.present()).map_err(|e| e.to_string())?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// `figure` as a PNG file, twice as large as it is shown; `size` in shown pixels.
///
/// It is drawn piece by piece, and every row of panels goes into the file at once: as a whole, one of twenty panels would take
/// 100 MB.
fn picture(figure: &Figure, (width, height): (u32, u32)) -> io::Result<Vec<u8>> {
    let ((panel_width, panel_height), columns) = (panel_size(figure), columns(figure));
    let (beside, names) = (panel_width * columns as u32, Names::of(&figure.legend));
    let mut drawn = Vec::new();
    let legend_size = (width - beside, legend_height(figure).min(height));
    let legend = piece(&mut drawn, legend_size, |root| paint_legend(root, figure, 10.0))?;
    encode([width, height].map(|side| side * SCALE / 2), |file| {
        let title = piece(&mut drawn, (width, TITLE_HEIGHT), |root| paint_title(root, figure))?;
        file.write_all(&title.pixels)?;
        let mut top = TITLE_HEIGHT;
        for panels in figure.panels.chunks(columns) {
            let mut strip = Picture::new(width * SCALE / 2, panel_height * SCALE / 2);
            for (column, panel) in (0u32..).zip(panels) {
                let painted =
                    piece(&mut drawn, (panel_width, panel_height), |root| paint_panel(root, panel, &names, false))?;
                strip.put(panel_width * column, 0, &painted);
            }
            strip.put(beside, top, &legend);
            file.write_all(&strip.pixels)?;
            top += panel_height;
        }
        let mut rest = Picture::new(width * SCALE / 2, (height - top) * SCALE / 2);
        rest.put(beside, top, &legend);
        file.write_all(&rest.pixels)
    })
}

/// RGB pixels, row by row.
struct Picture {
    width: usize,
    pixels: Vec<u8>,
}

type PieceArea<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

impl Picture {
    fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        Self { width, pixels: vec![u8::MAX; 3 * width * height] }
    }

    /// Put the rows of `piece` from its `first` on to the right of `left`, as many as there is room for; both in shown pixels.
    fn put(&mut self, left: u32, first: u32, piece: &Picture) {
        let [left, first] = [left, first].map(|side| (side * SCALE / 2) as usize);
        let rows = piece.pixels.chunks_exact(3 * piece.width.max(1)).skip(first);
        for (own, row) in self.pixels.chunks_exact_mut(3 * self.width.max(1)).zip(rows) {
            own[3 * left..][..row.len()].copy_from_slice(row);
        }
    }
}

/// What `paint` draws in a piece of `size` shown pixels; the memory of `drawn` serves one piece after another.
fn piece(
    drawn: &mut Vec<u8>,
    (width, height): (u32, u32),
    paint: impl for<'a> FnOnce(&PieceArea<'a>) -> Painted<BitMapBackend<'a>>,
) -> io::Result<Picture> {
    let mut piece = Picture::new(width * SCALE / 2, height * SCALE / 2);
    let (width, height) = (width * SCALE, height * SCALE);
    drawn.clear();
    drawn.resize(3 * width as usize * height as usize, u8::MAX);
    {
        let root = BitMapBackend::with_buffer(drawn, (width, height)).into_drawing_area();
        paint(&root).and_then(|()| root.present()).map_err(io::Error::other)?;
    }
    let row = 3 * piece.width.max(1);
    for (out, pair) in piece.pixels.chunks_exact_mut(row).zip(drawn.chunks_exact(4 * row)) {
        let (upper, lower) = pair.split_at(2 * row);
        halve(upper, lower, out);
    }
    Ok(piece)
}

/// Average 2 × 2 pixels of two rows into one of `out`.
fn halve(upper: &[u8], lower: &[u8], out: &mut [u8]) {
    let (upper, lower) = (upper.as_chunks::<6>().0, lower.as_chunks::<6>().0);
    for ((a, b), out) in upper.iter().zip(lower).zip(out.as_chunks_mut::<3>().0) {
        for channel in 0..3 {
            let upper = u16::from(a[channel]) + u16::from(a[channel + 3]);
            let lower = u16::from(b[channel]) + u16::from(b[channel + 3]);
            out[channel] = ((upper + lower + 2) / 4) as u8;
        }
    }
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
        let mut out = [0; 3];
        halve(&[10, 0, 0, 20, 0, 0], &[30, 0, 0, 40, 4, 0], &mut out);
        assert_eq!(out, [25, 1, 0]);
    }
}
