//! Deviations of our tensors from recorded ones, and the bounds they have to keep.

use baselines::precision::Precision;

use super::golden::{Golden, GoldenError};

/// Least bound of outputs, and the bound of running statistics.
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
}

impl Comparison {
    /// Whether something was compared and everything passes.
    pub(crate) fn passes(&self) -> bool {
        !self.deviations.is_empty() && self.deviations.iter().all(Deviation::passes)
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
        let error = relative(actual, &golden.get(name)?.values);
        self.deviations.push(Deviation { tensor: name.to_owned(), error, bound });
        Ok(())
    }

    /// Compare with an output, e.g. `output.y`.
    pub(crate) fn output(&mut self, golden: &Golden, name: &str, actual: &[f32]) -> Result<(), GoldenError> {
        self.tensor(golden, name, actual, output_bound(golden))
    }

    /// Compare with running statistics after the forward pass, `buffer_after.<name>`.
    pub(crate) fn statistic(&mut self, golden: &Golden, name: &str, actual: &[f32]) -> Result<(), GoldenError> {
        self.tensor(golden, &format!("buffer_after.{name}"), actual, OUTPUT)
    }

    /// Compare with the gradient of input `name`, if it was recorded.
    pub(crate) fn input_gradient(&mut self, golden: &Golden, name: &str, actual: &[f32]) -> Result<(), GoldenError> {
        let name = format!("grad_input.{name}");
        match golden.find(&name) {
            None => Ok(()),
            Some(_) => self.tensor(golden, &name, actual, GRADIENT.max(output_bound(golden))),
        }
    }

    /// Compare with every `grad.*`; `actual` gives ours under the original name, nothing where the loss does not depend on
    /// the parameter.
    pub(crate) fn gradients<'a>(&mut self, golden: &Golden, actual: impl Fn(&str) -> Option<&'a [f32]>) {
        let largest = golden.under("grad.").map(|(_, stored)| length(&stored.values)).fold(0.0, f64::max);
        for (name, stored) in golden.under("grad.") {
            let expected = &stored.values;
            let zeros = vec![0.0; expected.len()];
            let actual = actual(name).unwrap_or(&zeros);
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
}

impl Comparison {
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
        let both = Comparison { deviations: vec![deviation(f64::NAN, 1.0), deviation(5.0, 1.0)] };
        assert!(!both.passes());
        assert!(both.worst().is_some_and(|worst| worst.error.is_nan()));
    }

    #[test]
    fn rounded_products_have_wider_bounds() {
        let names = ["output.y", "grad.w"];
        let all = || Comparison {
            deviations: names.map(|name| Deviation { tensor: name.into(), error: 0.02, bound: 1e-3 }).into(),
        };
        let passes = |precision| all().within(precision).deviations.iter().map(Deviation::passes).collect::<Vec<_>>();
        assert_eq!(passes(Precision::Float32), [false, false]);
        assert_eq!(passes(Precision::Tf32), [false, true]);
        assert_eq!(passes(Precision::Bfloat16), [true, true]);
    }

    #[test]
    fn a_comparison_of_nothing_does_not_pass() {
        assert!(!Comparison::default().passes());
        assert!(Comparison { deviations: vec![deviation(0.5, 1.0)] }.passes());
    }
}
