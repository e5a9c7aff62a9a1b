//! Deviations of our tensors from recorded ones, and the bounds they have to keep.

use std::collections::{BTreeMap, BTreeSet};

use baselines::precision::Precision;

use super::golden::is_statistic;
use super::{Golden, GoldenError};

/// Least bound of outputs.
const OUTPUT: f64 = 1e-4;
/// Least bound of gradients.
const GRADIENT: f64 = 1e-3;
/// A gradient below this part of the largest one may be zero by structure, with rounding left in its place.
pub(super) const VANISHING: f64 = 1e-5;
/// A gradient whose own single precision misses double precision by this much is rounding.
const ROUNDING: f64 = 1e-2;
/// What may remain of a gradient that vanishes, as a part of the largest one.
const REMAINDER: f64 = 1e-4;

/// The deviation of one tensor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deviation {
    /// Name in the golden, e.g. `grad.conv1.bias`.
    pub(crate) tensor: String,
    /// ‖ours − theirs‖ / ‖theirs‖; infinite where the shapes differ, not a number where a value is not.
    pub(crate) error: f64,
    /// Largest error that passes.
    pub(crate) bound: f64,
}

impl Deviation {
    /// Whether the error is within the bound; one that is not a number is not.
    pub(crate) fn passes(&self) -> bool {
        self.error <= self.bound
    }

    /// Error in units of the bound, with what is not a number above everything else.
    fn severity(&self) -> f64 {
        let severity = self.error / self.bound;
        if severity.is_nan() { f64::INFINITY } else { severity }
    }
}

/// All tensors of a golden that were compared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comparison {
    /// In the order of comparison.
    pub(crate) deviations: Vec<Deviation>,
    /// Tensors of the golden that nothing was compared with, and ours that the golden lacks.
    pub(crate) unmatched: Vec<String>,
    /// Tensors of the golden that are known and not compared, since they are not determined.
    excused: BTreeSet<String>,
}

/// What a recorded tensor that is compared begins with, up to its first point and without a number at the end.
const COMPARED: [&str; 5] = ["output", "grad", "grad_input", "buffer_after", "param_after"];
/// What a recorded tensor begins with that is read, or that shows how others came about, and is not compared.
const READ: [&str; 6] = ["param", "buffer", "input", "intermediate", "param_at_construction", "output_f64"];
/// Outputs that follow from those compared, or that show how these came about.
const BESIDE: [&str; 4] = ["output.loss", "output.hidden_seq", "output.backbone", "output.y_spatial_exact"];

impl Comparison {
    /// Whether something was compared, nothing was left, and everything passes.
    pub(crate) fn passes(&self) -> bool {
        !self.deviations.is_empty() && self.unmatched.is_empty() && self.deviations.iter().all(Deviation::passes)
    }

    /// Note a tensor that one of the sides lacks.
    pub(crate) fn unmatched(&mut self, name: String) {
        self.unmatched.push(name);
    }

    /// Note a tensor of the golden that is not determined.
    pub(crate) fn excuse(&mut self, name: String) {
        self.excused.insert(name);
    }

    /// Whether the tensor of the golden was noted as not determined.
    pub(crate) fn excuses(&self, name: &str) -> bool {
        self.excused.contains(name)
    }

    /// The same with every tensor of `golden` unmatched that should have been compared and was not: those of a kind that is
    /// compared, those of a kind that nobody knows, and those that its description lists and that are not there, or the
    /// reverse.
    pub(crate) fn complete(mut self, golden: &Golden) -> Self {
        let seen: BTreeSet<&str> = self.deviations.iter().map(|deviation| deviation.tensor.as_str()).collect();
        let left = golden.names().filter(|name| {
            let kind = name.split('.').next().unwrap_or_default();
            let last = name.split_once('.').map_or(*name, |(_, last)| last);
            let numbered = kind.trim_end_matches(|c: char| c.is_ascii_digit());
            if golden.has_cotangents() {
                // What stands for another tensor, which is looked at by itself, needs that one.
                let other = if kind == "cotangent" { Some(format!("output.{last}")) } else { None };
                if let Some(other) = other.or_else(|| Golden::in_single_precision(name)) {
                    return golden.find(&other).is_none();
                }
            }
            // Bookkeeping of the original has no equal here.
            let beside = BESIDE.contains(name) || (numbered == "buffer_after" && !is_statistic(last));
            let read = READ.contains(&kind);
            let known = read || (beside && COMPARED.contains(&numbered)) || seen.contains(name) || self.excuses(name);
            !known
        });
        let mut left: Vec<String> = left.map(str::to_owned).collect();
        let there: BTreeSet<&str> = golden.names().collect();
        let listed = golden.listed();
        left.extend(
            golden
                .described()
                .filter(|name| !there.contains(name.as_str()))
                .map(|name| format!("{name} (in the description)")),
        );
        if !listed.is_empty() {
            left.extend(there.difference(&listed).map(|name| format!("{name} (not in the description)")));
        }
        for name in left {
            if !self.unmatched.contains(&name) {
                self.unmatched.push(name);
            }
        }
        self
    }

