//! Figures as data, and their drawing with plotters in one visual style.
//!
//! Everything is drawn four times as large as it is shown: SVG positions (whole numbers in plotters) become quarter
//! pixels, and PNG files are averaged down to twice the size, which smooths their lines.

use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use crate::error::ReportError;
use crate::format::significant;

/// Drawn pixels per shown pixel.
const SCALE: u32 = 4;
/// Sizes in shown pixels.
const PANEL_WIDTH: u32 = 430;
const PANEL_HEIGHT: u32 = 310;
const TITLE_HEIGHT: u32 = 34;
const LEGEND_ROW: u32 = 20;
const CHARACTER: f64 = 6.7;

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const MUTED: RGBColor = RGBColor(0x77, 0x77, 0x77);
const GRID: RGBColor = RGBColor(0xE4, 0xE4, 0xE4);
const AXIS: RGBColor = RGBColor(0x99, 0x99, 0x99);

/// Okabe and Ito's palette, distinguishable with every common form of colour blindness; a neutral grey comes eighth.
const PALETTE: [RGBColor; 8] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x8C, 0x6D, 0x31),
    RGBColor(0x6B, 0x6B, 0x6B),
];

/// A figure: panels side by side, a legend on their right.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// File name without ending.
    pub name: String,
    /// Title, drawn above the panels.
    pub title: String,
    /// Explanation for the page.
    pub caption: String,
    /// Panels.
    pub panels: Vec<Panel>,
    /// Legend.
    pub legend: Vec<Key>,
}

/// One pair of axes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Title above the axes; may be empty.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// What is drawn.
    pub series: Vec<Series>,
    /// Horizontal reference lines, e.g. the chance level.
    pub guides: Vec<f64>,
}

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// Quantity and unit.
    pub label: String,
    /// How values become positions and labels.
    pub scale: Scale,
}

impl Axis {
    /// An axis.
    pub(crate) fn new(label: impl Into<String>, scale: Scale) -> Self {
        Self { label: label.into(), scale }
    }
}

/// How values become positions and labels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scale {
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
}

impl Mark {
    fn name(self) -> &'static str {
        match self {
            Self::Line => "solid line",
            Self::Dashed => "dashed line",
            Self::Filled => "filled dots",
            Self::Hollow => "hollow dots",
            Self::Dotted => "dotted line",
        }
    }
}

/// One line or cloud of points.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Name in the CSV file.
    pub label: String,
    /// Index of the colour; the palette repeats after eight.
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
    /// Remark for the CSV file, or the text beside a dot.
    pub note: String,
}

/// One line of the legend.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    /// Text.
    pub label: String,
    /// Colour, or grey.
    pub colour: Option<usize>,
    /// Sample drawn before the text; none for a heading.
    pub mark: Option<Mark>,
}

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
    let drawn = (width * SCALE, height * SCALE);

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, drawn).into_drawing_area();
        paint(&root, &figure).map_err(|e| failed(e.to_string()))?;
        root.present().map_err(|e| failed(e.to_string()))?;
    }
    let svg = with_header(&svg, &figure.title, width, height);

    let png = if with_png {
        let mut pixels = vec![0u8; drawn.0 as usize * drawn.1 as usize * 3];
        {
            let root = BitMapBackend::with_buffer(&mut pixels, drawn).into_drawing_area();
            paint(&root, &figure).map_err(|e| failed(e.to_string()))?;
            root.present().map_err(|e| failed(e.to_string()))?;
        }
        encode(&halve(&pixels, drawn.0 as usize), width * SCALE / 2, height * SCALE / 2)
            .map_err(|e| failed(e.to_string()))?
    } else {
        Vec::new()
    };
    let csv = values(&figure).map_err(|e| failed(e.to_string()))?;
    Ok(Drawn { figure, svg, png, csv })
}

/// plotters has no fonts of its own without system libraries: both styles come from the DejaVu family.
fn fonts() -> Result<(), String> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = *REGISTERED.get_or_init(|| {
        register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).is_ok()
            && register_font(FONT, FontStyle::Bold, dejavu::sans::bold()).is_ok()
    });
    if registered { Ok(()) } else { Err("the built-in font cannot be read".to_owned()) }
}

