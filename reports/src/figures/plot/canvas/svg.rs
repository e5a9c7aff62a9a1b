//! A back end of plotters for SVG. Its images are less than a quarter as long as those of plotters' own: paths are relative,
//! neighbours of one style are one path, and the texts of a group stand together, above its paths. An image within a page leaves
//! the outlines of symbols to the page, see [`super::super::sheet`].

use std::convert::Infallible;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plotters::prelude::DrawingBackend;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind, FontStyle, FontTransform,
};

use super::super::sheet::{SYMBOL, symbol_attribute};
use super::super::style::LINE_HEIGHT;
use super::{Canvas, Dashes, Raster, Symbols, encode, outlines};

type Drawing = Result<(), DrawingErrorKind<Infallible>>;

/// Writes the elements of an image into a text.
pub(in crate::figures::plot) struct SvgCanvas<'a> {
    out: &'a mut String,
    size: (u32, u32),
    /// Whether it stands in a page, which draws its symbols.
    within_page: bool,
    /// Where the heads of the open groups begin and end in the text.
    open: Vec<(usize, usize)>,
    /// The path that is being collected.
    pending: Option<Path>,
    /// Attributes that texts of the group share, and of every text what follows them.
    texts: Vec<(String, Vec<String>)>,
}

/// A path, maybe of several lines of one style.
struct Path {
    attributes: String,
    steps: String,
    end: BackendCoord,
}

impl<'a> SvgCanvas<'a> {
    /// An image of `size` drawn pixels, whose elements are appended to `out`.
    pub(in crate::figures::plot) fn new(out: &'a mut String, size: (u32, u32), within_page: bool) -> Self {
        Self { out, size, within_page, open: Vec::new(), pending: None, texts: Vec::new() }
    }

    /// The end of a path: what is drawn so far becomes an element.
    fn flush_path(&mut self) {
        if let Some(Path { attributes, steps, .. }) = self.pending.take() {
            let _ = writeln!(self.out, "<path {attributes} d=\"{steps}\"/>");
        }
    }

    /// The end of a group: its texts come last.
    fn flush(&mut self) {
        self.flush_path();
        for (style, texts) in self.texts.drain(..) {
            let _ = match texts.as_slice() {
                [text] => writeln!(self.out, "<text {style} {text}"),
                texts => {
                    let texts: String = texts.iter().map(|text| format!("<text {text}")).collect();
                    writeln!(self.out, "<g {style}>{texts}</g>")
                }
            };
        }
    }

    fn path(&mut self, attributes: String, points: impl IntoIterator<Item = BackendCoord>, closed: bool) {
        let points: Vec<BackendCoord> = points.into_iter().collect();
        let Some(&end) = points.last() else { return };
        if self.pending.as_ref().is_some_and(|pending| pending.attributes != attributes) {
            self.flush_path();
        }
        let path = self.pending.get_or_insert_with(|| Path { attributes, steps: String::new(), end });
        path.steps.push_str(&relative(&points));
        path.end = end;
        if closed {
            path.steps.push('z');
        }
    }
}

/// A path through `points`, each after the first relative to the one before it.
fn relative(points: &[BackendCoord]) -> String {
    let Some((&(mut x, mut y), rest)) = points.split_first() else { return String::new() };
    let mut path = format!("M{x},{y}l");
    let start = path.len();
    for &(to_x, to_y) in rest {
        if (to_x, to_y) != (x, y) {
            push_number(&mut path, to_x - x);
            push_number(&mut path, to_y - y);
            (x, y) = (to_x, to_y);
        }
    }
    if path.len() == start {
        // A point alone is shown by the round ends of its stroke.
        path.push_str("0,0");
    }
    path
}

/// Append `value`, parted from a number before it.
fn push_number(path: &mut String, value: i32) {
    if value >= 0 && path.ends_with(|c: char| c.is_ascii_digit()) {
        path.push(' ');
    }
    let _ = write!(path, "{value}");
}

/// `text` as text or attribute of XML and HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

