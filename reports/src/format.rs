//! Numbers as text: in tables, on axes, and on the terminal. And names that came from outside as text that does nothing: whatever
//! reads it, a spreadsheet, a Markdown viewer or a terminal, shows it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use vocabulary::Metric;

use crate::statistics::Summary;

/// The sign for "nothing here".
pub(crate) const NONE: &str = "–";

/// `value` with `digits` significant digits, in scientific notation where the plain one would be long.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return if value > 0.0 { "inf".to_owned() } else { value.to_string() };
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-4..4).contains(&exponent) {
        return format!("{value:.*e}", digits.saturating_sub(1));
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    format!("{value:.decimals$}")
}

/// A value of `metric`: percent with two decimals for accuracy, four decimals for AUC, three for bits per character, three
/// significant digits otherwise.
pub(crate) fn metric(value: f64, metric: Metric) -> String {
    match metric {
        Metric::Accuracy => format!("{:.2}", 100.0 * value),
        Metric::AreaUnderRoc => format!("{value:.4}"),
        Metric::BitsPerCharacter => format!("{value:.3}"),
        Metric::MeanSquaredError => significant(value, 3),
    }
}

/// `value` of `metric` in the unit of the tables: accuracy in percent.
pub(crate) fn as_shown(value: f64, metric: Metric) -> f64 {
    if metric == Metric::Accuracy { 100.0 * value } else { value }
}

/// The unit of `metric` behind a value of it.
pub(crate) fn unit(metric: Metric) -> &'static str {
    if metric == Metric::Accuracy { " %" } else { "" }
}

/// `mean ± std`, or the only value.
pub(crate) fn mean_std(summary: &Summary, name: Metric) -> String {
    match summary.std {
        Some(std) => format!("{} ± {}", metric(summary.mean, name), metric(std, name)),
        None => metric(summary.mean, name),
    }
}

/// Name and unit of a metric.
pub(crate) fn metric_name(metric: Metric) -> String {
    match metric {
        Metric::Accuracy => "accuracy, %".to_owned(),
        Metric::AreaUnderRoc => "AUC".to_owned(),
        other => other.name().replace('_', " "),
    }
}

/// `text` of a difference with its sign, and a minus sign as long as the plus.
pub(crate) fn signed(text: &str) -> String {
    match text.strip_prefix('-') {
        Some(digits) => format!("−{digits}"),
        None if text.chars().all(|c| matches!(c, '0' | '.')) => text.to_owned(),
        None => format!("+{text}"),
    }
}

/// A whole number in groups of three digits, e.g. `12 345`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A duration in words: `12.3 s`, `4 min 05 s`, `2 h 03 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if seconds < 100.0 {
        format!("{seconds:.1} s")
    } else if whole < 3600 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{} h {:02} min", whole / 3600, whole % 3600 / 60)
    }
}

/// The first eight characters of a hash.
pub(crate) fn short_hash(hash: &str) -> String {
    hash.chars().take(8).collect()
}

/// What of the words of each of `labels` the others do not all have; all of a label that has no others.
pub(crate) fn told_apart<'a>(labels: impl IntoIterator<Item = &'a str> + Clone) -> BTreeMap<&'a str, String> {
    let words = |label: &'a str| label.split(' ').collect::<BTreeSet<_>>();
    let common = labels.clone().into_iter().map(words).reduce(|all, of| &all & &of).unwrap_or_default();
    let name = |label: &'a str| {
        let distinct: Vec<&str> = label.split(' ').filter(|word| !common.contains(word)).collect();
        (label, if distinct.is_empty() { label.to_owned() } else { distinct.join(" ") })
    };
    labels.into_iter().map(name).collect()
}

/// `text` as the beginning of a sentence.
pub(crate) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// `text` as part of a file name.
pub(crate) fn file_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect()
}

/// What a spreadsheet takes for the beginning of a formula, also in full width.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// `text` as a field of a CSV file that no spreadsheet takes for a formula: an apostrophe stands before what would begin one
/// (OWASP, "CSV Injection"). Numbers, and lists of numbers, stay as they are.
pub(crate) fn inert(text: &str) -> Cow<'_, str> {
    let numbers = || text.split(' ').all(|word| word.parse::<f64>().is_ok());
    if text.starts_with(FORMULA) && !numbers() { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// `text` in Markdown as it is: neither HTML nor emphasis or a link, and on one line.
pub(crate) fn as_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '|' | '*' | '[' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// `text` on a terminal: without what would move the cursor or change colours.
pub fn printable(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.contains(hidden) { Cow::Owned(text.replace(hidden, " ")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_begins_a_formula() {
        for text in ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "-", "+a"] {
            assert_eq!(inert(text), format!("'{text}"));
        }
        for text in ["", "-0.52", "+1e-3", "-inf", "-1.5 2.5", "-1", "−2.5 ± 1", "a=1", "0:-1.5", " =1", "'=1"] {
            assert_eq!(inert(text), text);
        }
    }

    #[test]
    fn names_are_shown_as_they_are() {
        assert_eq!(as_markdown("<script>*a*|`b`[c](d)\\\n"), "&lt;script>\\*a\\*\\|`b`\\[c](d)\\\\ ");
        assert_eq!(as_markdown("ccnn_4 omega_0=30"), "ccnn_4 omega_0=30");
        assert_eq!(printable("a\u{1b}[2Jb\r\u{202e}c"), "a [2Jb  c");
        assert!(matches!(printable("plain é"), Cow::Borrowed(_)));
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(significant(0.001234, 3), "0.00123");
        assert_eq!(significant(123.4, 3), "123");
        assert_eq!(significant(1.5e19, 3), "1.50e19");
        assert_eq!(significant(78_858.0, 3), "7.89e4");
        assert_eq!(significant(f64::INFINITY, 3), "inf");
        assert_eq!(metric(0.98765, Metric::Accuracy), "98.77");
        assert_eq!([metric(0.89512, Metric::AreaUnderRoc), metric(-0.01, Metric::AreaUnderRoc)], ["0.8951", "-0.0100"]);
        assert_eq!(
            [metric(1.4633, Metric::BitsPerCharacter), metric(0.0123, Metric::MeanSquaredError)],
            ["1.463", "0.0123"]
        );
        let names = [Metric::Accuracy, Metric::AreaUnderRoc, Metric::BitsPerCharacter].map(metric_name);
        assert_eq!(names, ["accuracy, %", "AUC", "bits per character"]);
        assert_eq!([7, 999, 1_234_567].map(grouped), ["7", "999", "1 234 567"]);
        assert_eq!([signed("-0.52"), signed("1.00"), signed("0.00")], ["−0.52", "+1.00", "0.00"]);
        assert_eq!(duration(75.04), "75.0 s");
        assert_eq!(duration(245.0), "4 min 05 s");
        assert_eq!(duration(7380.0), "2 h 03 min");
    }
}