/// The document with its shown size, round line ends and a title for screen readers instead of plotters' header.
fn with_header(svg: &str, title: &str, width: u32, height: u32) -> String {
    let body = svg.split_once('\n').map_or("", |(_, body)| body);
    let escaped = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" \
         role=\"img\" aria-label=\"{escaped}\" stroke-linejoin=\"round\" stroke-linecap=\"round\">\n<title>{escaped}</title>\n{body}",
        width * SCALE,
        height * SCALE
    )
}

/// Average 2 × 2 pixels into one.
fn halve(pixels: &[u8], width: usize) -> Vec<u8> {
    let row = width * 3;
    let mut out = Vec::with_capacity(pixels.len() / 4);
    for pair in pixels.chunks_exact(2 * row) {
        let (upper, lower) = pair.split_at(row);
        for (a, b) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for channel in 0..3 {
                let sum: u16 = [a[channel], a[channel + 3], b[channel], b[channel + 3]].map(u16::from).iter().sum();
                out.push(((sum + 2) / 4) as u8);
            }
        }
    }
    out
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Best);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

fn values(figure: &Figure) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["panel", "series", "drawn_as", "x_axis", "y_axis", "x", "y", "low", "high", "n", "note"])?;
    for panel in &figure.panels {
        for series in &panel.series {
            for point in &series.points {
                let bound = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
                writer.write_record([
                    panel.title.as_str(),
                    &series.label,
                    series.mark.name(),
                    &panel.x.label,
                    &panel.y.label,
                    &point.x.to_string(),
                    &point.y.to_string(),
                    &bound(point.interval.map(|i| i.0)),
                    &bound(point.interval.map(|i| i.1)),
                    &point.n.to_string(),
                    &point.note,
                ])?;
            }
        }
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}

fn s(shown: u32) -> u32 {
    shown * SCALE
}

fn at(shown: f64) -> i32 {
    (shown * f64::from(SCALE)).round() as i32
}

fn font(shown: f64) -> FontDesc<'static> {
    // plotters counts line heights: 1.24 of the font size.
    FontDesc::new(FontFamily::SansSerif, shown * 1.24 * f64::from(SCALE), FontStyle::Normal)
}

fn colour(index: usize) -> RGBColor {
    PALETTE[index % PALETTE.len()]
}

/// Columns of panels.
fn columns(figure: &Figure) -> usize {
    figure.panels.len().clamp(1, 2)
}

fn legend_width(figure: &Figure) -> u32 {
    if figure.legend.is_empty() {
        return 12;
    }
    let longest = figure.legend.iter().map(|k| k.label.chars().count()).max().unwrap_or(0);
    (44.0 + CHARACTER * longest as f64).ceil() as u32 + 14
}

fn names_width(panel: &Panel) -> u32 {
    match &panel.y.scale {
        Scale::Names(names) => {
            let longest = names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
            (CHARACTER * longest as f64).ceil() as u32
        }
        _ => 0,
    }
}

fn panel_size(figure: &Figure) -> (u32, u32) {
    let extra = figure.panels.iter().map(names_width).max().unwrap_or(0);
    let rows = figure.panels.iter().map(|p| if let Scale::Names(n) = &p.y.scale { n.len() } else { 0 }).max();
    (PANEL_WIDTH + extra, PANEL_HEIGHT.max(90 + 22 * rows.unwrap_or(0) as u32))
}

/// Shown size of a figure.
fn size(figure: &Figure) -> (u32, u32) {
    let columns = columns(figure);
    let rows = figure.panels.len().div_ceil(columns).max(1);
    let (width, height) = panel_size(figure);
    let legend = figure.legend.len() as u32 * LEGEND_ROW + 60;
    (width * columns as u32 + legend_width(figure), TITLE_HEIGHT + (height * rows as u32).max(legend))
}

type Painted<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