pub(in crate::figures::plot) fn hex(colour: BackendColor) -> String {
    let (r, g, b) = colour.rgb;
    format!("#{r:02X}{g:02X}{b:02X}")
}

fn stroke(style: &impl BackendStyle) -> String {
    let opacity = opacity("stroke", style.color());
    format!("stroke=\"{}\" stroke-width=\"{}\"{opacity}", hex(style.color()), style.stroke_width())
}

fn fill(style: &impl BackendStyle) -> String {
    format!("fill=\"{}\"{}", hex(style.color()), opacity("fill", style.color()))
}

fn opacity(of: &str, colour: BackendColor) -> String {
    if colour.alpha < 1.0 { format!(" {of}-opacity=\"{:.2}\"", colour.alpha) } else { String::new() }
}

impl Canvas for SvgCanvas<'_> {
    const GROUPS: bool = true;

    fn open(&mut self, attributes: &str) {
        self.flush();
        let start = self.out.len();
        let _ = writeln!(self.out, "<g {attributes}>");
        self.open.push((start, self.out.len()));
    }

    /// A group with nothing in it leaves nothing, and one of a single path leaves that, with its attributes.
    fn close(&mut self) {
        self.flush();
        let Some((start, end)) = self.open.pop() else { return };
        let single = self.out[end..].strip_prefix("<path ").and_then(|path| path.strip_suffix("/>\n"));
        match single.filter(|path| !path.contains('<')).and_then(|path| path.split_once(" d=")) {
            Some((attributes, steps)) => {
                let of_group = self.out[start..end].trim_start_matches("<g ").trim_end_matches(">\n");
                let path = format!("<path {attributes} {of_group} d={steps}/>\n");
                self.out.replace_range(start.., &path);
            }
            None if self.out.len() == end => self.out.truncate(start),
            None => self.out.push_str("</g>\n"),
        }
    }

    fn dashes(&mut self, dashes: &Dashes) -> Drawing {
        let [length, gap] = dashes.pattern;
        let attributes = format!("{} stroke-dasharray=\"{length} {gap}\"", stroke(&dashes.style));
        self.path(attributes, dashes.line.iter().copied(), false);
        Ok(())
    }

    /// Within a page one path with a symbol at every vertex; the line that was drawn last may have them, or end with one.
    fn symbols(&mut self, symbols: &Symbols) -> Drawing {
        if !self.within_page {
            return outlines(self, symbols);
        }
        let line = relative(&symbols.centres);
        match &mut self.pending {
            Some(path) if !path.attributes.starts_with("stroke=") || path.attributes.contains(SYMBOL) => {}
            Some(path) if path.steps == line => {
                let _ = write!(path.attributes, " {}", symbol_attribute(symbols, false));
                return Ok(());
            }
            Some(path) if symbols.centres == [path.end] => {
                let _ = write!(path.attributes, " {}", symbol_attribute(symbols, true));
                return Ok(());
            }
            _ => {}
        }
        self.path(symbol_attribute(symbols, false), symbols.centres.iter().copied(), false);
        Ok(())
    }

    /// One image: a rectangle per value would be many times as long.
    fn raster(&mut self, (x, y): BackendCoord, raster: &Raster) -> Drawing {
        self.flush();
        let [rows, columns] = raster.shape;
        let pixels: Vec<u8> = raster.colours.iter().flat_map(|&(r, g, b)| [r, g, b]).collect();
        let Ok(file) = encode([columns, rows].map(|side| side as u32), |file| file.write_all(&pixels)) else {
            return Ok(());
        };
        let (width, height) = raster.size;
        let _ = writeln!(
            self.out,
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             image-rendering=\"pixelated\" href=\"data:image/png;base64,{}\"/>",
            STANDARD.encode(file)
        );
        Ok(())
    }
}

