//! Minimal recurrences from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use super::super::linear_scan::composed;
use super::cell::MinCell;
use crate::value::Value;

/// The states.
pub(super) fn forward<B: Backend>(cell: MinCell, x: FloatTensor<B>) -> FloatTensor<B> {
    let parts = parts(cell, Value::<B>(x));
    let z = share(&parts);
    let inputs = z.clone() * positive(parts[0].clone());
    composed::forward::<B>(z.complement().0, inputs.0)
}

/// The gradient of the sums, from the states and the gradient of these.
pub(super) fn backward<B: Backend>(
    cell: MinCell,
    x: FloatTensor<B>,
    h: FloatTensor<B>,
    g: FloatTensor<B>,
) -> FloatTensor<B> {
    let parts = parts(cell, Value::<B>(x));
    let z = share(&parts);
    let [of_old, of_input] = composed::backward::<B>(z.clone().complement().0, h, g).map(Value::<B>);
    let v = parts[0].clone();
    let d_v = of_input.clone() * z.clone() * slope(v.clone());
    let d_z = (of_input * positive(v) - of_old) * z.clone() * z.complement();
    let gates = match &parts[1..] {
        [f, i] => {
            // Of log σ(i) − log σ(f).
            let d_f = d_z.clone().scale(-1.0) * f.clone().sigmoid().complement();
            vec![d_f, d_z * i.clone().sigmoid().complement()]
        }
        _ => vec![d_z],
    };
    Value::cat(std::iter::once(d_v).chain(gates).collect(), 1).0
}

/// Sums of the candidate and of every gate.
fn parts<B: Backend>(cell: MinCell, x: Value<B>) -> Vec<Value<B>> {
    let states = x.dim(1) / cell.parts();
    (0..cell.parts()).map(|part| x.clone().narrow(1, part * states..(part + 1) * states)).collect()
}

/// z, the share of the candidate.
fn share<B: Backend>(parts: &[Value<B>]) -> Value<B> {
    match &parts[1..] {
        // The logarithm of their quotient: both gates may be too small for it.
        [f, i] => {
            let [f, i] = [f, i].map(|gate| Value::<B>(B::log_sigmoid(gate.clone().0)));
            (i - f).sigmoid()
        }
        _ => parts[1].clone().sigmoid(),
    }
}

/// `v + ½` for `v ≥ 0` and `σ(v)` below.
fn positive<B: Backend>(v: Value<B>) -> Value<B> {
    let upper = relu(v.clone());
    (v - upper.clone()).sigmoid() + upper
}

/// The derivative of [`positive`], 1 at zero.
fn slope<B: Backend>(v: Value<B>) -> Value<B> {
    let below = relu(Value::<B>(B::float_sign(v.clone().scale(-1.0).0)));
    let s = v.sigmoid();
    below.clone().complement() + below * s.clone() * s.complement()
}

fn relu<B: Backend>(x: Value<B>) -> Value<B> {
    Value(B::relu(x.0))
}
