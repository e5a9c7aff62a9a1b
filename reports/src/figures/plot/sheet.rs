//! What the images of a page share, said once: attributes that many elements have become classes of a style sheet, and symbols
//! become markers. A page of thousands of lines is half as long so.

use std::collections::HashMap;
use std::fmt::Write as _;

use plotters::prelude::*;

use super::canvas::{HOLLOW, Symbols, hex};
use super::style::{colour, stroke, symbol};

/// The name of the attribute that stands for a symbol until [`Sheet::shared`] has read it.
pub(super) const SYMBOL: &str = "symbol";
/// The same of one that stands at the end alone.
const END_SYMBOL: &str = "symbol-end";

/// Classes and symbols of the images of one page.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    classes: HashMap<String, String>,
    symbols: HashMap<String, usize>,
    rules: String,
    markers: String,
}

/// What an image within a page says of its symbols: series, radius in tenths of a shown pixel, and whether they are filled.
pub(super) fn symbol_attribute(symbols: &Symbols, at_end: bool) -> String {
    let (radius, filled) = ((10.0 * symbols.radius).round() as u32, u32::from(symbols.filled));
    let name = if at_end { END_SYMBOL } else { SYMBOL };
    format!("{name}=\"{} {radius} {filled}\"", symbols.series)
}

impl Sheet {
    /// `image` with classes in place of attributes, as HTML. It must be one of [`on_screen`](super::on_screen).
    pub(crate) fn shared(&mut self, image: &str) -> String {
        let mut out = String::with_capacity(image.len() / 2);
        for tag in image.split_inclusive('<') {
            let (tag, next) = tag.strip_suffix('<').map_or((tag, ""), |tag| (tag, "<"));
            let end = ["path ", "g ", "text "].iter().find(|name| tag.starts_with(**name)).map(|_| {
                let ends = [" d=", " data-", " class=", " x=", ">"].iter().filter_map(|end| tag.find(end));
                ends.min().unwrap_or(tag.len())
            });
            let (head, rest) = tag.split_at(end.unwrap_or(0));
            match head.split_once(' ') {
                Some((name, attributes)) => {
                    let _ = write!(out, "{name} class={}", self.class(attributes));
                }
                None => out.push_str(head),
            }
            // Between elements there is nothing to show.
            out.push_str(rest.trim_end_matches('\n'));
            out.push_str(next);
        }
        out
    }

    /// The rules of all classes so far, for a style sheet in which `--xRRGGBB` may stand in for a colour.
    pub(crate) fn rules(&self) -> &str {
        &self.rules
    }

    /// The definitions of all symbols so far, for an image that shows nothing.
    pub(crate) fn markers(&self) -> &str {
        &self.markers
    }

    fn class(&mut self, attributes: &str) -> String {
        if let Some(known) = self.classes.get(attributes) {
            return known.clone();
        }
        let class = name(self.classes.len());
        self.classes.insert(attributes.to_owned(), class.clone());
        let of_attributes = attributes.split("\" ").filter_map(|attribute| attribute.split_once("=\""));
        let declarations = of_attributes.map(|(name, value)| {
            let value = value.trim_end_matches('"');
            match (name, value.strip_prefix('#')) {
                (SYMBOL, _) => format!("marker:url(#m{})", self.marker(value)),
                (END_SYMBOL, _) => format!("marker-end:url(#m{})", self.marker(value)),
                (_, Some(digits)) => format!("{name}:var(--x{digits},{value})"),
                ("font-size", _) => format!("{name}:{value}px"),
                _ => format!("{name}:{value}"),
            }
        });
        let declarations = declarations.collect::<Vec<_>>().join(";");
        let _ = writeln!(self.rules, ".{class}{{{declarations}}}");
        class
    }

    /// The number of the symbol of which an image says `symbol`, which is defined if it is a new one.
    fn marker(&mut self, symbol: &str) -> usize {
        match self.symbols.get(symbol) {
            Some(known) => *known,
            None => {
                let id = self.symbols.len();
                self.symbols.insert(symbol.to_owned(), id);
                self.define(id, symbol);
                id
            }
        }
    }

