//! What the script of a page reads of a figure: where its values lie, and what they are.
//!
//! Lines are written as differences of whole numbers, in units of their axis, a letter or two each: a page holds thousands of them.

use serde_json::json;

use super::axis::FittedAxis;
use super::canvas::escaped;
use super::figure::{AxisScale, Mark, Panel, PlotAxis, Point, Series, Tile};
use super::labels::Names;
use super::style::NEUTRAL;

/// The smallest difference of logarithms: enough for three digits.
const LOGARITHM: f64 = 5e-4;
/// The smallest difference of shares: a hundredth of a percent.
const SHARE: f64 = 1e-4;

/// The smallest difference that is written, in positions of `axis`.
fn unit(axis: &FittedAxis, scale: &AxisScale) -> f64 {
    match scale {
        AxisScale::Percent => SHARE,
        AxisScale::Log | AxisScale::LogCount | AxisScale::SignedLog => LOGARITHM,
        AxisScale::Count | AxisScale::Names(_) | AxisScale::NamesDown(_) => 1.0,
        AxisScale::Linear => 10f64.powf((axis.to - axis.from).log10().floor() - 3.0),
    }
}

/// Where an axis lies and how its values are written, as words within an attribute: pixels of both ends, their positions, the
/// unit, the kind of scale, and the label, which may be several words.
pub(super) fn axis(axis: &PlotAxis, fitted: &FittedAxis, pixels: [i32; 2]) -> String {
    let kind = match axis.scale {
        AxisScale::Linear => "linear",
        AxisScale::Percent => "percent",
        AxisScale::Count => "count",
        AxisScale::LogCount | AxisScale::Log => "log",
        AxisScale::SignedLog => "signed",
        AxisScale::Names(_) | AxisScale::NamesDown(_) => "names",
    };
    // Ten digits are much below a pixel.
    let place = |place: f64| format!("{place:.9e}").parse::<f64>().unwrap_or(place);
    let (from, to, unit) = (place(fitted.from), place(fitted.to), unit(fitted, &axis.scale));
    format!("{} {} {from} {to} {unit} {kind} {}", pixels[0], pixels[1], escaped(&axis.label))
}

/// Attributes of a map, drawn with its corner at `corner`: pixels, rows and columns, positions per value, the place from which
/// it is seen, the largest value, and the values in thousandths of it, row by row.
pub(super) fn map(tile: &Tile, corner: (i32, i32), size: (u32, u32)) -> String {
    let most = tile.values.iter().flatten().fold(0.0, |most: f64, value| most.max(value.abs()));
    let thousandths = |value: f64| if most > 0.0 { (1000.0 * value / most).round() as i32 } else { 0 };
    let values: Vec<Option<i32>> = tile.values.iter().map(|value| value.map(thousandths)).collect();
    let place = json!([corner.0, corner.1, size.0, size.1, tile.shape[0], tile.shape[1]]);
    let of = json!([place, tile.step, tile.origin, most, values]);
    format!("class=\"map\" data-name=\"{}\" data-map='{}'", escaped(&tile.title), of)
}

/// Attributes of everything that is drawn of `series`: the legend switches it by them.
pub(super) fn group(series: &Series) -> String {
    if series.colour == NEUTRAL { String::new() } else { format!("data-s={}", series.colour) }
}

/// The name of `series`, but for what the legend says of its colour.
fn name(series: &Series, names: &Names) -> String {
    let of_legend = names.label(series.colour).and_then(|label| series.label.strip_prefix(label));
    match of_legend {
        Some("") => String::new(),
        Some(rest) if rest.starts_with(", ") => format!(" data-more=\"{}\"", escaped(rest)),
        _ => format!(" data-name=\"{}\"", escaped(&series.label)),
    }
}

