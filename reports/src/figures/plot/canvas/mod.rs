//! What a back end of plotters needs beside drawing: groups, where it has such, maps, and symbols.

mod png;
mod svg;

use std::iter::{Copied, Empty, Once, empty, once};
use std::slice::Iter;

use plotters::element::{Drawable, PointCollection};
use plotters::prelude::*;
use plotters_backend::{BackendCoord, DrawingErrorKind};

use super::style::{colour, stroke, symbol};

pub(super) use self::png::encode;
pub(super) use self::svg::{SvgCanvas, escaped, hex};

/// A back end that may keep what it draws in groups with attributes.
pub(super) trait Canvas: DrawingBackend {
    /// Whether it does, and so has [`dashes`](Self::dashes) of its own.
    const GROUPS: bool;

    /// Begin a group.
    fn open(&mut self, _attributes: &str) {}

    /// End the last group that was begun.
    fn close(&mut self) {}

    /// Draw a line of dashes.
    fn dashes(&mut self, _dashes: &Dashes) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        Ok(())
    }

    /// Draw the symbol of a series at every one of its places.
    fn symbols(&mut self, symbols: &Symbols) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        outlines(self, symbols)
    }

    /// Draw `raster` with its corner at `at`.
    fn raster(&mut self, (left, top): BackendCoord, raster: &Raster) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        let [rows, columns] = raster.shape;
        let edge = |size: u32, part: usize, of: usize| (size as usize * part / of.max(1)) as i32;
        for (index, &(r, g, b)) in raster.colours.iter().enumerate() {
            let (row, column) = (index / columns.max(1), index % columns.max(1));
            let from = (left + edge(raster.size.0, column, columns), top + edge(raster.size.1, row, rows));
            let to =
                (left + edge(raster.size.0, column + 1, columns) - 1, top + edge(raster.size.1, row + 1, rows) - 1);
            self.draw_rect(from, to, &RGBColor(r, g, b), true)?;
        }
        Ok(())
    }
}

/// A line of dashes, drawn like an element.
pub(super) struct Dashes {
    /// In drawn pixels.
    pub(super) line: Vec<BackendCoord>,
    /// Drawn pixels of a dash and of the gap after it.
    pub(super) pattern: [u32; 2],
    pub(super) style: ShapeStyle,
}

impl<'e> PointCollection<'e, BackendCoord> for &'e Dashes {
    type Point = BackendCoord;
    type IntoIter = Copied<Iter<'e, BackendCoord>>;

    fn point_iter(self) -> Self::IntoIter {
        self.line.iter().copied()
    }
}

impl<DB: Canvas> Drawable<DB> for Dashes {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        line: I,
        backend: &mut DB,
        _: (u32, u32),
    ) -> Result<(), DrawingErrorKind<DB::ErrorType>> {
        backend.dashes(&Self { line: line.collect(), ..*self })
    }
}

/// Shown pixels of the outline of hollow symbols.
pub(super) const HOLLOW: f64 = 1.4;

/// Symbols of one series, drawn like an element.
pub(super) struct Symbols {
    /// The index of the series, which decides colour and form.
    pub(super) series: usize,
    /// Where they stand, in drawn pixels.
    pub(super) centres: Vec<BackendCoord>,
    /// In shown pixels.
    pub(super) radius: f64,
    pub(super) filled: bool,
}

impl<'e> PointCollection<'e, BackendCoord> for &'e Symbols {
    type Point = BackendCoord;
    type IntoIter = Copied<Iter<'e, BackendCoord>>;

    fn point_iter(self) -> Self::IntoIter {
        self.centres.iter().copied()
    }
}

impl<DB: Canvas> Drawable<DB> for Symbols {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        at: I,
        backend: &mut DB,
        _: (u32, u32),
    ) -> Result<(), DrawingErrorKind<DB::ErrorType>> {
        backend.symbols(&Self { centres: at.collect(), ..*self })
    }
}

/// Draw the outlines of `symbols`.
fn outlines<DB: DrawingBackend>(backend: &mut DB, symbols: &Symbols) -> Result<(), DrawingErrorKind<DB::ErrorType>> {
    let ink = colour(symbols.series);
    for centre in &symbols.centres {
        let outline = symbol(symbols.series, *centre, symbols.radius);
        if symbols.filled {
            backend.fill_polygon(outline, &ink)?;
        } else {
            backend.fill_polygon(outline.iter().copied(), &WHITE)?;
            backend.draw_path(outline.iter().chain(outline.first()).copied(), &stroke(&ink, HOLLOW))?;
        }
    }
    Ok(())
}

/// A map, drawn like an element: one rectangle per value.
pub(super) struct Raster {
    /// The upper left corner.
    pub(super) at: BackendCoord,
    /// Width and height in drawn pixels.
    pub(super) size: (u32, u32),
    /// Rows and columns.
    pub(super) shape: [usize; 2],
    /// Row by row.
    pub(super) colours: Vec<(u8, u8, u8)>,
}

impl<'e> PointCollection<'e, BackendCoord> for &'e Raster {
    type Point = BackendCoord;
    type IntoIter = Once<BackendCoord>;

    fn point_iter(self) -> Self::IntoIter {
        once(self.at)
    }
}

impl<DB: Canvas> Drawable<DB> for Raster {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        mut at: I,
        backend: &mut DB,
        _: (u32, u32),
    ) -> Result<(), DrawingErrorKind<DB::ErrorType>> {
        at.next().map_or(Ok(()), |at| backend.raster(at, self))
    }
}

impl Canvas for BitMapBackend<'_> {
    const GROUPS: bool = false;
}

/// The beginning or the end of a group, drawn like an element.
pub(super) enum Group<'a> {
    /// With attributes, e.g. `class="series"`.
    Begin(&'a str),
    End,
}

impl<'e> PointCollection<'e, BackendCoord> for &'e Group<'_> {
    type Point = BackendCoord;
    type IntoIter = Empty<BackendCoord>;

    fn point_iter(self) -> Self::IntoIter {
        empty()
    }
}

impl<DB: Canvas> Drawable<DB> for Group<'_> {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        _: I,
        backend: &mut DB,
        _: (u32, u32),
    ) -> Result<(), DrawingErrorKind<DB::ErrorType>> {
        match self {
            Self::Begin(attributes) => backend.open(attributes),
            Self::End => backend.close(),
        }
        Ok(())
    }
}