    fn define(&mut self, id: usize, words: &str) {
        let mut words = words.split(' ').filter_map(|word| word.parse::<usize>().ok());
        let (Some(series), Some(radius), Some(filled)) = (words.next(), words.next(), words.next()) else {
            return;
        };
        let (ink, outline) = (hex_of(&colour(series)), symbol(series, (0, 0), radius as f64 / 10.0));
        let attributes = match filled {
            0 => {
                let width = stroke(&colour(series), HOLLOW).stroke_width;
                format!("fill=\"{}\" stroke=\"{ink}\" stroke-width=\"{width}\"", hex_of(&WHITE))
            }
            _ => format!("fill=\"{ink}\""),
        };
        let class = self.class(&attributes);
        let corners: Vec<String> = outline.iter().map(|(x, y)| format!("{x},{y}")).collect();
        let _ = write!(
            self.markers,
            "<marker id=\"m{id}\" markerUnits=\"userSpaceOnUse\" overflow=\"visible\" markerWidth=\"1\" markerHeight=\"1\">\
             <path class={class} d=\"M{}z\"/></marker>",
            corners.join("L")
        );
    }
}

fn hex_of(colour: &RGBColor) -> String {
    hex(colour.to_backend_color())
}

/// The class `index`: A to Z, then AA and so on. The page's own classes have small letters.
fn name(index: usize) -> String {
    let letter = char::from(b'A' + (index % 26) as u8);
    match index / 26 {
        0 => letter.to_string(),
        rest => name(rest - 1) + &letter.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_said_once() {
        let mut sheet = Sheet::default();
        let path = "<path stroke=\"#0072B2\" stroke-width=\"4\" d=\"M1,2l3-1\"/>\n";
        let image = format!("<svg width=\"9\">\n{path}<g data-s=0>\n{path}</g>\n</svg>\n");
        let expected = "<svg width=\"9\"><path class=A d=\"M1,2l3-1\"/>\
                        <g data-s=0><path class=A d=\"M1,2l3-1\"/></g></svg>";
        assert_eq!(sheet.shared(&image), expected);
        assert_eq!(sheet.shared(&image), expected, "the second image uses what the first has said");
        assert_eq!(sheet.rules(), ".A{stroke:var(--x0072B2,#0072B2);stroke-width:4}\n");
        let texts = "<g font-size=\"40\" fill=\"#333333\" text-anchor=\"end\"><text x=\"1\" y=\"2\">a\nb</text></g>\n";
        assert_eq!(sheet.shared(texts), "<g class=B><text x=\"1\" y=\"2\">a\nb</text></g>");
        assert!(sheet.rules().ends_with(".B{font-size:40px;fill:var(--x333333,#333333);text-anchor:end}\n"));
    }

    #[test]
    fn symbols_are_markers() {
        let mut sheet = Sheet::default();
        let symbols = |filled| Symbols { series: 1, centres: Vec::new(), radius: 2.6, filled };
        let image = |filled| format!("<path {} d=\"M5,6l0,0\"/>\n", symbol_attribute(&symbols(filled), false));
        assert_eq!(sheet.shared(&image(true)), "<path class=A d=\"M5,6l0,0\"/>");
        assert_eq!(sheet.rules(), ".B{fill:var(--xD55E00,#D55E00)}\n.A{marker:url(#m0)}\n");
        assert!(sheet.markers().contains("<marker id=\"m0\"") && sheet.markers().contains("<path class=B d=\"M"));
        sheet.shared(&image(false));
        assert!(sheet.rules().contains("fill:var(--xFFFFFF,#FFFFFF);stroke:var(--xD55E00,#D55E00);stroke-width:6"));
        assert_eq!(sheet.markers().matches("<marker").count(), 2, "hollow ones are others");
        let line = format!("<path stroke=\"#0072B2\" {} d=\"M5,6l0,0\"/>\n", symbol_attribute(&symbols(true), true));
        sheet.shared(&line);
        assert!(sheet.rules().ends_with("{stroke:var(--x0072B2,#0072B2);marker-end:url(#m0)}\n"), "a line with one");
    }

    #[test]
    fn no_two_classes_share_a_name() {
        assert_eq!([0, 25, 26, 51, 52, 701, 702].map(name), ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }
}
