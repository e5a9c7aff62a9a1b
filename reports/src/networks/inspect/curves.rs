//! From records to what is drawn.

use vocabulary::record::inspection::{
    Curve, EigenvalueInspection, KernelInspection, Map, Radii, ReceptiveField, ShownKernel, Spectrum,
};

use crate::figures::plot::{AxisScale, Mark, Panel, PlotAxis, Point, Series, Shades, Tile};
use crate::format::significant;

/// Values on logarithmic axes that are smaller than this share of the largest are left out: they are seen by nobody.
const SMALLEST: f64 = 1e-6;

fn points(curve: &Curve) -> Vec<Point> {
    let known = curve.at.iter().zip(&curve.values).filter_map(|(&at, value)| Some((at as f64, (*value)?)));
    known.map(|(x, y)| Point { x, y, n: 1, ..Point::default() }).collect()
}

/// Those of `points` that a logarithmic axis shows, divided by `unit`.
fn on_log_axis(points: Vec<Point>, unit: f64) -> Vec<Point> {
    let most = points.iter().map(|point| point.y).fold(0.0, f64::max);
    let shown = points.into_iter().filter(|point| point.y > SMALLEST * most);
    shown.map(|point| Point { y: point.y / unit, ..point }).collect()
}

/// A kernel on a line.
pub(crate) fn kernel_points(kernel: &ShownKernel) -> Vec<Point> {
    kernel.curve.as_ref().map(points).unwrap_or_default()
}

/// The largest values of all kernels.
pub(crate) fn largest_points(kernels: &KernelInspection) -> Vec<Point> {
    on_log_axis(points(&kernels.largest), 1.0)
}

/// A spectrum.
pub(crate) fn spectrum_points(spectrum: &Spectrum) -> Vec<Point> {
    let known = spectrum.frequencies.iter().zip(&spectrum.magnitudes).filter_map(|(&x, y)| Some((x, (*y)?)));
    on_log_axis(known.map(|(x, y)| Point { x, y, n: 1, ..Point::default() }).collect(), 1.0)
}

/// A receptive field in shares of its largest value.
pub(crate) fn field_points(field: &ReceptiveField) -> Vec<Point> {
    relative_points(&field.curve)
}

/// `curve` in shares of its largest value.
pub(super) fn relative_points(curve: &Curve) -> Vec<Point> {
    let points = points(curve);
    let most = points.iter().map(|point| point.y).fold(0.0, f64::max);
    if most > 0.0 { on_log_axis(points, most) } else { Vec::new() }
}

/// The radii of a field as dots on its line, with their names: on the side of the past, or of both where there is one.
pub(super) fn radius_points(line: &[Point], radii: &Radii) -> Vec<Point> {
    let named = [("R50", radii.r50), ("R90", radii.r90), ("R99", radii.r99)];
    let dot = |(name, radius): (&str, Option<usize>)| {
        let x = radius? as f64;
        let near = line.iter().min_by(|a, b| (a.x - x).abs().total_cmp(&(b.x - x).abs()))?;
        Some(Point { x, y: near.y, n: 1, note: format!("{name} = {x}"), ..Point::default() })
    };
    named.into_iter().filter_map(dot).collect()
}

/// A map with the largest value below it.
pub(crate) fn map_tile(title: String, map: &Map, shades: Shades) -> Tile {
    let values: Vec<Option<f64>> =
        map.values.iter().map(|value| value.map(|value| f64::from(value) * map.unit)).collect();
    let most = values.iter().flatten().fold(0.0, |most: f64, value| most.max(value.abs()));
    let note = match shades {
        Shades::Signed => format!("largest ±{}", significant(most, 2)),
        Shades::Decades => format!("largest {}", significant(most, 2)),
    };
    let cross = shades == Shades::Decades;
    Tile { title, note, shape: map.shape, values, step: map.step, origin: map.origin, cross, shades }
}

/// The unit disc with eigenvalues: a series of small dots per group, with its label and colour.
pub(crate) fn disc(title: String, groups: Vec<(String, usize, Vec<Point>)>) -> Panel {
    let series = groups.into_iter().map(|(label, colour, points)| Series { label, colour, mark: Mark::Specks, points });
    let axes = (PlotAxis::new("real part", AxisScale::Linear), PlotAxis::new("imaginary part", AxisScale::Linear));
    Panel { disc: true, dense: true, ..Panel::new(axes.0, axes.1, series.collect()).titled(title) }
}

/// The eigenvalues of matrix number `shown` of those that are shown, with their conjugates.
pub(crate) fn eigenvalue_points(eigenvalues: &EigenvalueInspection, shown: usize) -> Vec<Point> {
    let values = eigenvalues.values.get(shown).map(Vec::as_slice).unwrap_or_default();
    let both = values.iter().flat_map(|&[re, im]| {
        let conjugate = (eigenvalues.conjugates && im != 0.0).then_some((re, -im));
        [Some((re, im)), conjugate].into_iter().flatten()
    });
    both.map(|(x, y)| Point { x, y, n: 1, ..Point::default() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_logarithm_does_not_show_is_left_out() {
        let curve = Curve { at: vec![0, 1, 2, 3, 4], values: vec![Some(2.0), Some(1.0), Some(0.0), None, Some(1e-9)] };
        let shown: Vec<(f64, f64)> = relative_points(&curve).iter().map(|point| (point.x, point.y)).collect();
        assert_eq!(shown, [(0.0, 1.0), (1.0, 0.5)]);
        assert!(relative_points(&Curve { at: vec![0], values: vec![Some(0.0)] }).is_empty());
    }

    #[test]
    fn conjugates_stand_beside_eigenvalues() {
        let of = |conjugates| EigenvalueInspection {
            count: 1,
            indices: vec![0],
            values: vec![vec![[0.5, 0.25], [0.9, 0.0]]],
            conjugates,
        };
        assert_eq!(eigenvalue_points(&of(true), 0).len(), 3);
        assert_eq!(eigenvalue_points(&of(false), 0).len(), 2);
        assert!(eigenvalue_points(&of(true), 1).is_empty());
    }
}