/// Attributes with the name and the values of `series`: of lines the differences of x and the seeds as runs, how many numbers a
/// point has, and those of all points: the difference of y, and how far its interval reaches below and above (or one number if
/// both are the same). Of dots, at the pixels that `pixel` says, a row of text each.
pub(super) fn values(
    series: &Series,
    panel: &Panel,
    names: &Names,
    (x, y): (&FittedAxis, &FittedAxis),
    pixel: impl Fn(&Point) -> (i32, i32),
) -> String {
    let name = name(series, names);
    if matches!(series.mark, Mark::Ticks | Mark::Specks) {
        // What ticks are stands with the mean, and specks are too many.
        return String::new();
    }
    if matches!(series.mark, Mark::Filled | Mark::Hollow | Mark::Cells) {
        let finite = series.points.iter().filter(|p| !x.place_or_end(p.x).is_nan() && !y.place_or_end(p.y).is_nan());
        let dots: Vec<String> = finite
            .map(|p| {
                let (x, y) = pixel(p);
                let words = if series.mark == Mark::Cells { p.note.clone() } else { described(p, panel) };
                format!("{x} {y} {}", escaped(&words))
            })
            .collect();
        return format!("{name} data-dots=\"{}\"", dots.join("\n"));
    }
    let (unit_x, unit_y) = (unit(x, &panel.x.scale), unit(y, &panel.y.scale));
    let steps = |place: f64, unit: f64| place.is_finite().then(|| (place / unit).round() as i64);
    let (mut at, mut seeds, mut line, mut last) = (Vec::new(), Vec::new(), Vec::new(), (0, 0));
    for point in &series.points {
        let (Some(at_x), Some(at_y)) = (steps(x.place(point.x), unit_x), steps(y.place(point.y), unit_y)) else {
            continue;
        };
        let (low, high) = point.interval.unwrap_or((point.y, point.y));
        let end = |end| steps(y.place(end), unit_y).unwrap_or(at_y);
        add_to_run(&mut at, at_x - last.0);
        add_to_run(&mut seeds, point.n as i64);
        line.push([at_y - last.1, at_y - end(low), end(high) - at_y]);
        last = (at_x, at_y);
    }
    // Rounding may part two ends by one unit.
    let width = match line.iter().fold((0, 0), |most, [_, below, above]| {
        (most.0.max(below.abs().max(above.abs())), most.1.max((below - above).abs()))
    }) {
        (0, _) => 1,
        (_, 0 | 1) => 2,
        _ => 3,
    };
    let line: Vec<i64> = line.iter().flat_map(|point| &point[..width]).copied().collect();
    let [at, seeds, line] = [at, seeds, line].map(|numbers| written(&numbers));
    format!("{name} data-line=\"{at} {seeds} {} {line}\"", written(&[width as i64]))
}

/// Whole numbers as source maps have them: the lowest bit is the sign, then five bits a letter, the lowest first, of which all but
/// the last have the sixth bit.
fn written(numbers: &[i64]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for number in numbers {
        let mut rest = (number.unsigned_abs() << 1) | u64::from(*number < 0);
        loop {
            let (digit, more) = ((rest & 31) as usize, rest >> 5);
            out.push(char::from(LETTERS[digit | if more > 0 { 32 } else { 0 }]));
            if more == 0 {
                break;
            }
            rest = more;
        }
    }
    out
}

/// Append `value` to runs of equal values, each the value and how often it stands.
fn add_to_run(runs: &mut Vec<i64>, value: i64) {
    match runs.as_mut_slice() {
        [.., last, times] if *last == value => *times += 1,
        _ => runs.extend([value, 1]),
    }
}

/// The values of a dot in words.
fn described(point: &Point, panel: &Panel) -> String {
    let named = matches!(panel.y.scale, AxisScale::Names(_));
    let (axis, value) = if named { (&panel.x, point.x) } else { (&panel.y, point.y) };
    let text = |value: f64| axis.scale.value(value);
    let mut words = format!("{}: {}", axis.label.trim_end_matches(", %"), text(value));
    if let Some((low, high)) = point.interval {
        words.push_str(&format!(" (lowest {}, highest {})", text(low), text(high)));
    }
    if !named {
        words.push_str(&format!("; {}: {}", panel.x.label, panel.x.scale.value(point.x)));
    }
    if !point.seeds.is_empty() {
        let seeds: Vec<String> = point.seeds.iter().map(|(seed, value)| format!("s{seed} {}", text(*value))).collect();
        words.push_str(&format!("; seeds: {}", seeds.join(", ")));
    } else if point.n > 1 {
        words.push_str(&format!("; {} seeds", point.n));
    }
    if !point.note.is_empty() {
        words.push_str(&format!("; {}", point.note));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_in_source_maps() {
        assert_eq!(written(&[0, 1, -1, 15, 16, -16, 1000, 123_456_789]), "ACDegBhBw+BqxmvrH");
    }
}