fn paint<DB: DrawingBackend>(root: &DrawingArea<DB, Shift>, figure: &Figure) -> Painted<DB> {
    root.fill(&WHITE)?;
    let bold = FontDesc::new(FontFamily::SansSerif, 14.0 * 1.24 * f64::from(SCALE), FontStyle::Bold);
    root.draw(&Text::new(figure.title.clone(), (at(16.0), at(12.0)), bold.color(&INK)))?;
    let columns = columns(figure);
    let (width, height) = panel_size(figure);
    for (index, panel) in figure.panels.iter().enumerate() {
        let (column, row) = ((index % columns) as u32, (index / columns) as u32);
        let x = (s(width * column) as i32, s(width * (column + 1)) as i32);
        let y = (s(TITLE_HEIGHT + height * row) as i32, s(TITLE_HEIGHT + height * (row + 1)) as i32);
        let area = root.clone().shrink((x.0, y.0), (x.1 - x.0, y.1 - y.0));
        paint_panel(&area, panel)?;
    }
    paint_legend(root, figure, f64::from(width * columns as u32) + 10.0)
}

fn paint_legend<DB: DrawingBackend>(root: &DrawingArea<DB, Shift>, figure: &Figure, left: f64) -> Painted<DB> {
    let mut y = f64::from(TITLE_HEIGHT) + 34.0;
    for key in &figure.legend {
        let ink = key.colour.map_or(MUTED, colour);
        let (from, to, middle) = ((at(left), at(y)), (at(left + 24.0), at(y)), (at(left + 12.0), at(y)));
        match key.mark {
            Some(Mark::Line) => root.draw(&PathElement::new(vec![from, to], ink.stroke_width(s(2))))?,
            Some(Mark::Dashed) => {
                for part in 0..3 {
                    let start = left + 9.0 * f64::from(part);
                    let ends = vec![(at(start), at(y)), (at(start + 6.0), at(y))];
                    root.draw(&PathElement::new(ends, ink.stroke_width(at(1.6) as u32)))?;
                }
            }
            Some(Mark::Dotted) => {
                for part in 0..4 {
                    let start = left + 1.0 + 6.5 * f64::from(part);
                    let ends = vec![(at(start), at(y)), (at(start + 2.0), at(y))];
                    root.draw(&PathElement::new(ends, ink.stroke_width(at(1.4) as u32)))?;
                }
            }
            Some(Mark::Filled) => root.draw(&Circle::new(middle, at(4.5), ink.filled()))?,
            Some(Mark::Hollow) => root.draw(&Circle::new(middle, at(4.5), ink.stroke_width(at(1.5) as u32)))?,
            None => {}
        }
        let style = font(12.0).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        let x = if key.mark.is_some() { left + 32.0 } else { left };
        root.draw(&Text::new(key.label.clone(), (at(x), at(y)), style))?;
        y += f64::from(LEGEND_ROW);
    }
    Ok(())
}

/// An axis ready for drawing: range, ticks and labels in position space (logarithms on logarithmic axes).
#[derive(Clone)]
struct Ready {
    from: f64,
    to: f64,
    ticks: Vec<f64>,
    scale: Scale,
}

impl Ranged for Ready {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.from) / (self.to - self.from);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.from..self.to
    }
}

impl Scale {
    fn place(&self, value: f64) -> f64 {
        match self {
            Self::Log | Self::LogCount => value.log10(),
            _ => value,
        }
    }

    fn label(&self, place: f64, step: f64) -> String {
        match self {
            Self::Linear => plain_label(place, step),
            Self::Percent => plain_label(100.0 * place, 100.0 * step),
            Self::Count => format!("{place:.0}"),
            Self::LogCount => si(10f64.powf(place)),
            Self::Log => power(place),
            Self::Names(names) => {
                let index = place.round();
                if index < 0.0 { String::new() } else { names.get(index as usize).cloned().unwrap_or_default() }
            }
        }
    }
}

fn plain_label(value: f64, step: f64) -> String {
    let decimals = (-step.log10()).ceil().clamp(0.0, 8.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.') { text.replace('-', "") } else { text }
}

fn si(value: f64) -> String {
    for (factor, unit) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value >= factor * 0.999 {
            return format!("{}{unit}", significant(value / factor, 2).trim_end_matches(".0"));
        }
    }
    significant(value, 2)
}

