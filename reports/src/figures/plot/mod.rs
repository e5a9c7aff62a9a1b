//! Figures as data, and their drawing with plotters in one visual style.
//!
//! ```text
//! figure → axis, layout, labels → panel, tile, legend (on a canvas: svg or plotters' bitmap) → draw (files), screen (pages)
//! ```

mod axis;
mod canvas;
mod draw;
mod figure;
mod labels;
mod layout;
mod legend;
mod panel;
mod screen;
mod sheet;
mod style;
mod tile;
mod trace;

pub(crate) use draw::{Form, draw};
pub(crate) use figure::{AxisScale, Figure, LegendKey, Mark, Panel, PlotAxis, Point, Series, Shades, Tile};
pub(crate) use screen::on_screen;
pub(crate) use sheet::Sheet;
pub(crate) use style::NEUTRAL;
