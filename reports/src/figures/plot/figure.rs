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
}

impl Panel {
    /// A panel without title and guides.
    pub(crate) fn new(x: PlotAxis, y: PlotAxis, series: Vec<Series>) -> Self {
        Self { title: String::new(), x, y, series, guides: Vec::new() }
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
    /// Remark for the CSV file, or the text beside a dot.
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
