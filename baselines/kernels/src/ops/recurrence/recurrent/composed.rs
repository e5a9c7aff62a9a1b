//! Recurrent layers from ordinary tensor operations, for every backend without a kernel of its own. Time-major inside:
//! `[length, batch, features]`.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use super::cell::{Operands, RnnCell};
use crate::operation::Kernels;
use crate::precision::Precision;
use crate::value::Value;

/// Hidden states `[batch, hidden, length]` and, where `keep`, the activations of every step
/// `[length, batch, activations]` (otherwise the hidden states once more).
pub(super) fn forward<B: Kernels>(
    cell: RnnCell,
    operands: Operands<B>,
    keep: bool,
    precision: Precision,
) -> [FloatTensor<B>; 2] {
    let [x, w_ih, w_hh, b_ih, b_hh] = operands.map(Value::<B>);
    let (b, l, h) = (x.dim(0), x.dim(2), w_hh.dim(1));
    let rows = cell.gates() * h;
    let projected = project(x, w_ih, b_ih, precision);
    let (w_hh, b_hh) = (w_hh.permute(&[1, 0]), b_hh.reshape([1, rows]));
    let mut hidden = w_hh.zeros_like([b, h]);
    let mut memory = hidden.clone();
    let (mut states, mut kept) = (Vec::with_capacity(l), Vec::with_capacity(if keep { l } else { 0 }));
    for t in 0..l {
        let from_x = projected.clone().narrow(0, t..t + 1).reshape([b, rows]);
        let from_h = hidden.clone().matmul(w_hh.clone(), Precision::Float32) + b_hh.clone();
        let gate = |v: &Value<B>, i: usize| v.clone().narrow(1, i * h..(i + 1) * h);
        let activations = match cell {
            RnnCell::Lstm => {
                let sum = from_x + from_h;
                let [i, f, o] = [0, 1, 3].map(|n| gate(&sum, n).sigmoid());
                let g = gate(&sum, 2).tanh();
                memory = f.clone() * memory + i.clone() * g.clone();
                hidden = o.clone() * memory.clone().tanh();
                vec![i, f, g, o, memory.clone()]
            }
            RnnCell::Gru => {
                let [r, z] = [0, 1].map(|n| (gate(&from_x, n) + gate(&from_h, n)).sigmoid());
                let recurrent = gate(&from_h, 2);
                let n = (gate(&from_x, 2) + r.clone() * recurrent.clone()).tanh();
                hidden = n.clone() + z.clone() * (hidden - n.clone());
                vec![r, z, n, recurrent]
            }
            RnnCell::Rnn => {
                hidden = (from_x + from_h).tanh();
                vec![hidden.clone()]
            }
        };
        states.push(hidden.clone().reshape([1, b, h]));
        if keep {
            let all = Value::cat(activations, 1);
            let width = all.dim(1);
            kept.push(all.reshape([1, b, width]));
        }
    }
    let y = Value::cat(states, 0).permute(&[1, 2, 0]);
    let kept = if keep { Value::cat(kept, 0) } else { y.clone() };
    [y.0, kept.0]
}

