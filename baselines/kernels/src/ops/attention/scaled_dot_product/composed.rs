//! Attention from ordinary tensor operations, chunk by chunk of queries.

use std::ops::Range;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::TensorData;

use super::spec::{Attention, ScaledDotProduct};
use crate::operation::Kernels;
use crate::value::Value;

/// Added to the score of a key that must not be looked at, times how far it is from one that may.
const FORBIDDEN: f64 = -1e30;
/// Greatest score of a row without any key: above all forbidden ones, below all others.
const NOTHING: f64 = -1e20;
/// Sum of a row without any key.
const LEAST_SUM: f64 = 1e-30;

/// What a forward pass gives.
pub(super) struct Sums<B: Backend> {
    /// `[batch, channels, length]`
    pub(super) y: FloatTensor<B>,
    /// Of the sum of every row of exponentials, `[batch, heads, length, 1]`.
    pub(super) logarithms: FloatTensor<B>,
}

/// Inputs, heads apart: `[batch, heads, channels of a head, length]`.
struct Heads<B: Backend> {
    q: Value<B>,
    k: Value<B>,
    v: Value<B>,
    /// `[batch, 1, 1, length]`: 0 for keys that may be looked at, else [`FORBIDDEN`].
    bias: Value<B>,
    scale: f64,
    attention: Attention,
}

impl<B: Kernels> Heads<B> {
    fn new(inputs: [FloatTensor<B>; 4], attention: Attention) -> Self {
        let [q, k, v, valid] = inputs.map(Value::<B>);
        let shape = [q.dim(0), attention.heads, q.dim(1) / attention.heads, q.dim(2)];
        let bias = valid.complement().scale(FORBIDDEN).reshape([shape[0], 1, 1, shape[3]]);
        let scale = 1.0 / (shape[2] as f64).sqrt();
        Self { q: q.reshape(shape), k: k.reshape(shape), v: v.reshape(shape), bias, scale, attention }
    }

    /// Sequences and heads together, and the length.
    fn size(&self) -> [usize; 2] {
        [self.q.dim(0) * self.q.dim(1), self.q.dim(3)]
    }

    /// Scores of `queries` and `keys`, `[batch, heads, queries, keys]`.
    fn scores(&self, queries: &Range<usize>, keys: &Range<usize>, operation: &ScaledDotProduct) -> Value<B> {
        let q = transposed(self.q.clone().narrow(3, queries.clone()).scale(self.scale));
        let scores = q.matmul(self.k.clone().narrow(3, keys.clone()), operation.precision);
        let scores = match operation.masked {
            true => scores + self.bias.clone().narrow(3, keys.clone()),
            false => scores,
        };
        match self.distance(queries, keys) {
            Some(bias) => scores + bias,
            None => scores,
        }
    }

    /// What the distance of keys from queries adds to scores, `[1, 1, queries, keys]`; `None` where all are near enough.
    fn distance(&self, queries: &Range<usize>, keys: &Range<usize>) -> Option<Value<B>> {
        let (back, ahead) = (queries.end - 1 - keys.start, keys.end - 1 - queries.start);
        let Attention { causal, window, .. } = self.attention;
        let most_ahead = if causal { Some(0) } else { window };
        let too_far = |reach: usize, most: Option<usize>| most.filter(|&most| reach > most);
        let limits = [too_far(back, window), too_far(ahead, most_ahead)];
        if limits == [None, None] {
            return None;
        }
        let axis = |range: &Range<usize>, shape: [usize; 4]| {
            let values: Vec<f32> = range.clone().map(|at| at as f32).collect();
            let data = TensorData::new(values, shape).convert_dtype(self.q.0.dtype());
            Value::<B>(B::float_from_data(data, &self.q.0.device()))
        };
        let back = axis(queries, [1, 1, queries.len(), 1]) - axis(keys, [1, 1, 1, keys.len()]);
        let beyond = |distance: Value<B>, most: usize| positive(distance.shift(-(most as f64))).scale(FORBIDDEN);
        let behind = limits[0].map(|most| beyond(back.clone(), most));
        let before = limits[1].map(|most| beyond(back.scale(-1.0), most));
        match (behind, before) {
            (Some(behind), Some(before)) => Some(behind + before),
            (behind, before) => behind.or(before),
        }
    }
}

