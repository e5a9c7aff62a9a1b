//! The visual style: sizes in drawn pixels, colours and fonts.

use std::sync::OnceLock;

use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

/// What plotters calls the size of a font, per font size.
pub(super) const LINE_HEIGHT: f64 = 1.24;

/// Drawn pixels per shown pixel.
pub(super) const SCALE: u32 = 4;

pub(super) const FONT: &str = "sans-serif";
pub(super) const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
pub(super) const MUTED: RGBColor = RGBColor(0x77, 0x77, 0x77);
pub(super) const GRID: RGBColor = RGBColor(0xE4, 0xE4, 0xE4);
pub(super) const AXIS: RGBColor = RGBColor(0x99, 0x99, 0x99);

/// The colour of what is no baseline of the report, e.g. published values.
pub(crate) const NEUTRAL: usize = usize::MAX;

/// Okabe and Ito's palette without its yellow and black, which are distinguishable with every common form of colour
/// blindness, and four darker colours. Each stands beside a symbol of its own.
const PALETTE: [RGBColor; 10] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x8C, 0x6D, 0x31),
    RGBColor(0x88, 0x22, 0x55),
    RGBColor(0x99, 0x99, 0x33),
    RGBColor(0x33, 0x22, 0x88),
];

/// Corners, share of the radius at which the outline turns inwards between two of them (none for a polygon), and turn, as a
/// share of a full one.
type Outline = (u32, Option<f64>, f64);

/// Circle, square, triangle, diamond, star, and what is easily told from these.
const SYMBOLS: [Outline; 10] = [
    (12, None, 0.0),
    (4, None, 0.125),
    (3, None, 0.0),
    (4, None, 0.0),
    (3, None, 0.5),
    (5, Some(0.4), 0.0),
    (4, Some(0.35), 0.125),
    (3, None, 0.25),
    (4, Some(0.35), 0.0),
    (3, None, 0.75),
];

/// plotters has no fonts of its own without system libraries: both styles come from the DejaVu family.
pub(super) fn fonts() -> Result<(), String> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = *REGISTERED.get_or_init(|| {
        register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).is_ok()
            && register_font(FONT, FontStyle::Bold, dejavu::sans::bold()).is_ok()
    });
    if registered { Ok(()) } else { Err("the built-in font cannot be read".to_owned()) }
}

/// Drawn pixels of `shown` pixels.
pub(super) fn px(shown: u32) -> u32 {
    shown * SCALE
}

/// The drawn position of a shown one.
pub(super) fn at(shown: f64) -> i32 {
    (shown * f64::from(SCALE)).round() as i32
}

/// What drawing gives: nothing, or the error of the back end.
pub(super) type Painted<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// The font of `shown` pixels.
pub(super) fn font(shown: f64) -> FontDesc<'static> {
    styled_font(shown, FontStyle::Normal)
}

/// The bold font of `shown` pixels.
pub(super) fn bold(shown: f64) -> FontDesc<'static> {
    styled_font(shown, FontStyle::Bold)
}

fn styled_font(shown: f64, style: FontStyle) -> FontDesc<'static> {
    FontDesc::new(FontFamily::SansSerif, shown * LINE_HEIGHT * f64::from(SCALE), style)
}

/// A stroke of `shown` pixels.
pub(super) fn stroke(colour: &RGBColor, shown: f64) -> ShapeStyle {
    colour.stroke_width(at(shown) as u32)
}

/// The colour of the series `index`, one of ten.
pub(super) fn colour(index: usize) -> RGBColor {
    if index == NEUTRAL { MUTED } else { PALETTE[index % PALETTE.len()] }
}

/// The symbol of the series `index` around `centre`, `radius` shown pixels large: with the colour it tells a hundred apart.
pub(super) fn symbol(index: usize, centre: (i32, i32), radius: f64) -> Vec<(i32, i32)> {
    let index = if index == NEUTRAL { 0 } else { index };
    let (corners, inner, turn) = SYMBOLS[(index + index / PALETTE.len()) % SYMBOLS.len()];
    let steps = if inner.is_some() { 2 * corners } else { corners };
    // A triangle looks smaller than a circle around it.
    let radius = if corners < 12 { 1.3 * radius } else { radius };
    let vertex = |step: u32| {
        let share = if step % 2 == 1 { inner.unwrap_or(1.0) } else { 1.0 };
        let angle = std::f64::consts::TAU * (f64::from(step) / f64::from(steps) + turn);
        (centre.0 + at(share * radius * angle.sin()), centre.1 - at(share * radius * angle.cos()))
    };
    (0..steps).map(vertex).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_series_look_alike() {
        let looks = |index| (colour(index).0, colour(index).1, colour(index).2, symbol(index, (0, 0), 4.0));
        assert_eq!((0..100).map(looks).collect::<BTreeSet<_>>().len(), 100);
        let symbols: BTreeSet<_> = (0..10).map(|index| symbol(index, (0, 0), 4.0)).collect();
        assert_eq!(symbols.len(), 10, "without colours, ten differ");
    }
}