/// The gradients of the operands that are `wanted`, from the hidden states, what was kept, and the gradient of the states.
pub(super) fn backward<B: Kernels>(
    cell: RnnCell,
    operands: Operands<B>,
    [y, kept, g]: [FloatTensor<B>; 3],
    wanted: [bool; 5],
    precision: Precision,
) -> [Option<FloatTensor<B>>; 5] {
    let [x, w_ih, w_hh, _, _] = operands.map(Value::<B>);
    let (b, l, h) = (x.dim(0), x.dim(2), w_hh.dim(1));
    let rows = cell.gates() * h;
    let kept = Value::<B>(kept);
    let width = kept.dim(2);
    let g = Value::<B>(g).permute(&[2, 0, 1]);
    let states = Value::<B>(y).permute(&[2, 0, 1]);
    let before = before(states.clone());

    let at = |v: &Value<B>, t: usize, width: usize| v.clone().narrow(0, t..t + 1).reshape([b, width]);
    let mut dh = w_hh.zeros_like([b, h]);
    let mut dc = dh.clone();
    let mut from_x = Vec::with_capacity(l);
    let mut from_h = Vec::with_capacity(if cell == RnnCell::Gru { l } else { 0 });
    for t in (0..l).rev() {
        let all = at(&kept, t, width);
        let act = |i: usize| all.clone().narrow(1, i * h..(i + 1) * h);
        let d = at(&g, t, h) + dh;
        match cell {
            RnnCell::Lstm => {
                let [i, f, g, o, c] = [0, 1, 2, 3, 4].map(act);
                let tanh_c = c.tanh();
                let d_o = d.clone() * tanh_c.clone() * slope(o.clone());
                let d_c = dc + d * o * (tanh_c.clone() * tanh_c).complement();
                let c_before =
                    if t == 0 { d_c.zeros_like([b, h]) } else { at(&kept, t - 1, width).narrow(1, 4 * h..5 * h) };
                let d_i = d_c.clone() * g.clone() * slope(i.clone());
                let d_f = d_c.clone() * c_before * slope(f.clone());
                let d_g = d_c.clone() * i * (g.clone() * g).complement();
                dc = d_c * f;
                let step = Value::cat(vec![d_i, d_f, d_g, d_o], 1);
                dh = step.clone().matmul(w_hh.clone(), Precision::Float32);
                from_x.push(step.reshape([1, b, rows]));
            }
            RnnCell::Gru => {
                let [r, z, n, recurrent] = [0, 1, 2, 3].map(act);
                let d_z = d.clone() * (at(&before, t, h) - n.clone()) * slope(z.clone());
                let d_n = d.clone() * z.clone().complement() * (n.clone() * n).complement();
                let d_r = d_n.clone() * recurrent * slope(r.clone());
                let hidden = Value::cat(vec![d_r.clone(), d_z.clone(), d_n.clone() * r], 1);
                dh = hidden.clone().matmul(w_hh.clone(), Precision::Float32) + d * z;
                from_h.push(hidden.reshape([1, b, rows]));
                from_x.push(Value::cat(vec![d_r, d_z, d_n], 1).reshape([1, b, rows]));
            }
            RnnCell::Rnn => {
                let step = d * (all.clone() * all).complement();
                dh = step.clone().matmul(w_hh.clone(), Precision::Float32);
                from_x.push(step.reshape([1, b, rows]));
            }
        }
    }
    from_x.reverse();
    from_h.reverse();
    let from_h = (!from_h.is_empty()).then(|| Value::cat(from_h, 0));
    gather([x, w_ih, states], Value::cat(from_x, 0), from_h, wanted, precision)
}

/// The input's part of the sums before the gates, `[length, batch, gates · hidden]`.
pub(super) fn project<B: Kernels>(x: Value<B>, w_ih: Value<B>, b_ih: Value<B>, precision: Precision) -> Value<B> {
    let (b, l, rows) = (x.dim(0), x.dim(2), w_ih.dim(0));
    (time_major(x).matmul(w_ih.permute(&[1, 0]), precision) + b_ih.reshape([1, rows])).reshape([l, b, rows])
}

/// Gradients of the operands from input, input weights, the states `[length, batch, hidden]` and the gradients of the sums
/// before the gates, `[length, batch, gates · hidden]`: of the input's part, and of the recurrent part where that differs.
pub(super) fn gather<B: Kernels>(
    [x, w_ih, states]: [Value<B>; 3],
    from_x: Value<B>,
    from_h: Option<Value<B>>,
    wanted: [bool; 5],
    precision: Precision,
) -> [Option<FloatTensor<B>>; 5] {
    let (b, input, l, h, rows) = (x.dim(0), x.dim(1), x.dim(2), states.dim(2), w_ih.dim(0));
    let from_x = from_x.reshape([l * b, rows]);
    let from_h = from_h.map_or_else(|| from_x.clone(), |from_h| from_h.reshape([l * b, rows]));
    let bias = |d: &Value<B>| d.clone().sum(0).reshape([rows]).0;
    [
        wanted[0].then(|| from_x.clone().matmul(w_ih, precision).reshape([l, b, input]).permute(&[1, 2, 0]).0),
        wanted[1].then(|| from_x.clone().permute(&[1, 0]).matmul(time_major(x), precision).0),
        wanted[2].then(|| from_h.clone().permute(&[1, 0]).matmul(before(states).reshape([l * b, h]), precision).0),
        wanted[3].then(|| bias(&from_x)),
        wanted[4].then(|| bias(&from_h)),
    ]
}

/// States before every step, the first being zero.
fn before<B: Backend>(states: Value<B>) -> Value<B> {
    let (l, b, h) = (states.dim(0), states.dim(1), states.dim(2));
    Value::cat(vec![states.zeros_like([1, b, h]), states.narrow(0, 0..l - 1)], 0)
}

/// Derivative of the logistic function, from its value.
fn slope<B: Backend>(s: Value<B>) -> Value<B> {
    s.clone() * s.complement()
}

/// `[batch, features, length]` → `[length · batch, features]`
fn time_major<B: Backend>(x: Value<B>) -> Value<B> {
    let (b, features, l) = (x.dim(0), x.dim(1), x.dim(2));
    x.permute(&[2, 0, 1]).reshape([l * b, features])
}
