//! Activations from ordinary tensor operations, for every backend without a kernel of its own.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use crate::value::Value;

/// `x · Φ(x)`
pub fn gelu<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let x = Value::<B>(x);
    (x.clone() * distribution(x)).0
}

/// `g · (Φ(x) + x · φ(x))`
pub fn gelu_backward<B: Backend>(x: FloatTensor<B>, g: FloatTensor<B>) -> FloatTensor<B> {
    let (x, g) = (Value::<B>(x), Value::<B>(g));
    let square = (x.clone() * x.clone()).scale(-0.5);
    let density = Value::<B>(B::float_exp(square.0)).scale(1.0 / (2.0 * PI).sqrt());
    (g * (distribution(x.clone()) + x * density)).0
}

/// `a · σ(b)` for `x = [a, b]`
pub fn glu<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let [a, b] = halves(Value::<B>(x));
    (a * b.sigmoid()).0
}

/// `[g · σ(b), g · a · σ(b) · (1 − σ(b))]` for `x = [a, b]`
pub fn glu_backward<B: Backend>(x: FloatTensor<B>, g: FloatTensor<B>) -> FloatTensor<B> {
    let [a, b] = halves(Value::<B>(x));
    let gate = b.sigmoid();
    let da = Value::<B>(g) * gate.clone();
    let db = da.clone() * a * gate.complement();
    Value::cat(vec![da, db], 1).0
}

/// The halves of the channels.
fn halves<B: Backend>(x: Value<B>) -> [Value<B>; 2] {
    let channels = x.dim(1) / 2;
    [x.clone().narrow(1, 0..channels), x.narrow(1, channels..2 * channels)]
}

/// Φ(x)
fn distribution<B: Backend>(x: Value<B>) -> Value<B> {
    Value(B::float_erf(x.scale(FRAC_1_SQRT_2).0)).scale(0.5).shift(0.5)
}
