//! Batch normalisation from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use crate::value::Value;

/// Normalised input, mean and biased variance.
pub(super) fn forward<B: Backend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    epsilon: f64,
) -> [FloatTensor<B>; 3] {
    let [x, gamma, beta] = [x, gamma, beta].map(Value::<B>);
    let c = x.dim(1);
    let n = (x.dim(0) * x.dim(2)) as f64;
    let mean = per_channel(x.clone()).scale(1.0 / n);
    let centred = x - mean.clone();
    let variance = per_channel(centred.clone() * centred.clone()).scale(1.0 / n);
    let factor = gamma.reshape([1, c, 1]) * inverse_deviation(variance.clone(), epsilon);
    let y = centred * factor + beta.reshape([1, c, 1]);
    [y.0, mean.reshape([c]).0, variance.reshape([c]).0]
}

/// Gradients of input, scale and offset.
pub(super) fn backward<B: Backend>(saved: [FloatTensor<B>; 4], g: FloatTensor<B>, epsilon: f64) -> [FloatTensor<B>; 3] {
    let [x, gamma, mean, variance] = saved.map(Value::<B>);
    let g = Value::<B>(g);
    let c = x.dim(1);
    let n = (x.dim(0) * x.dim(2)) as f64;
    let inverse = inverse_deviation(variance.reshape([1, c, 1]), epsilon);
    let normal = (x - mean.reshape([1, c, 1])) * inverse.clone();
    let d_beta = per_channel(g.clone());
    let d_gamma = per_channel(g.clone() * normal.clone());
    let centred = g - d_beta.clone().scale(1.0 / n) - normal * d_gamma.clone().scale(1.0 / n);
    let dx = centred * (gamma.reshape([1, c, 1]) * inverse);
    [dx.0, d_gamma.reshape([c]).0, d_beta.reshape([c]).0]
}

/// Sum over batch and positions: `[1, channels, 1]`.
fn per_channel<B: Backend>(x: Value<B>) -> Value<B> {
    x.sum(2).sum(0)
}

fn inverse_deviation<B: Backend>(variance: Value<B>, epsilon: f64) -> Value<B> {
    Value(B::float_recip(B::float_sqrt(variance.shift(epsilon).0)))
}