fn power(place: f64) -> String {
    let exponent = place.round();
    if (place - exponent).abs() > 1e-6 {
        let value = 10f64.powf(place);
        return if (1e-3..1e4).contains(&value) { trimmed(value) } else { significant(value, 2) };
    }
    if (-3.0..=3.0).contains(&exponent) {
        return plain_label(10f64.powf(exponent), 10f64.powf(exponent.min(0.0)));
    }
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let exponent = format!("{exponent:.0}");
    let raised = exponent.chars().map(|c| match c.to_digit(10) {
        Some(d) => digits[d as usize],
        None => '⁻',
    });
    format!("10{}", raised.collect::<String>())
}

/// Two significant digits, without zeros at the end.
fn trimmed(value: f64) -> String {
    let text = significant(value, 2);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The next of 1, 2, 5 times a power of ten at or above `rough`.
fn nice(rough: f64) -> f64 {
    let base = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|m| m * base).find(|step| *step >= rough * (1.0 - 1e-9)).unwrap_or(10.0 * base)
}

fn ready(scale: &Scale, values: &[f64], horizontal: bool) -> Ready {
    let places = values.iter().map(|v| scale.place(*v)).filter(|p| p.is_finite());
    let (mut low, mut high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), p| (a.min(p), b.max(p)));
    if let Scale::Names(names) = scale {
        return Ready {
            from: -0.6,
            to: names.len() as f64 - 0.4,
            ticks: (0..names.len()).map(|i| i as f64).collect(),
            scale: scale.clone(),
        };
    }
    if low > high {
        (low, high) = (0.0, 1.0);
    }
    let logarithmic = matches!(scale, Scale::Log | Scale::LogCount);
    if high - low < 1e-12 * high.abs().max(1e-12) {
        let half = match scale {
            Scale::Percent => 0.02,
            Scale::Count => 1.0,
            _ if logarithmic => 0.5,
            _ => (low.abs() * 0.1).max(1e-6),
        };
        (low, high) = (low - half, high + half);
    }
    // A little air; axes of time and epochs start at their first value.
    let air = (high - low) * 0.05;
    let tight = horizontal && matches!(scale, Scale::Linear | Scale::Count);
    let (mut from, mut to) = (low - if tight { 0.02 * (high - low) } else { air }, high + air);
    if matches!(scale, Scale::Percent) {
        (from, to) = (from.max(-0.005), to.min(1.005));
    }
    let ticks = if logarithmic { log_ticks(from, to) } else { linear_ticks(from, to, scale) };
    Ready { from, to, ticks, scale: scale.clone() }
}

fn linear_ticks(from: f64, to: f64, scale: &Scale) -> Vec<f64> {
    let mut step = nice((to - from) / 6.0);
    if matches!(scale, Scale::Count) {
        step = step.max(1.0);
    }
    let (first, last) = ((from / step).ceil() as i64, (to / step).floor() as i64);
    (first..=last).map(|i| i as f64 * step).collect()
}

fn log_ticks(from: f64, to: f64) -> Vec<f64> {
    let decades = to - from;
    if decades > 2.0 {
        let step = nice(decades / 7.0).max(1.0).round();
        let (first, last) = ((from / step).ceil() as i64, (to / step).floor() as i64);
        return (first..=last).map(|i| i as f64 * step).collect();
    }
    let multiples: &[f64] = if decades > 0.9 { &[1.0, 2.0, 5.0] } else { &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0] };
    let (first, last) = (from.floor() as i32, to.ceil() as i32);
    let places = (first..=last).flat_map(|d| multiples.iter().map(move |m| f64::from(d) + m.log10()));
    places.filter(|p| (from..=to).contains(p)).collect()
}

