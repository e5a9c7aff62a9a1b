//! Masks from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};

use super::{GaussianMask, MaskRule};
use crate::value::Value;

/// An axis of a mask.
struct Axis<B: Backend> {
    /// x − m `[1, points]`
    distance: Value<B>,
    /// Its width `[1, 1]`.
    width: Value<B>,
}

fn axes<B: Backend>(rule: MaskRule, positions: FloatTensor<B>, parameters: FloatTensor<B>) -> Vec<Axis<B>> {
    let (positions, parameters) = (Value::<B>(positions), Value::<B>(parameters));
    let axes = positions.dim(0);
    let parameters = parameters.reshape([axes, if rule == MaskRule::Learnt { 2 } else { 1 }]);
    let axis = |d: usize| {
        let row = positions.clone().narrow(0, d..d + 1);
        let of = |column: usize| parameters.clone().narrow(0, d..d + 1).narrow(1, column..column + 1);
        match rule {
            MaskRule::Centred { mean, .. } => Axis { distance: row.shift(-mean), width: of(0) },
            MaskRule::Learnt => Axis { distance: row - of(0), width: of(1) },
        }
    };
    (0..axes).map(axis).collect()
}

impl<B: Backend> Axis<B> {
    /// 1 / (w² + ε) `[1, 1]`
    fn sharpness(&self, rule: MaskRule) -> Value<B> {
        let epsilon = match rule {
            MaskRule::Centred { epsilon, .. } => epsilon,
            MaskRule::Learnt => 0.0,
        };
        let square = self.width.clone() * self.width.clone();
        Value(B::float_recip(square.shift(epsilon).0))
    }

    fn square(&self) -> Value<B> {
        self.distance.clone() * self.distance.clone()
    }
}

/// Mask times scale, zero at the points that are not kept: `[1, points]`.
fn mask<B: Backend>(operation: &GaussianMask, axes: &[Axis<B>]) -> Option<Value<B>> {
    let terms = axes.iter().map(|axis| axis.sharpness(operation.rule).scale(-0.5) * axis.square());
    let exponent = terms.reduce(|sum, term| sum + term)?;
    let points = exponent.dim(1);
    let mask = Value::<B>(B::float_exp(exponent.0));
    let mask = if operation.scale == 1.0 { mask } else { mask.scale(operation.scale) };
    let kept = operation.kept.clone();
    Some(mask.narrow(1, kept.clone()).pad(1, kept.start, points - kept.end))
}

pub(super) fn forward<B: Backend>(
    operation: &GaussianMask,
    values: FloatTensor<B>,
    positions: FloatTensor<B>,
    parameters: FloatTensor<B>,
) -> FloatTensor<B> {
    match mask(operation, &axes::<B>(operation.rule, positions, parameters)) {
        Some(mask) => B::float_mul(values, mask.0),
        None => values,
    }
}

pub(super) fn backward<B: Backend>(
    operation: &GaussianMask,
    [values, positions, parameters]: [FloatTensor<B>; 3],
    g: FloatTensor<B>,
    wanted: [bool; 3],
) -> [Option<FloatTensor<B>>; 3] {
    let shape = parameters.shape();
    let axes = axes::<B>(operation.rule, positions, parameters);
    let Some(mask) = mask(operation, &axes) else { return [Some(g), None, None] };
    let (values, g) = (Value::<B>(values), Value::<B>(g));
    // What reaches the exponent, per point.
    let log = (g.clone() * values).sum(0) * mask.clone();
    let d_values = (g * mask).0;
    let (mut d_positions, mut d_parameters) = (Vec::new(), Vec::new());
    for axis in axes {
        let sharpness = axis.sharpness(operation.rule);
        let outer = log.clone() * axis.distance.clone() * sharpness.clone();
        let by_width = (log.clone() * axis.square()).sum(1) * sharpness.clone() * sharpness * axis.width;
        if wanted[1] {
            d_positions.push(outer.clone().scale(-1.0));
        }
        if operation.rule == MaskRule::Learnt {
            d_parameters.push(outer.sum(1));
        }
        d_parameters.push(by_width);
    }
    let d_positions = wanted[1].then(|| Value::cat(d_positions, 0).0);
    let d_parameters = Value::cat(d_parameters, 1).reshape(shape);
    [Some(d_values), d_positions, Some(d_parameters.0)]
}
