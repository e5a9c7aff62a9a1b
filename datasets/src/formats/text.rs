//! Text of files, and the numbers in it.

use crate::formats::error::FormatError;

/// The beginning of `text`, short enough for a message.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(24).flat_map(char::escape_debug).collect()
}

/// What some editors put before UTF-8 text. It is no part of the text.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// `text` without the mark that some editors put before it.
pub(crate) fn unmarked(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// `bytes` as text without a byte order mark, or the place of the first byte that is none.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, FormatError> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(FormatError::unsupported("byte 0", "the file is UTF-16 text; save it as UTF-8"));
    }
    let marked = bytes.len() - bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).len();
    std::str::from_utf8(&bytes[marked..]).map_err(|error| {
        FormatError::value(format!("byte {}", marked + error.valid_up_to()), "the file is not UTF-8 text")
    })
}

/// Why a field is no value.
pub(crate) fn not_a_value(field: &str) -> String {
    match field.parse::<f64>() {
        Ok(_) => format!("`{}` is not a finite number of 32 bits (at most 3.4e38)", shortened(field)),
        Err(_) => format!("`{}` is not a number", shortened(field)),
    }
}

/// A finite number; NaN where the field says so (`NaN`, in any case). Nothing for other text and for what 32 bits cannot
/// hold.
pub(crate) fn value(field: &str) -> Option<f32> {
    field.parse::<f32>().ok().filter(|value| !value.is_infinite())
}

/// A whole number from 0 to `most`, however it is spelt: `7`, `7.0`, `07`, `7e0`.
pub(crate) fn whole(field: &str, most: u32) -> Option<u32> {
    let number: f64 = field.trim().parse().ok()?;
    (number.fract() == 0.0 && (0.0..=f64::from(most)).contains(&number)).then_some(number as u32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_begins_behind_its_byte_order_mark() {
        assert_eq!(text(b"\xef\xbb\xbfab").unwrap(), "ab");
        assert_eq!(text(b"ab").unwrap(), "ab");
        assert_eq!(text(b"\xef\xbb\xbfa\xff").unwrap_err().place, "byte 4");
        assert_eq!(text(b"\xff\xfea\0").unwrap_err().place, "byte 0");
    }

    #[test]
    fn numbers_are_finite_or_missing_and_spelt_in_many_ways() {
        for infinite in ["inf", "-Infinity", "1e400", "1e39", "-1e39"] {
            assert_eq!(value(infinite), None);
        }
        assert!(value("nan").unwrap().is_nan());
        assert_eq!((value("-2.5e3"), value("x"), value("")), (Some(-2_500.0), None, None));
        for one in ["1", "1.0", "01", "1e0", " 1 "] {
            assert_eq!(whole(one, 9), Some(1));
        }
        for other in ["1.5", "10", "-1", "nan", "inf", "", "one"] {
            assert_eq!(whole(other, 9), None, "{other}");
        }
    }
}
