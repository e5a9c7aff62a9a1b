//! Initial weights of the linear maps of kernel networks.

use std::f64::consts::TAU;

use super::filter::Filter;
use super::spec::{KernelInit, KernelNetworkKind, KernelNetworkSpec};
use crate::layers::linear::Pointwise;
use crate::{BuildError, Init};

/// Hidden maps of a multiplicative network.
pub(super) fn multiplicative_linears(spec: &KernelNetworkSpec, init: &mut Init) -> Vec<Pointwise> {
    let hidden = spec.hidden;
    match (spec.init, spec.kind) {
        (KernelInit::Original, _) => (0..spec.layers).map(|_| Pointwise::torch(hidden, hidden, init)).collect(),
        (_, KernelNetworkKind::Fourier) => orthogonal_linears(hidden, spec.layers, init),
        _ => (0..spec.layers).map(|_| Pointwise::kaiming_uniform(hidden, hidden, 1.0, init)).collect(),
    }
}

/// Orthogonal weights times √2 (the variance of a sine is one half), and biases that give constant and varying part of a
/// layer the same scale: the row sums of the product of all weights so far, over hidden · 2^layer.
fn orthogonal_linears(hidden: usize, layers: usize, init: &mut Init) -> Vec<Pointwise> {
    let mut product: Option<Vec<f64>> = None;
    (1..=layers)
        .map(|layer| {
            let weight: Vec<f64> = orthogonal(hidden, init).iter().map(|w| w * 2f64.sqrt()).collect();
            let so_far = match product.take() {
                None => weight.clone(),
                Some(before) => matmul(&weight, &before, hidden),
            };
            let bias = so_far
                .chunks(hidden.max(1))
                .map(|row| (row.iter().sum::<f64>() / (hidden as f64 * 2f64.powi(layer as i32))) as f32)
                .collect();
            product = Some(so_far);
            let weight = weight.iter().map(|&w| w as f32).collect();
            Pointwise { weight: init.values([hidden, hidden], weight), bias: init.values([hidden], bias) }
        })
        .collect()
}

fn matmul(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    (0..n * n).map(|at| (0..n).map(|k| a[at / n * n + k] * b[k * n + at % n]).sum()).collect()
}

/// A random orthogonal matrix, row-major: Gaussian rows made orthonormal one after the other (twice, against rounding).
fn orthogonal(n: usize, init: &mut Init) -> Vec<f64> {
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(n);
    while rows.len() < n {
        let mut row: Vec<f64> = (0..n).map(|_| init.standard_normal()).collect();
        for _ in 0..2 {
            for earlier in &rows {
                let along: f64 = row.iter().zip(earlier).map(|(a, b)| a * b).sum();
                row.iter_mut().zip(earlier).for_each(|(a, b)| *a -= along * b);
            }
            let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            row.iter_mut().for_each(|v| *v /= length);
        }
        rows.push(row);
    }
    rows.concat()
}

/// Features of the position, if any, and hidden maps of a perceptron.
pub(super) fn perceptron(
    spec: &KernelNetworkSpec,
    omega_0: f64,
    init: &mut Init,
) -> Result<(Vec<Filter>, Vec<Pointwise>), BuildError> {
    if spec.layers < 2 {
        let message = format!("{} is too few: this kernel network has at least a first and a last map", spec.layers);
        return Err(BuildError::new("kernel_layers", message));
    }
    let (hidden, axes) = (spec.hidden, spec.axes);
    let original = spec.init == KernelInit::Original;
    let mut filters = Vec::new();
    let mut linears = Vec::new();
    match spec.kind {
        KernelNetworkKind::RandomFourier => {
            if hidden % 2 == 1 {
                let message = format!("{hidden} is odd, and half of the random Fourier features are cosines");
                return Err(BuildError::new("kernel_hidden", message));
            }
            let bound = 1.0 / (axes as f64).sqrt();
            let weight = init.normal([hidden / 2, axes], TAU * omega_0);
            filters.push(Filter::sines(Pointwise { weight, bias: init.uniform([hidden / 2], -bound, bound) }));
        }
        KernelNetworkKind::Siren => {
            let bound = 1.0 / axes as f64;
            let weight = init.uniform([hidden, axes], -bound, bound);
            let bias = if original { 1.0 / (axes as f64).sqrt() } else { 0.0 };
            linears.push(Pointwise { weight, bias: init.uniform([hidden], -bias, bias) });
        }
        _ if original => linears.push(Pointwise::torch(axes, hidden, init)),
        _ => linears.push(rectified(axes, hidden, init)),
    }
    for _ in 2..spec.layers {
        linears.push(match spec.kind {
            KernelNetworkKind::Siren => {
                let bound = (6.0 / hidden as f64).sqrt() / omega_0;
                let bias = if original { 1.0 / (hidden as f64).sqrt() } else { 0.0 };
                let weight = init.uniform([hidden, hidden], -bound, bound);
                Pointwise { weight, bias: init.uniform([hidden], -bias, bias) }
            }
            _ if original => Pointwise::torch(hidden, hidden, init),
            _ => rectified(hidden, hidden, init),
        });
    }
    Ok((filters, linears))
}

/// Weight U(±√(6 / fan_in)), which a ReLU keeps the variance under; bias zero.
fn rectified(inputs: usize, outputs: usize, init: &mut Init) -> Pointwise {
    let bound = (6.0 / inputs as f64).sqrt();
    Pointwise { weight: init.uniform([outputs, inputs], -bound, bound), bias: init.constant([outputs], 0.0) }
}

/// The output map.
pub(super) fn output(spec: &KernelNetworkSpec, omega_0: f64, init: &mut Init) -> Pointwise {
    let (hidden, outputs) = (spec.hidden, spec.outputs);
    let torch = 1.0 / (hidden as f64).sqrt();
    let (weight, bias) = match (spec.init, spec.kind) {
        (KernelInit::Original, KernelNetworkKind::Siren) => ((6.0 / hidden as f64).sqrt() / omega_0, torch),
        (KernelInit::Original, _) => (torch, torch),
        (KernelInit::Corrected | KernelInit::Off, _) => ((3.0 / hidden as f64).sqrt(), 0.0),
    };
    let weight = weight * spec.output_gain;
    Pointwise {
        weight: init.uniform([outputs, hidden], -weight, weight),
        bias: if bias == 0.0 { init.constant([outputs], 0.0) } else { init.uniform([outputs], -bias, bias) },
    }
}
