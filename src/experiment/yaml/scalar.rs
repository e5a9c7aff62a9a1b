//! The types of scalars.

use serde_json::Number;
use yaml_rust2::scanner::TScalarStyle;

use super::tree::{Content, Numeral};

/// The value of a scalar, typed as in YAML 1.2's core schema.
pub(super) fn scalar(text: String, style: TScalarStyle) -> Content {
    if style != TScalarStyle::Plain {
        return Content::Text(text);
    }
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" => Content::Bool(true),
        "false" | "False" | "FALSE" => Content::Bool(false),
        plain => match number(plain) {
            Some(value) => Content::Number(Numeral { value, written: text }),
            None => Content::Text(text),
        },
    }
}

/// The number that `text` is, if it is one; `Some(None)` for one that is not finite.
fn number(text: &str) -> Option<Option<Number>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(None);
    }
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok().map(|n| Some(Number::from(n)));
    if let Some(digits) = text.strip_prefix("0x").filter(|d| d.chars().all(|c| c.is_ascii_hexdigit())) {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o").filter(|d| d.chars().all(|c| c.is_ascii_digit())) {
        return radix(digits, 8);
    }
    let digits = unsigned.chars().filter(char::is_ascii_digit).count();
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+');
    let starts = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if digits == 0 || !starts || !unsigned.chars().all(allowed) {
        return None;
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    if let Ok(integer) = plain.parse::<u64>() {
        return Some(Some(integer.into()));
    }
    if let Ok(integer) = plain.parse::<i64>() {
        return Some(Some(integer.into()));
    }
    plain.parse::<f64>().ok().map(Number::from_f64)
}