    /// The deviation nearest to its bound, or furthest beyond it.
    pub(crate) fn worst(&self) -> Option<&Deviation> {
        self.deviations.iter().reduce(|a, b| if b.severity() > a.severity() { b } else { a })
    }

    /// Compare with the recorded tensor `name`, in double precision where that is the reference.
    pub(crate) fn tensor(
        &mut self,
        golden: &Golden,
        name: &str,
        actual: &[f32],
        bound: f64,
    ) -> Result<(), GoldenError> {
        let stored = golden.reference(name)?;
        if stored.values.is_empty() {
            return Err(golden.fault(name, "has no values"));
        }
        let error = relative(actual, &stored.values);
        self.deviations.push(Deviation { tensor: name.to_owned(), error, bound });
        Ok(())
    }

    /// Compare with an output of shape `dims`, e.g. `output.y`.
    pub(crate) fn output(
        &mut self,
        golden: &Golden,
        name: &str,
        dims: &[usize],
        actual: &[f32],
    ) -> Result<(), GoldenError> {
        let stored = golden.get(name)?;
        if stored.values.len() == actual.len() && !same_layout(&stored.shape, dims) {
            return Err(golden.fault(name, format!("has shape {:?}, ours is {dims:?}", stored.shape)));
        }
        self.tensor(golden, name, actual, output_bound(golden))
    }

    /// Compare `ours`, a sum of terms of the magnitudes `size` in all, with the recorded loss, as a part of `size`.
    pub(crate) fn loss(&mut self, golden: &Golden, ours: f64, size: f64) -> Result<(), GoldenError> {
        let name = "output.loss";
        if golden.find(name).is_none() {
            return Ok(());
        }
        let &[stored] = golden.reference(name)?.values.as_slice() else {
            return Err(golden.fault(name, "is not one number"));
        };
        let error = if ours == stored { 0.0 } else { (ours - stored).abs() / size };
        self.deviations.push(Deviation { tensor: name.to_owned(), error, bound: output_bound(golden) });
        Ok(())
    }

    /// Compare with the gradient of input `name`, if it was recorded; ours is `None` where the loss does not depend on it.
    ///
    /// No gradient of ours is one of another shape, unless the description says that it is zero.
    pub(crate) fn input_gradient(
        &mut self,
        golden: &Golden,
        name: &str,
        ours: Option<Vec<f32>>,
    ) -> Result<(), GoldenError> {
        let key = format!("grad_input.{name}");
        if golden.find(&key).is_none() {
            return Ok(());
        }
        if !golden.has_cotangents() {
            return self.tensor(golden, &key, &ours.unwrap_or_default(), GRADIENT.max(output_bound(golden)));
        }
        let expected = &golden.reference(&key)?.values;
        let zero = golden.has_zero_gradient(&format!("input.{name}"));
        let ours = ours.unwrap_or_else(|| if zero { vec![0.0; expected.len()] } else { Vec::new() });
        let own = golden.note("f32_vs_f64_grad_input_maxrel")[name].as_f64().unwrap_or(0.0);
        let bound = GRADIENT.max(output_bound(golden)).max(2.0 * own);
        let relative = Deviation { tensor: key, error: relative(&ours, expected), bound };
        let largest = largest_gradient(golden);
        let vanishing = zero || own > ROUNDING || length(expected) < VANISHING * largest;
        self.deviations.push(if vanishing { absolute(relative, &ours, expected, largest) } else { relative });
        Ok(())
    }

