//! Plain-text tables for terminals.

/// Side of a column on which cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// For text.
    Left,
    /// For numbers.
    Right,
}

/// Columns of equal width per column, two spaces apart, with a heading. A last column on the left is not padded.
pub fn render(heading: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heading[column].0.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let mut text = String::new();
        for ((cell, width), (_, align)) in cells.iter().zip(&widths).zip(heading) {
            match align {
                Align::Left => text.push_str(&format!("{cell:<width$}  ")),
                Align::Right => text.push_str(&format!("{cell:>width$}  ")),
            }
        }
        text.trim_end().to_owned()
    };
    let mut lines = vec![line(&heading.iter().map(|(name, _)| *name).collect::<Vec<_>>())];
    lines.extend(rows.iter().map(|row| line(&row.iter().map(String::as_str).collect::<Vec<_>>())));
    lines.join("\n")
}

/// `12345` as `12 345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes, e.g. `1.5 GiB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{number} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Seconds to a precision that a person cares for, e.g. `3.2s`, `12m`, `2h 5m`.
pub fn seconds(value: f64) -> String {
    match value {
        v if v < 10.0 => format!("{v:.1}s"),
        v if v < 120.0 => format!("{v:.0}s"),
        v if v < 7200.0 => format!("{:.0}m", v / 60.0),
        v => format!("{}h {}m", (v / 3600.0) as u64, ((v % 3600.0) / 60.0) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align() {
        let rows = [vec!["a".into(), "1".into(), "x".into()], vec!["bbb".into(), "1000".into(), "long text".into()]];
        let text = render(&[("name", Align::Left), ("n", Align::Right), ("note", Align::Left)], &rows);
        assert_eq!(text, "name     n  note\na        1  x\nbbb   1000  long text");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234_567), "1 234 567");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1_610_612_736), "1.5 GiB");
        assert_eq!(seconds(3.21), "3.2s");
        assert_eq!(seconds(720.0), "12m");
        assert_eq!(seconds(7500.0), "2h 5m");
    }
}
