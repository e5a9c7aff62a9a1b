//! A figure as data.

use crate::statistics::Summary;

/// A figure: panels side by side, a legend on their right.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// File name without ending.
    pub name: String,
    /// Title, drawn above the panels. Where there is one figure per task it is `task: kind`: a page sets those of one kind side
    /// by side.
    pub title: String,
    /// Explanation for the page.
    pub caption: String,
    /// Panels.
    pub panels: Vec<Panel>,
    /// Legend.
    pub legend: Vec<LegendKey>,
}

/// One pair of axes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Title above the axes; may be empty.
    pub title: String,
    /// Horizontal axis.
    pub x: PlotAxis,
    /// Vertical axis.
    pub y: PlotAxis,
    /// What is drawn.
    pub series: Vec<Series>,
    /// Horizontal reference lines, e.g. the chance level.
    pub guides: Vec<f64>,
    /// Upright reference lines.
    pub verticals: Vec<f64>,
    /// Whether both axes are equally long and the unit circle is drawn.
    pub disc: bool,
    /// Whether a page draws every point, where it would leave some out of long lines. Lines are thin.
    pub dense: bool,
    /// Maps, which then take the place of the axes.
    pub tiles: Vec<Tile>,
}

/// A map: a coloured rectangle per value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tile {
    /// Above it.
    pub title: String,
    /// Below it.
    pub note: String,
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Row by row.
    pub values: Vec<Option<f64>>,
    /// Positions that a row or a column stands for.
    pub step: usize,
    /// Row and column from which it is seen.
    pub origin: [usize; 2],
    /// Whether a cross marks that place.
    pub cross: bool,
    /// Its colours.
    pub shades: Shades,
}

/// How the values of a map become colours. Those that are not finite are grey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shades {
    /// From blue over white at zero to red, up to the largest absolute value.
    Signed,
    /// Logarithmic, from a thousandth of the largest value upwards.
    Decades,
}

impl Panel {
    /// A panel without title, lines of reference and maps.
    pub(crate) fn new(x: PlotAxis, y: PlotAxis, series: Vec<Series>) -> Self {
        Self {
            title: String::new(),
            x,
            y,
            series,
            guides: Vec::new(),
            verticals: Vec::new(),
            disc: false,
            dense: false,
            tiles: Vec::new(),
        }
    }

    /// A panel of maps.
    pub(crate) fn of_tiles(tiles: Vec<Tile>) -> Self {
        let axis = || PlotAxis::new("", AxisScale::Linear);
        Self { tiles, ..Self::new(axis(), axis(), Vec::new()) }
    }

    /// With a title above the axes.
    #[must_use]
    pub(crate) fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// With horizontal reference lines.
    #[must_use]
    pub(crate) fn guided(mut self, guides: Vec<f64>) -> Self {
        self.guides = guides;
        self
    }
}

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlotAxis {
    /// Quantity and unit.
    pub label: String,
    /// How values become positions and labels.
    pub scale: AxisScale,
}

impl PlotAxis {
    /// An axis.
    pub(crate) fn new(label: impl Into<String>, scale: AxisScale) -> Self {
        Self { label: label.into(), scale }
    }
}

/// How values become positions and labels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AxisScale {
    /// Proportional.
    Linear,
    /// Proportional, shares from 0 to 1 labelled in percent.
    Percent,
    /// Whole numbers.
    Count,
    /// Logarithmic, labelled 10k, 100k, 1M.
    LogCount,
    /// Logarithmic, labelled with powers of ten.
    Log,
    /// Linear around zero, logarithmic on both sides further out (arsinh): values of any size and sign.
    SignedLog,
    /// One place per name, from 0.
    Names(Vec<String>),
    /// The same, the first at the far end: rows from top to bottom.
    NamesDown(Vec<String>),
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Solid line, with dots where there are few points.
    Line,
    /// Dashed line.
    Dashed,
    /// Filled dots.
    Filled,
    /// Hollow dots.
    Hollow,
    /// Dotted line: the sample of a guide in the legend.
    Dotted,
    /// Short upright strokes.
    Ticks,
    /// Dots so small that hundreds are told apart.
    Specks,
    /// Filled squares of one place each, as strong as the weight of their points.
    Cells,
}

impl Mark {
    /// In words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Line => "solid line",
            Self::Dashed => "dashed line",
            Self::Filled => "filled dots",
            Self::Hollow => "hollow dots",
            Self::Dotted => "dotted line",
            Self::Ticks => "ticks",
            Self::Specks => "dots",
            Self::Cells => "cells",
        }
    }
}

/// One line or cloud of points.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Name in the CSV file.
    pub label: String,
    /// Index of the colour and of the symbol, the same for one baseline everywhere; or [`NEUTRAL`](super::NEUTRAL).
    pub colour: usize,
    /// How it is drawn.
    pub mark: Mark,
    /// Points, in order of x.
    pub points: Vec<Point>,
}

/// One point.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Point {
    /// Abscissa.
    pub x: f64,
    /// Ordinate; infinite values are drawn as a triangle at the edge.
    pub y: f64,
    /// Interval, e.g. smallest and largest seed: of y, or of x on an axis of names.
    pub interval: Option<(f64, f64)>,
    /// Number of values behind the point.
    pub n: usize,
    /// The values by seed, where a page shows them.
    pub seeds: Vec<(u64, f64)>,
    /// How strong a cell is, from 0 (not drawn) to 1.
    pub weight: f64,
    /// What stands in a cell.
    pub text: String,
    /// Remark for the CSV file, the text beside a dot, or what a cell says.
    pub note: String,
}

impl Point {
    /// The mean of a sample at `x`, with the range of its values.
    pub(crate) fn mean(x: f64, summary: &Summary) -> Self {
        Self { x, y: summary.mean, interval: summary.range(), n: summary.n, ..Self::default() }
    }
}

/// One line of the legend.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LegendKey {
    /// Text.
    pub label: String,
    /// Colour, or grey.
    pub colour: Option<usize>,
    /// Sample drawn before the text; none for a heading.
    pub mark: Option<Mark>,
}

impl LegendKey {
    /// What lines or dots drawn as `mark` are, in grey.
    pub(crate) fn hint(label: &str, mark: Mark) -> Self {
        Self { label: label.to_owned(), colour: None, mark: Some(mark) }
    }

    /// The guide at the level of guessing.
    pub(crate) fn guessing() -> Self {
        Self::hint("guessing", Mark::Dotted)
    }

    /// An empty line.
    pub(crate) fn gap() -> Self {
        Self { label: String::new(), colour: None, mark: None }
    }
}
