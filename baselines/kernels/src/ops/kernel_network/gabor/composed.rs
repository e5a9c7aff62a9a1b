//! Gabor filters from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use crate::value::Value;

/// Positions, frequencies, phases, centres and inverse widths.
type Operands<B> = [FloatTensor<B>; 5];

/// What both passes need.
struct Parts<B: Backend> {
    rows: Vec<Value<B>>,
    phase: Value<B>,
    envelope: Value<B>,
    /// x − μ, an axis each.
    distances: Vec<Value<B>>,
    gammas: Vec<Value<B>>,
    weights: Vec<Value<B>>,
}

fn parts<B: Backend>(operands: Operands<B>) -> Parts<B> {
    let [positions, weight, bias, mu, gamma] = operands.map(Value::<B>);
    let (axes, hidden) = (positions.dim(0), weight.dim(0));
    let shared = gamma.dim(1) == 1;
    let rows: Vec<Value<B>> = (0..axes).map(|d| positions.clone().narrow(0, d..d + 1)).collect();
    let column = |matrix: &Value<B>, d: usize| matrix.clone().narrow(1, d..d + 1);
    let weights: Vec<Value<B>> = (0..axes).map(|d| column(&weight, d)).collect();
    let gammas: Vec<Value<B>> = (0..axes).map(|d| column(&gamma, if shared { 0 } else { d })).collect();
    // Sums of outer products: exact in the last bit of the position, which high frequencies need.
    let mut phase = bias.reshape([hidden, 1]);
    let mut distances = Vec::new();
    let mut exponent = phase.zeros_like([hidden, 1]);
    for (d, row) in rows.iter().enumerate() {
        phase = weights[d].clone() * row.clone() + phase;
        let distance = row.clone() - column(&mu, d);
        let scaled = distance.clone() * gammas[d].clone();
        let square = scaled.clone() * scaled;
        exponent = exponent + square;
        distances.push(distance);
    }
    let envelope = Value(B::float_exp(exponent.scale(-0.5).0));
    Parts { rows, phase, envelope, distances, gammas, weights }
}

/// The filters.
pub(in crate::ops) fn forward<B: Backend>(operands: Operands<B>) -> FloatTensor<B> {
    let Parts { phase, envelope, .. } = parts::<B>(operands);
    (envelope * Value(B::float_sin(phase.0))).0
}

/// The gradients of frequencies, phases, centres and inverse widths.
pub(in crate::ops) fn backward<B: Backend>(operands: Operands<B>, g: FloatTensor<B>) -> [FloatTensor<B>; 4] {
    let shared = Value::<B>(operands[4].clone()).dim(1) == 1;
    let Parts { rows, phase, envelope, distances, gammas, .. } = parts::<B>(operands);
    let hidden = phase.dim(0);
    let weighed = Value::<B>(g) * envelope;
    let d_phase = weighed.clone() * Value(B::float_cos(phase.0.clone()));
    // The gradient times the output: what reaches the logarithm of the envelope.
    let d_log = weighed * Value(B::float_sin(phase.0));
    let d_weight = Value::cat(rows.into_iter().map(|row| (d_phase.clone() * row).sum(1)).collect(), 1);
    let (mut d_mu, mut d_gamma) = (Vec::new(), Vec::new());
    for (distance, gamma) in distances.into_iter().zip(gammas) {
        let along = (d_log.clone() * distance.clone()).sum(1);
        d_mu.push(along * gamma.clone() * gamma.clone());
        d_gamma.push((d_log.clone() * distance.clone() * distance).sum(1) * gamma.scale(-1.0));
    }
    let d_gamma = Value::cat(d_gamma, 1);
    let d_gamma = if shared { d_gamma.sum(1) } else { d_gamma };
    [d_weight.0, d_phase.sum(1).reshape([hidden]).0, Value::cat(d_mu, 1).0, d_gamma.0]
}

/// The gradient of the positions.
pub(in crate::ops) fn backward_positions<B: Backend>(operands: Operands<B>, g: FloatTensor<B>) -> FloatTensor<B> {
    let Parts { phase, envelope, distances, gammas, weights, .. } = parts::<B>(operands);
    let weighed = Value::<B>(g) * envelope;
    let d_phase = weighed.clone() * Value(B::float_cos(phase.0.clone()));
    let d_log = weighed * Value(B::float_sin(phase.0));
    let axes = distances.into_iter().zip(gammas).zip(weights);
    let rows = axes.map(|((distance, gamma), weight)| {
        (d_phase.clone() * weight - d_log.clone() * distance * gamma.clone() * gamma).sum(0)
    });
    Value::cat(rows.collect(), 0).0
}