fn paint_panel<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, panel: &Panel) -> Painted<DB> {
    let points = || panel.series.iter().flat_map(|s| &s.points);
    let named = matches!(panel.y.scale, Scale::Names(_));
    let ends = |p: &Point| p.interval.map_or([p.x, p.x], |(a, b)| [a, b]);
    let xs: Vec<f64> = points().flat_map(|p| if named { ends(p) } else { [p.x, p.x] }).collect();
    let spans = |p: &Point| p.interval.map_or([p.y, p.y, p.y], |(a, b)| [a, p.y, b]);
    let ys: Vec<f64> = points().flat_map(spans).chain(panel.guides.iter().copied()).collect();
    let (x, y) = (ready(&panel.x.scale, &xs, true), ready(&panel.y.scale, &ys, false));

    if !panel.title.is_empty() {
        let style = font(12.5).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        let left = 62.0 + f64::from(names_width(panel));
        area.draw(&Text::new(panel.title.clone(), (at(left), at(12.0)), style))?;
    }
    let mut chart = ChartBuilder::on(area)
        .margin_top(s(24))
        .margin_right(s(14))
        .margin_bottom(s(6))
        .margin_left(s(8))
        .x_label_area_size(s(44))
        .y_label_area_size(s(54 + names_width(panel)))
        .build_cartesian_2d(x.clone(), y.clone())?;
    let step = |r: &Ready| r.ticks.windows(2).map(|w| w[1] - w[0]).reduce(f64::min).unwrap_or(1.0);
    let (x_step, y_step) = (step(&x), step(&y));
    chart
        .configure_mesh()
        .max_light_lines(0)
        .bold_line_style(GRID.stroke_width(s(1)))
        .axis_style(AXIS.stroke_width(s(1)))
        .set_all_tick_mark_size(s(4))
        .x_labels(x.ticks.len())
        .y_labels(y.ticks.len())
        .x_label_formatter(&|v| x.scale.label(*v, x_step))
        .y_label_formatter(&|v| y.scale.label(*v, y_step))
        .label_style(font(11.0).color(&INK))
        .axis_desc_style(font(12.0).color(&INK))
        .x_desc(panel.x.label.clone())
        .y_desc(panel.y.label.clone())
        .draw()?;

    let stroke = |c: &RGBColor, width: f64| c.stroke_width(at(width) as u32);
    for guide in &panel.guides {
        let place = y.scale.place(*guide);
        let line = [(x.from, place), (x.to, place)];
        chart.draw_series(DashedLineSeries::new(line, s(2), s(4), stroke(&MUTED, 1.2)))?;
    }
    let edge = |p: &Point| {
        // Overflow: at the upper edge, or the right one where values run to the right.
        let (px, py) = (x.scale.place(p.x), y.scale.place(p.y));
        (if px == f64::INFINITY { x.to } else { px }, if py == f64::INFINITY { y.to } else { py })
    };
    let overflows = |p: &Point| x.scale.place(p.x) == f64::INFINITY || y.scale.place(p.y) == f64::INFINITY;
    for series in panel.series.iter().filter(|_| !named) {
        let ink = colour(series.colour);
        let bound = |v: f64| y.scale.place(v).clamp(y.from, y.to);
        let band: Vec<(f64, f64, f64)> = series
            .points
            .iter()
            .filter_map(|p| p.interval.map(|(a, b)| (x.scale.place(p.x), bound(a), bound(b))))
            .filter(|(px, a, b)| px.is_finite() && a.is_finite() && b.is_finite())
            .collect();
        if matches!(series.mark, Mark::Line | Mark::Dashed) && band.len() > 1 {
            let upper = band.iter().map(|(px, _, b)| (*px, *b));
            let lower = band.iter().rev().map(|(px, a, _)| (*px, *a));
            chart.draw_series([Polygon::new(upper.chain(lower).collect::<Vec<_>>(), ink.mix(0.16).filled())])?;
        } else {
            let bars = band.iter().map(|(px, a, b)| PathElement::new(vec![(*px, *a), (*px, *b)], stroke(&ink, 1.5)));
            chart.draw_series(bars)?;
        }
    }
    for series in &panel.series {
        let ink = colour(series.colour);
        let places: Vec<(f64, f64)> =
            series.points.iter().map(edge).filter(|(a, b)| a.is_finite() && b.is_finite()).collect();
        match series.mark {
            Mark::Line => {
                chart.draw_series(LineSeries::new(places.clone(), stroke(&ink, 2.0)))?;
                if places.len() <= 24 {
                    chart.draw_series(places.iter().map(|p| Circle::new(*p, at(2.6), ink.filled())))?;
                }
            }
            Mark::Dashed | Mark::Dotted => {
                chart.draw_series(DashedLineSeries::new(places.clone(), s(6), s(4), stroke(&ink, 1.6)))?;
                if places.len() == 1 {
                    chart.draw_series(places.iter().map(|p| Circle::new(*p, at(2.6), stroke(&ink, 1.4))))?;
                }
            }
            Mark::Filled | Mark::Hollow if named => {
                let bars = series.points.iter().filter_map(|p| {
                    let (a, b) = p.interval?;
                    let clamp = |v: f64| x.scale.place(v).clamp(x.from, x.to);
                    Some(PathElement::new(vec![(clamp(a), p.y), (clamp(b), p.y)], stroke(&ink, 2.0)))
                });
                chart.draw_series(bars)?;
                let dots = || places.iter().zip(&series.points).filter(|(_, p)| !overflows(p)).map(|(place, _)| *place);
                if series.mark == Mark::Hollow {
                    chart.draw_series(dots().map(|p| Circle::new(p, at(4.5), WHITE.filled())))?;
                    chart.draw_series(dots().map(|p| Circle::new(p, at(4.5), stroke(&ink, 1.6))))?;
                } else {
                    chart.draw_series(dots().map(|p| Circle::new(p, at(4.5), ink.filled())))?;
                }
            }
            Mark::Filled => {
                chart.draw_series(places.iter().map(|p| Circle::new(*p, at(4.8), ink.filled())))?;
            }
            Mark::Hollow => {
                chart.draw_series(places.iter().map(|p| Circle::new(*p, at(4.3), stroke(&ink, 1.4))))?;
            }
        }
        let beyond: Vec<(f64, f64)> = series.points.iter().filter(|p| overflows(p)).map(edge).collect();
        if named {
            let arrow = vec![(at(-4.0), at(-6.0)), (at(-4.0), at(6.0)), (at(5.0), 0)];
            let arrows = beyond.iter().map(|p| EmptyElement::at(*p) + Polygon::new(arrow.clone(), ink.filled()));
            chart.draw_series(arrows)?;
        } else {
            chart.draw_series(beyond.iter().map(|p| TriangleMarker::new(*p, at(7.0), ink.filled())))?;
        }
        if series.mark == Mark::Hollow && !named {
            let noted = series.points.iter().filter(|p| !p.note.is_empty());
            let texts = noted.map(|p| {
                let place = edge(p);
                let share = (place.0 - x.from) / (x.to - x.from);
                let (h, dx) = match share {
                    s if s > 0.85 => (HPos::Right, 6.0),
                    s if s < 0.15 => (HPos::Left, -6.0),
                    _ => (HPos::Center, 0.0),
                };
                let style = font(10.0).color(&MUTED).pos(Pos::new(h, VPos::Center));
                EmptyElement::at(place) + Text::new(p.note.clone(), (at(dx), at(-12.0)), style)
            });
            chart.draw_series(texts)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(linear_ticks(0.0, 10.2, &Scale::Count), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(log_ticks(-0.5, 19.2), [0.0, 5.0, 10.0, 15.0]);
        assert_eq!(power(19.0), "10¹⁹");
        assert_eq!(power(-4.0), "10⁻⁴");
        assert_eq!(power(0.0), "1");
        assert_eq!(power(1.5f64.log10()), "1.5");
        assert_eq!(power(0.5f64.log10()), "0.5");
        assert_eq!(si(200_000.0), "200k");
        assert_eq!(si(2_000_000.0), "2M");
        assert_eq!(si(1_500.0), "1.5k");
        assert_eq!(plain_label(-0.0, 0.1), "0.0");
    }

    #[test]
    fn halving_averages_four_pixels() {
        let pixels = [10, 0, 0, 20, 0, 0, 30, 0, 0, 40, 4, 0];
        assert_eq!(halve(&pixels, 2), [25, 1, 0]);
    }
}
