//! Figures as data, and their drawing with plotters in one visual style.

mod axis;
mod draw;
mod figure;
mod layout;
mod legend;
mod panel;
mod style;

pub(crate) use draw::{Drawn, draw};
pub(crate) use figure::{AxisScale, Figure, LegendKey, Mark, Panel, PlotAxis, Point, Series};
