//! Linear recurrences from ordinary tensor operations, for every backend without a kernel of its own.
//!
//! In log₂(length) stages (Hillis and Steele 1986, doi:10.1145/7902.7903): after the stage of span s, a state counts the
//! inputs of the 2 s latest steps, and a coefficient is the product over as many.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use crate::value::Value;

/// The states.
pub(crate) fn forward<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>) -> FloatTensor<B> {
    let (mut a, mut h) = (Value::<B>(a), Value::<B>(b));
    let length = h.dim(2);
    let mut span = 1;
    while span < length {
        let early = |of: &Value<B>| of.clone().narrow(2, 0..length - span);
        let late = |of: &Value<B>| of.clone().narrow(2, span..length);
        let (before, factor) = (early(&h), late(&a));
        let states = late(&h) + factor.clone() * before;
        let products = factor * early(&a);
        let whole = |of: Value<B>, rest| Value::cat(vec![of.narrow(2, 0..span), rest], 2);
        (h, a) = (whole(h, states), whole(a, products));
        span *= 2;
    }
    h.0
}

/// The gradients of coefficients and inputs.
///
/// The gradient of a state runs backwards: `s[t] = g[t] + a[t + 1] · s[t + 1]`.
pub(crate) fn backward<B: Backend>(a: FloatTensor<B>, h: FloatTensor<B>, g: FloatTensor<B>) -> [FloatTensor<B>; 2] {
    let [a, h, mut s] = [a, h, g].map(Value::<B>);
    let length = s.dim(2);
    let none = s.zeros_like([s.dim(0), s.dim(1), 1]);
    let (before, mut a) = match length {
        1 => (none.clone(), none),
        _ => {
            let before = Value::cat(vec![none.clone(), h.narrow(2, 0..length - 1)], 2);
            (before, Value::cat(vec![a.narrow(2, 1..length), none], 2))
        }
    };
    let mut span = 1;
    while span < length {
        let early = |of: &Value<B>| of.clone().narrow(2, 0..length - span);
        let late = |of: &Value<B>| of.clone().narrow(2, span..length);
        let (after, factor) = (late(&s), early(&a));
        let sums = early(&s) + factor.clone() * after;
        let products = factor * late(&a);
        let whole = |rest, of: Value<B>| Value::cat(vec![rest, of.narrow(2, length - span..length)], 2);
        (s, a) = (whole(sums, s), whole(products, a));
        span *= 2;
    }
    [(s.clone() * before).0, s.0]
}
