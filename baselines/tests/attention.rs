//! Attention against the definition in plain loops, and the memory that it does without.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use baselines::kernels::{Attention, Precision, scaled_dot_product};
use support::{read, tensor, values};

/// `[batch, channels, length]` by the definition: within every head, a softmax over the keys that may be looked at.
fn by_definition(
    [q, k, v]: [&[f64]; 3],
    valid: &[f64],
    [batch, channels, length]: [usize; 3],
    attention: Attention,
) -> Vec<f64> {
    let d = channels / attention.heads;
    let mut y = vec![0.0; batch * channels * length];
    let at = |sample: usize, channel: usize, position: usize| (sample * channels + channel) * length + position;
    for sample in 0..batch {
        for head in 0..attention.heads {
            for t in 0..length {
                let may = |s: &usize| {
                    let near = attention.window.is_none_or(|window| t.abs_diff(*s) <= window);
                    valid[sample * length + s] == 1.0 && near && !(attention.causal && *s > t)
                };
                let score = |s: usize| {
                    let products = (0..d).map(|c| q[at(sample, head * d + c, t)] * k[at(sample, head * d + c, s)]);
                    products.sum::<f64>() / (d as f64).sqrt()
                };
                let weights: Vec<(usize, f64)> = (0..length).filter(may).map(|s| (s, score(s).exp())).collect();
                let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
                for c in 0..d {
                    let row = weights.iter().map(|&(s, weight)| weight / sum * v[at(sample, head * d + c, s)]);
                    y[at(sample, head * d + c, t)] = row.sum();
                }
            }
        }
    }
    y
}

#[test]
fn attention_is_that_of_the_definition() {
    for (length, heads, causal, window) in [
        (9, 1, false, None),
        (9, 3, true, None),
        (300, 2, false, Some(4)),
        (300, 2, true, Some(7)),
        (40, 3, false, Some(0)),
        (1, 2, true, None),
    ] {
        let shape = [2, 6, length];
        let attention = Attention { heads, causal, window };
        let [q, k, v] = [1, 2, 3].map(|seed| values(12 * length, seed).iter().map(|v| 3.0 * v).collect::<Vec<f64>>());
        // A third of the second sequence is padding: its last queries see nothing within a window.
        let valid: Vec<f64> =
            (0..2 * length).map(|at| if at < length || at % length <= length * 2 / 3 { 1.0 } else { 0.0 }).collect();
        let found = scaled_dot_product(
            [&q, &k, &v].map(|values| tensor(values, shape)),
            Some(tensor(&valid, [2, length])),
            attention,
            Precision::Float32,
        );
        let found = read(found);
        let wanted = by_definition([&q, &k, &v], &valid, shape, attention);
        for (i, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
            assert!((found - wanted).abs() < 1e-9, "{attention:?}, {length}, {i}: {found} {wanted}");
        }
    }
}