    /// Compare with every `grad.*`. `ours` has the gradients under the original names, none where the loss does not depend
    /// on the parameter, and `known` the names of all parameters. What one side lacks is unmatched, but for gradients of ours
    /// that are zero.
    pub(crate) fn gradients(
        &mut self,
        golden: &Golden,
        known: &BTreeSet<String>,
        ours: &BTreeMap<String, Vec<f32>>,
    ) -> Result<(), GoldenError> {
        for (name, values) in ours {
            if golden.find(&format!("grad.{name}")).is_none() && values.iter().any(|&value| value != 0.0) {
                self.unmatched.push(format!("grad.{name} (ours)"));
            }
        }
        let largest = largest_gradient(golden);
        for (name, stored) in golden.under("grad.") {
            if !known.contains(name) {
                // `complete` names it.
                continue;
            }
            let tensor = format!("grad.{name}");
            let parameter = golden.find(&format!("param.{name}"));
            if stored.values.is_empty() || parameter.is_some_and(|parameter| parameter.shape != stored.shape) {
                self.deviations.push(Deviation { tensor, error: f64::INFINITY, bound: GRADIENT });
                continue;
            }
            let expected = &golden.reference(&tensor)?.values;
            let zeros = vec![0.0; expected.len()];
            let actual = ours.get(name).unwrap_or(&zeros);
            let own = golden.note("f32_vs_f64_grad_maxrel_per_param")[name].as_f64().unwrap_or(0.0);
            let error = relative(actual, expected);
            let relative = Deviation { tensor, error, bound: GRADIENT.max(2.0 * own) };
            // A weight-normed row of one element has a direction of no consequence.
            let undirected = name.ends_with("weight_v") && stored.shape.iter().skip(1).all(|&n| n == 1);
            let small = own > ROUNDING || length(expected) < VANISHING * largest;
            let vanishing = undirected || small || golden.has_zero_gradient(name);
            self.deviations.push(if vanishing { absolute(relative, actual, expected, largest) } else { relative });
        }
        Ok(())
    }

    /// The same deviations within bounds that are at least those of `precision`.
    pub(crate) fn within(mut self, precision: Precision) -> Self {
        let [output, gradient] = precision.bounds();
        for deviation in &mut self.deviations {
            let least = match (precision, deviation.tensor.starts_with("grad")) {
                // The bounds stand already, some of them tighter.
                (Precision::Float32, _) => continue,
                (_, true) => gradient,
                (_, false) => output,
            };
            deviation.bound = deviation.bound.max(least);
        }
        self
    }
}

/// The deviation `relative` of a gradient that vanishes, or, where that is nearer to passing, its absolute error as a part of
/// the `largest` gradient.
fn absolute(relative: Deviation, actual: &[f32], expected: &[f64], largest: f64) -> Deviation {
    if largest <= 0.0 || actual.len() != expected.len() {
        return relative;
    }
    let absolute = Deviation { error: distance(actual, expected) / largest, bound: REMAINDER, ..relative.clone() };
    if absolute.severity() < relative.severity() { absolute } else { relative }
}

/// Length of the largest gradient of a parameter, or, under a loss by cotangents, of an input.
fn largest_gradient(golden: &Golden) -> f64 {
    let lengths = |prefix| golden.under(prefix).map(|(_, stored)| length(&stored.values)).fold(0.0, f64::max);
    let inputs = if golden.has_cotangents() { lengths("grad_input.") } else { 0.0 };
    lengths("grad.").max(inputs)
}

/// Whether a tensor of shape `dims` is one of shape `stored` with neighbouring axes taken together.
pub(super) fn same_layout(stored: &[usize], dims: &[usize]) -> bool {
    let products = |shape: &[usize]| {
        let product = |product: &mut usize, &size: &usize| {
            *product = product.saturating_mul(size);
            Some(*product)
        };
        shape.iter().scan(1, product).collect::<BTreeSet<usize>>()
    };
    let (theirs, ours) = (products(stored), products(dims));
    // A single element has no axes.
    ours.iter().all(|product| *product == 1 || theirs.contains(product))
}