pub(super) fn forward<B: Kernels>(inputs: [FloatTensor<B>; 4], operation: &ScaledDotProduct) -> Sums<B> {
    let heads = Heads::<B>::new(inputs, operation.attention);
    let [rows, length] = heads.size();
    let (mut outputs, mut logarithms) = (Vec::new(), Vec::new());
    for [queries, keys] in operation.chunks(rows, length) {
        let scores = heads.scores(&queries, &keys, operation);
        let most = Value::<B>(B::float_clamp_min(B::float_max_dim(scores.0.clone(), 3), NOTHING.into()));
        let weights = exp(scores - most.clone());
        let sum = Value::<B>(B::float_clamp_min(weights.clone().sum(3).0, LEAST_SUM.into()));
        logarithms.push(most + Value::<B>(B::float_log(sum.0.clone())));
        let found = heads.v.clone().narrow(3, keys).matmul(transposed(weights), operation.precision);
        outputs.push(found * transposed(Value::<B>(B::float_recip(sum.0))));
    }
    let y = Value::cat(outputs, 3);
    let shape = [y.dim(0), y.dim(1) * y.dim(2), length];
    Sums { y: y.reshape(shape).0, logarithms: Value::cat(logarithms, 2).0 }
}

/// The gradients of queries, keys and values.
pub(super) fn backward<B: Kernels>(
    inputs: [FloatTensor<B>; 4],
    sums: Sums<B>,
    g: FloatTensor<B>,
    operation: &ScaledDotProduct,
) -> [FloatTensor<B>; 3] {
    let heads = Heads::<B>::new(inputs, operation.attention);
    let ([rows, length], precision) = (heads.size(), operation.precision);
    let shape = [heads.q.dim(0), heads.q.dim(1), heads.q.dim(2), length];
    let [y, g] = [sums.y, g].map(|tensor| Value::<B>(tensor).reshape(shape));
    let logarithms = Value::<B>(sums.logarithms);
    // Σ over the keys of weight times gradient of the weight is Σ over the channels of output times its gradient.
    let drift = transposed((y * g.clone()).sum(2));
    let (mut dq, mut dk, mut dv) = (Vec::new(), Overlapping::new(), Overlapping::new());
    for [queries, keys] in operation.chunks(rows, length) {
        let scores = heads.scores(&queries, &keys, operation);
        let weights = exp(scores - logarithms.clone().narrow(2, queries.clone()));
        let [q, g] = [&heads.q, &g].map(|of| of.clone().narrow(3, queries.clone()));
        let [k, v] = [&heads.k, &heads.v].map(|of| of.clone().narrow(3, keys.clone()));
        dv.add(&keys, g.clone().matmul(weights.clone(), precision));
        let d_weights = transposed(g).matmul(v, precision) - drift.clone().narrow(2, queries);
        let d_scores = weights * d_weights;
        dq.push(k.matmul(transposed(d_scores.clone()), precision).scale(heads.scale));
        dk.add(&keys, q.scale(heads.scale).matmul(d_scores, precision));
    }
    let flat = [shape[0], shape[1] * shape[2], length];
    [Value::cat(dq, 3), dk.whole(), dv.whole()].map(|gradient| gradient.reshape(flat).0)
}

/// A sum of pieces along the last axis, whose beginnings and ends both never go back.
struct Overlapping<B: Backend> {
    /// What no further piece reaches.
    done: Vec<Value<B>>,
    /// Where the rest lies, and the rest.
    rest: Option<(Range<usize>, Value<B>)>,
}

impl<B: Backend> Overlapping<B> {
    fn new() -> Self {
        Self { done: Vec::new(), rest: None }
    }

    fn add(&mut self, range: &Range<usize>, piece: Value<B>) {
        let sum = match self.rest.take() {
            None => piece,
            Some((before, rest)) => {
                let common = before.end.saturating_sub(range.start);
                let (left, new) = (before.len() - common, range.len() - common);
                if left > 0 {
                    self.done.push(rest.clone().narrow(3, 0..left));
                }
                let mut parts = Vec::new();
                if common > 0 {
                    parts.push(rest.narrow(3, left..left + common) + piece.clone().narrow(3, 0..common));
                }
                if new > 0 {
                    parts.push(piece.narrow(3, common..common + new));
                }
                joined(parts)
            }
        };
        self.rest = Some((range.clone(), sum));
    }

    fn whole(mut self) -> Value<B> {
        self.done.extend(self.rest.map(|(_, rest)| rest));
        joined(self.done)
    }
}

/// Pieces behind one another; at least one.
fn joined<B: Backend>(mut pieces: Vec<Value<B>>) -> Value<B> {
    if pieces.len() == 1 { pieces.remove(0) } else { Value::cat(pieces, 3) }
}

/// The last two axes exchanged.
fn transposed<B: Backend>(x: Value<B>) -> Value<B> {
    x.permute(&[0, 1, 3, 2])
}

fn exp<B: Backend>(x: Value<B>) -> Value<B> {
    Value(B::float_exp(x.0))
}

/// max(x, 0)
fn positive<B: Backend>(x: Value<B>) -> Value<B> {
    Value(B::float_clamp_min(x.0, 0.0.into()))
}
