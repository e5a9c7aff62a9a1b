//! The visual style: sizes in drawn pixels, colours and fonts.

use std::sync::OnceLock;

use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

/// Drawn pixels per shown pixel.
pub(super) const SCALE: u32 = 4;

const FONT: &str = "sans-serif";
pub(super) const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
pub(super) const MUTED: RGBColor = RGBColor(0x77, 0x77, 0x77);
pub(super) const GRID: RGBColor = RGBColor(0xE4, 0xE4, 0xE4);
pub(super) const AXIS: RGBColor = RGBColor(0x99, 0x99, 0x99);

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
    // plotters counts line heights: 1.24 of the font size.
    FontDesc::new(FontFamily::SansSerif, shown * 1.24 * f64::from(SCALE), style)
}

/// A stroke of `shown` pixels.
pub(super) fn stroke(colour: &RGBColor, shown: f64) -> ShapeStyle {
    colour.stroke_width(at(shown) as u32)
}

/// A colour of the palette, which repeats.
pub(super) fn colour(index: usize) -> RGBColor {
    PALETTE[index % PALETTE.len()]
}
