//! Deviations of our tensors from recorded ones, and the bounds they have to keep.

use std::collections::{BTreeMap, BTreeSet};

use baselines::precision::Precision;

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
            // Bookkeeping of the original has no equal here.
            let beside = BESIDE.contains(name) || (numbered == "buffer_after" && !last.contains("running_"));
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

    /// Compare with the recorded tensor `name`.
    pub(crate) fn tensor(
        &mut self,
        golden: &Golden,
        name: &str,
        actual: &[f32],
        bound: f64,
    ) -> Result<(), GoldenError> {
        let stored = golden.get(name)?;
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

    /// Compare with the gradient of input `name`, if it was recorded.
    pub(crate) fn input_gradient(&mut self, golden: &Golden, name: &str, actual: &[f32]) -> Result<(), GoldenError> {
        let name = format!("grad_input.{name}");
        match golden.find(&name) {
            None => Ok(()),
            Some(_) => self.tensor(golden, &name, actual, GRADIENT.max(output_bound(golden))),
        }
    }

    /// Compare with every `grad.*`. `ours` has the gradients under the original names, none where the loss does not depend
    /// on the parameter, and `known` the names of all parameters. What one side lacks is unmatched, but for gradients of ours
    /// that are zero.
    pub(crate) fn gradients(&mut self, golden: &Golden, known: &BTreeSet<String>, ours: &BTreeMap<String, Vec<f32>>) {
        for (name, values) in ours {
            if golden.find(&format!("grad.{name}")).is_none() && values.iter().any(|&value| value != 0.0) {
                self.unmatched.push(format!("grad.{name} (ours)"));
            }
        }
        let largest = golden.under("grad.").map(|(_, stored)| length(&stored.values)).fold(0.0, f64::max);
        for (name, stored) in golden.under("grad.") {
            if !known.contains(name) {
                // `complete` names it.
                continue;
            }
            let parameter = golden.find(&format!("param.{name}"));
            if stored.values.is_empty() || parameter.is_some_and(|parameter| parameter.shape != stored.shape) {
                let tensor = format!("grad.{name}");
                self.deviations.push(Deviation { tensor, error: f64::INFINITY, bound: GRADIENT });
                continue;
            }
            let expected = &stored.values;
            let zeros = vec![0.0; expected.len()];
            let actual = ours.get(name).unwrap_or(&zeros);
            let own = golden.note("f32_vs_f64_grad_maxrel_per_param")[name].as_f64().unwrap_or(0.0);
            let relative = Deviation {
                tensor: format!("grad.{name}"),
                error: relative(actual, expected),
                bound: GRADIENT.max(2.0 * own),
            };
            // A weight-normed row of one element has a direction of no consequence.
            let undirected = name.ends_with("weight_v") && stored.shape.iter().skip(1).all(|&n| n == 1);
            let vanishing = undirected || own > ROUNDING || length(expected) < VANISHING * largest;
            let deviation = if vanishing && largest > 0.0 && actual.len() == expected.len() {
                let error = distance(actual, expected) / largest;
                let absolute = Deviation { error, bound: REMAINDER, ..relative.clone() };
                if absolute.severity() < relative.severity() { absolute } else { relative }
            } else {
                relative
            };
            self.deviations.push(deviation);
        }
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

/// Whether a tensor of shape `dims` is one of shape `stored` with neighbouring axes taken together.
fn same_layout(stored: &[usize], dims: &[usize]) -> bool {
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
