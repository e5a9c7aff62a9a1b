//! A Gaussian mask of the position over kernel values.

mod composed;
#[cfg(feature = "cube")]
mod cube;

use std::ops::Range;

use crate::operation::prelude::*;

/// What a mask's parameters are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaskRule {
    /// Widths `[axes]` around `mean`: `exp(−½ Σ_d (x_d − mean)² / (w_d² + epsilon))` (CCNN).
    Centred {
        /// The same on every axis.
        mean: f64,
        /// Keeps the mask of a width of zero finite.
        epsilon: f64,
    },
    /// Means and widths `[axes, 2]`: `exp(−½ Σ_d ((x_d − m_d) / w_d)²)` (FlexNet).
    Learnt,
}

/// Values `[kernels, points]`, positions `[axes, points]` and parameters of the mask to values `[kernels, points]` times mask and
/// `scale`, zero at points that are not `kept`.
#[derive(Debug, Clone)]
struct GaussianMask {
    rule: MaskRule,
    scale: f64,
    kept: Range<usize>,
}

tested!(GaussianMask);

impl Operation<3> for GaussianMask {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["mask", "mask backward"]);
    const FLEX: FlexTypes = FlexTypes::Composed;

    fn shape(&self, [values, positions, parameters]: &[Shape; 3]) -> Shape {
        let axes = positions[0];
        assert!(values[1] == positions[1], "values {values:?} and positions {positions:?} of different points");
        assert!(self.kept.end <= values[1], "{:?} of {} points", self.kept, values[1]);
        let fits = match self.rule {
            MaskRule::Centred { .. } => parameters[..] == [axes],
            MaskRule::Learnt => parameters[..] == [axes, 2],
        };
        assert!(fits, "parameters {parameters:?} of a mask over {axes} axes");
        values.clone()
    }

    fn composed<B: Kernels>(&self, [values, positions, parameters]: [FloatTensor<B>; 3]) -> Tensors<B> {
        vec![composed::forward::<B>(self, values, positions, parameters)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; 3]) -> Grads<B, 3> {
        composed::backward::<B>(self, take(saved), g, wanted)
    }

    #[cfg(feature = "cube")]
    fn cube(&self, inputs: &[CubeTensor; 3]) -> Option<Tensors<Cube>> {
        cube::forward(self, inputs).map(|masked| vec![masked])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, wanted: [bool; 3]) -> Option<Grads<Cube, 3>> {
        // Positions are constants wherever there is training.
        let [values, positions, parameters] = saved else { return None };
        if wanted[1] {
            return None;
        }
        let [values, parameters] = cube::backward(self, [values, positions, parameters], g)?;
        Some([Some(values), None, Some(parameters)])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 3>> {
        let of = |(rule, axes, kernels, points, kept): (MaskRule, usize, usize, usize, Range<usize>)| {
            let parameters = match rule {
                MaskRule::Centred { .. } => Sample::new([axes], 3),
                MaskRule::Learnt => Sample::new([axes, 2], 3),
            };
            let operation = Self { rule, scale: 0.7, kept };
            let parameters = parameters.map(|x| if x < 0.0 { x - 0.3 } else { x + 0.3 });
            (operation, [Sample::new([kernels, points], 1), Sample::new([axes, points], 2), parameters])
        };
        let centred = MaskRule::Centred { mean: 1.0, epsilon: 1e-8 };
        vec![
            of((centred, 1, 5, 300, 0..300)),
            of((centred, 1, 5, 300, 17..280)),
            of((centred, 2, 3, 70, 0..70)),
            of((MaskRule::Learnt, 1, 2, 33, 0..33)),
            of((MaskRule::Learnt, 2, 3, 90, 0..90)),
        ]
    }
}

/// `values` `[kernels, points]` times the mask of `rule` with `parameters` at `positions` `[axes, points]` and `scale`; zero at the
/// points that are not `kept`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn gaussian_mask<const D: usize>(
    values: Tensor<2>,
    positions: Tensor<2>,
    parameters: Tensor<D>,
    rule: MaskRule,
    scale: f64,
    kept: Range<usize>,
) -> Tensor<2> {
    let inputs = [values.into_dispatch(), positions.into_dispatch(), parameters.into_dispatch()];
    first(GaussianMask { rule, scale, kept }, inputs)
}
