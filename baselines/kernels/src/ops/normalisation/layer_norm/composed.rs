//! Normalisation from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use crate::value::Value;

/// The output.
pub(super) fn forward<B: Backend>(x: FloatTensor<B>, epsilon: f64, centred: bool) -> FloatTensor<B> {
    normalise(Value::<B>(x), epsilon, centred).0.0
}

/// The gradient of the input.
pub(super) fn backward<B: Backend>(
    x: FloatTensor<B>,
    g: FloatTensor<B>,
    epsilon: f64,
    centred: bool,
) -> FloatTensor<B> {
    let (y, scale) = normalise(Value::<B>(x), epsilon, centred);
    let g = Value::<B>(g);
    let along_y = mean(g.clone() * y.clone());
    let rest = if centred { g.clone() - mean(g) } else { g };
    ((rest - y * along_y) * scale).0
}

/// The result, and the factor of every position.
fn normalise<B: Backend>(x: Value<B>, epsilon: f64, centred: bool) -> (Value<B>, Value<B>) {
    let centred = if centred { x.clone() - mean(x) } else { x };
    let variance = mean(centred.clone() * centred.clone()).shift(epsilon);
    let scale = Value::<B>(B::float_recip(B::float_sqrt(variance.0)));
    (centred * scale.clone(), scale)
}

/// `[batch, 1, positions]`
fn mean<B: Backend>(x: Value<B>) -> Value<B> {
    let values = x.dim(1) as f64;
    x.sum(1).scale(1.0 / values)
}
