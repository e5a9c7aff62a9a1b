//! What a back end of plotters needs beside drawing: groups, where it has such.

use std::iter::{Empty, empty};

use plotters::element::{Drawable, PointCollection};
use plotters::prelude::*;
use plotters_backend::{BackendCoord, DrawingErrorKind};

/// A back end that may keep what it draws in groups with attributes.
pub(super) trait Canvas: DrawingBackend {
    /// Whether it does, and so makes dashes of an attribute.
    const GROUPS: bool;

    /// Begin a group.
    fn open(&mut self, _attributes: &str) {}

    /// End the last group that was begun.
    fn close(&mut self) {}
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