impl DrawingBackend for SvgCanvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawing {
        Ok(())
    }

    fn present(&mut self) -> Drawing {
        self.flush();
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawing {
        self.draw_rect((x, y), (x + 1, y + 1), &colour, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawing {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, filled: bool) -> Drawing {
        let style = if filled { fill(style) } else { stroke(style) };
        self.path(style, [a, (b.0, a.1), b, (a.0, b.1)], true);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawing {
        if style.color().alpha > 0.0 {
            self.path(stroke(style), path, false);
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawing {
        self.path(fill(style), path, true);
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawing {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "",
            HPos::Center => " text-anchor=\"middle\"",
            HPos::Right => " text-anchor=\"end\"",
        };
        let weight = if matches!(style.style(), FontStyle::Bold) { " font-weight=\"bold\"" } else { "" };
        let size = (style.size() / LINE_HEIGHT).round();
        // From the place to the line on which letters stand.
        let down = match style.anchor().v_pos {
            VPos::Top => 0.76,
            VPos::Center => 0.36,
            VPos::Bottom => -0.24,
        };
        let line = y + (down * size).round() as i32;
        let turn = match style.transform() {
            FontTransform::Rotate270 => format!(" transform=\"rotate(270 {x} {y})\""),
            _ => String::new(),
        };
        let text = match self.within_page {
            true => format!("x={x} y={line}{turn}>{}</text>", escaped(text)),
            false => format!("x=\"{x}\" y=\"{line}\"{turn}>{}</text>", escaped(text)),
        };
        let style = format!("font-size=\"{size}\" fill=\"{}\"{anchor}{weight}", hex(style.color()));
        match self.texts.iter_mut().find(|(known, _)| *known == style) {
            Some((_, texts)) => texts.push(text),
            None => self.texts.push((style, vec![text])),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use plotters::style::{Color, IntoFont, RGBColor, TextStyle};

    use super::*;

    #[test]
    fn neighbours_of_one_style_are_one_path() {
        let mut out = String::new();
        let mut canvas = SvgCanvas::new(&mut out, (100, 100), false);
        let (red, blue) = (Color::stroke_width(&RGBColor(255, 0, 0), 4), RGBColor(0, 0, 255).mix(0.5));
        let drawn = [
            canvas.draw_path([(1, 2), (4, 1), (4, 1), (9, 9)], &red),
            canvas.draw_path([(7, 7)], &red),
            canvas.fill_polygon([(0, 0), (5, 0), (5, 5)], &blue),
            canvas.present(),
        ];
        assert!(drawn.iter().all(Result::is_ok));
        assert_eq!(
            out,
            "<path stroke=\"#FF0000\" stroke-width=\"4\" d=\"M1,2l3-1 5 8M7,7l0,0\"/>\n\
             <path fill=\"#0000FF\" fill-opacity=\"0.50\" d=\"M0,0l5 0 0 5z\"/>\n"
        );
    }

    #[test]
    fn texts_of_one_style_stand_together_above_the_paths() {
        let mut out = String::new();
        let mut canvas = SvgCanvas::new(&mut out, (100, 100), false);
        let style = |size: f64| TextStyle::from(("sans-serif", size * LINE_HEIGHT).into_font());
        let line = Color::stroke_width(&RGBColor(255, 0, 0), 4);
        let drawn = [
            canvas.draw_text("a<b", &style(10.0), (1, 2)),
            canvas.draw_path([(1, 2), (4, 1)], &line),
            canvas.draw_text("large", &style(20.0), (3, 4)),
            canvas.draw_path([(7, 7)], &line),
            canvas.draw_text("c", &style(10.0), (5, 6)),
            canvas.present(),
        ];
        assert!(drawn.iter().all(Result::is_ok));
        assert_eq!(
            out,
            "<path stroke=\"#FF0000\" stroke-width=\"4\" d=\"M1,2l3-1M7,7l0,0\"/>\n\
             <g font-size=\"10\" fill=\"#000000\"><text x=\"1\" y=\"10\">a&lt;b</text><text x=\"5\" y=\"14\">c</text></g>\n\
             <text font-size=\"20\" fill=\"#000000\" x=\"3\" y=\"19\">large</text>\n"
        );
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(escaped("<a href='x'>&\"\u{1}"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot; ");
    }
}
