//! Few numbers that stand for many.

use vocabulary::record::inspection::{Curve, Map};

/// Most points of a curve.
pub(super) const POINTS: usize = 160;
/// Most rows and columns of a map.
const SIDE: usize = 64;
/// What the largest value of a map is written as.
const LARGEST: f64 = 1000.0;

/// `value` to four digits.
pub(super) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    // Through text, so that the file holds no digit more.
    format!("{value:.3e}").parse().unwrap_or(value)
}

fn known(value: f64) -> Option<f64> {
    value.is_finite().then(|| rounded(value))
}

/// A curve through all `points`, which are in ascending order of where they stand; or of every few neighbours the smallest and
/// the largest.
pub(super) fn extremes(points: &[(i64, f64)]) -> Curve {
    let width = if points.len() <= POINTS { 1 } else { points.len().div_ceil(POINTS / 2) };
    curve(points.chunks(width).flat_map(|neighbours| {
        let by = |of: fn(f64, f64) -> bool| {
            neighbours.iter().copied().reduce(|best, point| if of(point.1, best.1) { point } else { best })
        };
        let mut ends: Vec<(i64, f64)> = [by(|a, b| a < b), by(|a, b| a > b)].into_iter().flatten().collect();
        ends.sort_by_key(|(at, _)| *at);
        ends.dedup_by_key(|(at, _)| *at);
        ends
    }))
}

/// The same of the largest alone.
pub(super) fn largest(points: &[(i64, f64)]) -> Curve {
    let width = points.len().div_ceil(POINTS).max(1);
    curve(points.chunks(width).filter_map(|neighbours| {
        let larger = |best: (i64, f64), point: (i64, f64)| {
            if point.1 > best.1 || point.1.is_nan() { point } else { best }
        };
        neighbours.iter().copied().reduce(larger)
    }))
}

/// The same of means, which stand in the middle.
pub(super) fn means(points: &[(i64, f64)]) -> Curve {
    let width = points.len().div_ceil(POINTS).max(1);
    curve(points.chunks(width).map(|neighbours| {
        let sum: f64 = neighbours.iter().map(|(_, value)| value).sum();
        (neighbours[neighbours.len() / 2].0, sum / neighbours.len() as f64)
    }))
}

fn curve(points: impl Iterator<Item = (i64, f64)>) -> Curve {
    let (at, values) = points.map(|(at, value)| (at, known(value))).unzip();
    Curve { at, values }
}

/// A map of `values`, `shape` rows and columns, seen from `origin`; means over squares of large ones.
pub(super) fn map(values: &[f64], [rows, columns]: [usize; 2], origin: [usize; 2]) -> Map {
    let step = rows.max(columns).div_ceil(SIDE).max(1);
    let shape = [rows.div_ceil(step), columns.div_ceil(step)];
    let mean = |row: usize, column: usize| {
        let (mut sum, mut n) = (0.0, 0.0);
        for y in row * step..((row + 1) * step).min(rows) {
            for x in column * step..((column + 1) * step).min(columns) {
                sum += values[y * columns + x];
                n += 1.0;
            }
        }
        sum / n
    };
    let means: Vec<f64> =
        (0..shape[0]).flat_map(|row| (0..shape[1]).map(move |column| (row, column))).map(|(r, c)| mean(r, c)).collect();
    let most = means.iter().filter(|value| value.is_finite()).fold(0.0, |most: f64, value| most.max(value.abs()));
    let unit = if most > 0.0 { most / LARGEST } else { 1.0 };
    let values = means.into_iter().map(|value| value.is_finite().then(|| (value / unit).round() as i32)).collect();
    Map { shape, step, origin: origin.map(|at| at / step), unit, values }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_keep_their_extremes() {
        let points: Vec<(i64, f64)> = (0..1000).map(|i| (i, if i == 517 { -9.0 } else { (i % 7) as f64 })).collect();
        let curve = extremes(&points);
        assert!(curve.at.len() <= POINTS && curve.at.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(curve.at.iter().position(|at| *at == 517).and_then(|i| curve.values[i]), Some(-9.0));
        let short: Vec<(i64, f64)> = points[..POINTS].to_vec();
        assert_eq!(extremes(&short).at.len(), POINTS);
        assert_eq!(largest(&points).values.iter().flatten().copied().fold(0.0, f64::max), 6.0);
        assert_eq!(rounded(0.123_456), 0.1235);
        assert_eq!(extremes(&[(0, f64::NAN)]).values, [None]);
    }

    #[test]
    fn maps_are_means_over_squares() {
        let values: Vec<f64> = (0..130 * 130).map(|i| if i < 130 * 3 { 4.0 } else { 0.0 }).collect();
        let map = map(&values, [130, 130], [65, 65]);
        assert_eq!((map.shape, map.step, map.origin), ([44, 44], 3, [21, 21]));
        assert_eq!((map.values[0], map.values[44]), (Some(1000), Some(0)));
        assert!((map.unit * 1000.0 - 4.0).abs() < 1e-12);
    }
}