/// Bound of outputs: twice what the original's single precision misses its double precision by, but at least 1e-4.
pub(crate) fn output_bound(golden: &Golden) -> f64 {
    let number = |field| golden.note(field).as_f64();
    if let Some(relative) = number("f32_vs_f64_output_rel").filter(|_| golden.has_cotangents()) {
        return OUTPUT.max(2.0 * relative);
    }
    match (number("f32_vs_f64_output_maxabs"), number("output_absmax")) {
        (Some(deviation), Some(largest)) if largest > 0.0 => OUTPUT.max(2.0 * deviation / largest),
        _ => OUTPUT,
    }
}

/// ‖actual − expected‖ / ‖expected‖.
pub(crate) fn relative(actual: &[f32], expected: &[f64]) -> f64 {
    if actual.len() != expected.len() {
        return f64::INFINITY;
    }
    let distance = distance(actual, expected);
    if distance == 0.0 { 0.0 } else { distance / length(expected) }
}

fn distance(actual: &[f32], expected: &[f64]) -> f64 {
    actual.iter().zip(expected).map(|(&a, &b)| (f64::from(a) - b).powi(2)).sum::<f64>().sqrt()
}

fn length(values: &[f64]) -> f64 {
    values.iter().map(|&v| v.powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deviation(error: f64, bound: f64) -> Deviation {
        Deviation { tensor: "t".into(), error, bound }
    }

    #[test]
    fn errors_are_relative_to_the_recorded_norm() {
        assert_eq!(relative(&[3.0, 4.5], &[3.0, 4.0]), 0.1);
        assert_eq!(relative(&[0.0], &[0.0]), 0.0);
        assert_eq!(relative(&[1e-9], &[0.0]), f64::INFINITY);
        assert_eq!(relative(&[1.0], &[1.0, 2.0]), f64::INFINITY);
    }

    #[test]
    fn what_is_not_a_number_fails_and_is_the_worst() {
        for (ours, theirs) in [(f32::NAN, 1.0), (1.0, f64::NAN), (f32::INFINITY, f64::INFINITY)] {
            let error = relative(&[ours, 1.0], &[theirs, 1.0]);
            assert!(!deviation(error, 1e9).passes(), "{ours} against {theirs}");
        }
        let both =
            Comparison { deviations: vec![deviation(f64::NAN, 1.0), deviation(5.0, 1.0)], ..Comparison::default() };
        assert!(!both.passes());
        assert!(both.worst().is_some_and(|worst| worst.error.is_nan()));
    }

    #[test]
    fn rounded_products_have_wider_bounds() {
        let names = ["output.y", "grad.w"];
        let all = || Comparison {
            deviations: names.map(|name| Deviation { tensor: name.into(), error: 0.02, bound: 1e-3 }).into(),
            ..Comparison::default()
        };
        let passes = |precision| all().within(precision).deviations.iter().map(Deviation::passes).collect::<Vec<_>>();
        assert_eq!(passes(Precision::Float32), [false, false]);
        assert_eq!(passes(Precision::Tf32), [false, true]);
        assert_eq!(passes(Precision::Bfloat16), [true, true]);
    }

    #[test]
    fn a_comparison_of_nothing_does_not_pass() {
        assert!(!Comparison::default().passes());
        let one = || Comparison { deviations: vec![deviation(0.5, 1.0)], ..Comparison::default() };
        assert!(one().passes());
        let mut unmatched = one();
        unmatched.unmatched("grad.w".into());
        assert!(!unmatched.passes());
    }

    #[test]
    fn axes_may_be_taken_together_but_not_exchanged() {
        assert!(
            same_layout(&[2, 3, 4, 5], &[2, 3, 20])
                && same_layout(&[2, 3], &[2, 3])
                && same_layout(&[2, 3, 1], &[2, 3])
        );
        assert!(same_layout(&[], &[1]) && same_layout(&[6], &[6]) && same_layout(&[2, 1, 3], &[1, 2, 3]));
        assert!(!same_layout(&[2, 3], &[3, 2]) && !same_layout(&[6], &[2, 3]));
    }
}
