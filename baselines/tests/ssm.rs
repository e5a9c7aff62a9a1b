//! State-space kernels and layers against plain loops in f64, finite differences, and recurrences step by step.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::f64::consts::PI;

use baselines::kernels::{Discretisation, Precision, StepRule, diagonal_kernel, gelu, glu, low_rank_kernel};
use baselines::layers::state_space::hippo::{DiagonalInit, HippoMeasure, diagonal, nplr, transition};
use baselines::layers::{
    Conventions, Lru, LruSpec, S4Block, S4BlockSpec, S4Kernel, S4KernelSpec, S4d, S4dSpec, SequenceLayer, StateMatrix,
};
use baselines::{Forward, Init};
use burn::tensor::{DType, Device, Tensor, TensorData};
use nalgebra::{Complex, DMatrix, DVector};

type C64 = Complex<f64>;

const RULES: [StepRule; 3] = [StepRule::Zoh, StepRule::Bilinear, StepRule::Discrete];

/// Values in (−1, 1) from a fixed stream.
fn values(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
        .collect()
}

fn tensor<const D: usize>(values: &[f64], shape: [usize; D], dtype: DType) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (&Device::flex().autodiff(), dtype))
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    let scale = expected.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}[{i}]: {a} instead of {b} (scale {scale})");
    }
}

fn complex(parts: [&[f64]; 2]) -> Vec<C64> {
    parts[0].iter().zip(parts[1]).map(|(&re, &im)| C64::new(re, im)).collect()
}

/// A kernel of state-space models with its sizes.
#[derive(Debug, Clone, Copy)]
enum Case {
    /// Rows, states.
    Diagonal(StepRule, [usize; 2], usize),
    /// Outputs, rows, states.
    LowRank([usize; 3], usize),
}

impl Case {
    /// The four operands, with steps such that states decay slowly or fast and turn up to half a turn per sample.
    fn operands(self) -> [Vec<f64>; 4] {
        let (weights, eigenvalues) = match self {
            Self::Diagonal(_, [rows, states], _) => (rows * states, rows * states),
            Self::LowRank([outputs, rows, states], _) => (2 * (outputs + 1) * rows * states, rows * states),
        };
        let decay = values(eigenvalues, 3).iter().map(|v| -0.001 - 0.2 * v.abs()).collect();
        let turn = values(eigenvalues, 4).iter().map(|v| PI * v).collect();
        let weights = |seed| values(weights, seed).iter().map(|v| 0.3 * v).collect();
        [weights(1), weights(2), decay, turn]
    }

    fn size(self) -> usize {
        match self {
            Self::Diagonal(_, [rows, _], length) => rows * length,
            Self::LowRank([outputs, rows, _], length) => outputs * rows * length,
        }
    }

    fn plain(self, operands: &[Vec<f64>; 4]) -> Vec<f64> {
        let (weights, eigenvalues) = (complex([&operands[0], &operands[1]]), complex([&operands[2], &operands[3]]));
        match self {
            Self::Diagonal(rule, [rows, states], length) => (0..rows * length)
                .map(|at| {
                    let (row, l) = (at / length, (at % length) as f64);
                    let term = |n: usize| {
                        let (c, x) = (weights[row * states + n], eigenvalues[row * states + n]);
                        match rule {
                            StepRule::Zoh => c * (x.exp() - 1.0) / x * (x * l).exp(),
                            StepRule::Bilinear => c / (1.0 - x / 2.0) * ((1.0 + x / 2.0) / (1.0 - x / 2.0)).powf(l),
                            StepRule::Discrete => c * (x * l).exp(),
                        }
                    };
                    2.0 * (0..states).map(term).sum::<C64>().re
                })
                .collect(),
            Self::LowRank([outputs, rows, states], length) => {
                let sum = |product: usize, row: usize, z: C64| -> C64 {
                    (0..states)
                        .map(|n| {
                            let (v, a) = (weights[(product * rows + row) * states + n], eigenvalues[row * states + n]);
                            v / (z - a) + v.conj() / (z - a.conj())
                        })
                        .sum()
                };
                let spectrum = |output: usize, row: usize| -> Vec<C64> {
                    (0..=length / 2)
                        .map(|k| {
                            let omega = C64::from_polar(1.0, -2.0 * PI * k as f64 / length as f64);
                            let z = 2.0 * (1.0 - omega) / (1.0 + omega);
                            let [b_c, b_p, p_c, p_p] =
                                [output, outputs, outputs + 1 + output, 2 * outputs + 1].map(|at| sum(at, row, z));
                            2.0 / (1.0 + omega) * (b_c - b_p * p_c / (1.0 + p_p))
                        })
                        .collect()
                };
                let mut kernel = Vec::new();
                for output in 0..outputs {
                    for row in 0..rows {
                        let spectrum = spectrum(output, row);
                        kernel.extend((0..length).map(|l| {
                            let term = |(k, bin): (usize, &C64)| {
                                let weight = if k == 0 || 2 * k == length { 1.0 } else { 2.0 };
                                let turn = C64::from_polar(1.0, 2.0 * PI * (k * l) as f64 / length as f64);
                                weight * (bin * turn).re / length as f64
                            };
                            spectrum.iter().enumerate().map(term).sum::<f64>()
                        }));
                    }
                }
                kernel
            }
        }
    }

    /// The kernel, and gradients of `Σ g · K` by the operands that are `tracked`.
    fn fused(self, operands: &[Vec<f64>; 4], g: &[f64], dtype: DType, tracked: [bool; 4]) -> [Option<Vec<f64>>; 5] {
        fn operand<const D: usize>(values: &[f64], shape: [usize; D], dtype: DType, tracked: bool) -> Tensor<D> {
            let operand = tensor(values, shape, dtype);
            if tracked { operand.require_grad() } else { operand }
        }
        fn differentiate<const D: usize, const W: usize, const E: usize>(
            kernel: Tensor<D>,
            g: &[f64],
            weights: [Tensor<W>; 2],
            eigenvalues: [Tensor<E>; 2],
        ) -> [Option<Vec<f64>>; 5] {
            let grads = (kernel.clone() * tensor(g, kernel.dims(), kernel.dtype())).sum().backward();
            let ([w_re, w_im], [e_re, e_im]) =
                (weights.map(|w| w.grad(&grads).map(read)), eigenvalues.map(|e| e.grad(&grads).map(read)));
            [Some(read(kernel)), w_re, w_im, e_re, e_im]
        }
        let part = |at: usize| (&operands[at][..], tracked[at]);
        match self {
            Self::Diagonal(rule, shape, length) => {
                let operand = |at| operand(part(at).0, shape, dtype, part(at).1);
                let (c, x) = ([operand(0), operand(1)], [operand(2), operand(3)]);
                differentiate(diagonal_kernel(c.clone(), x.clone(), rule, length), g, c, x)
            }
            Self::LowRank([outputs, rows, states], length) => {
                let products = [2, outputs + 1, rows, states];
                let v = [0, 1].map(|at| operand(part(at).0, products, dtype, part(at).1));
                let a = [2, 3].map(|at| operand(part(at).0, [rows, states], dtype, part(at).1));
                differentiate(low_rank_kernel(v.clone(), a.clone(), length), g, v, a)
            }
        }
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (sizes, length) in [([1, 1], 1), ([2, 3], 2), ([3, 2], 7), ([2, 5], 64), ([5, 4], 101)] {
        cases.extend(RULES.map(|rule| Case::Diagonal(rule, sizes, length)));
    }
    for (sizes, length) in [([1, 1, 1], 1), ([1, 2, 3], 2), ([2, 3, 2], 7), ([1, 5, 4], 64), ([3, 2, 3], 45)] {
        cases.push(Case::LowRank(sizes, length));
    }
    cases
}

#[test]
fn kernels_and_their_gradients() {
    for case in cases() {
        let (operands, g) = (case.operands(), values(case.size(), 9));
        let double = case.fused(&operands, &g, DType::F64, [true; 4]).map(Option::unwrap);
        assert_close(&double[0], &case.plain(&operands), 1e-10, &format!("{case:?}"));
        for (which, grad) in double[1..].iter().enumerate() {
            let scale = grad.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            for at in [0, grad.len() / 3, grad.len() / 2, grad.len() - 1] {
                let loss = |offset: f64| {
                    let mut moved = operands.clone();
                    moved[which][at] += offset;
                    case.plain(&moved).iter().zip(&g).map(|(y, g)| y * g).sum::<f64>()
                };
                // The fourth order keeps the truncation below the rounding.
                let step = 1e-5;
                let slope = (8.0 * (loss(step) - loss(-step)) - (loss(2.0 * step) - loss(-2.0 * step))) / (12.0 * step);
                let error = (slope - grad[at]).abs();
                assert!(error < 1e-6 * (scale + slope.abs() + 1e-3), "{case:?} operand {which}[{at}]: {slope}");
            }
        }
        let single = case.fused(&operands, &g, DType::F32, [true; 4]).map(Option::unwrap);
        for (single, double) in single.iter().zip(&double) {
            // The operands themselves are rounded, and a state may be close to resonance.
            assert_close(single, double, 1e-3, &format!("{case:?} in f32"));
        }
    }
}

#[test]
fn operands_without_gradient_do_not_disturb_the_others() {
    for case in [Case::Diagonal(StepRule::Bilinear, [2, 3], 9), Case::LowRank([2, 2, 3], 9)] {
        let (operands, g) = (case.operands(), values(case.size(), 9));
        let all = case.fused(&operands, &g, DType::F64, [true; 4]);
        for tracked in [[true, false, false, false], [false, true, false, true], [false, false, true, false]] {
            let found = case.fused(&operands, &g, DType::F64, tracked);
            for (which, tracked) in tracked.into_iter().enumerate() {
                let expected = tracked.then(|| all[which + 1].clone().unwrap());
                assert_eq!(found[which + 1], expected, "{case:?} operand {which}");
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for case in [Case::Diagonal(StepRule::Zoh, [17, 6], 301), Case::LowRank([2, 17, 6], 301)] {
        let (operands, g) = (case.operands(), values(case.size(), 9));
        let with_threads = |n: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| case.fused(&operands, &g, DType::F32, [true; 4]))
        };
        let one = with_threads(1);
        for threads in [2, 3] {
            assert_eq!(with_threads(threads), one, "{case:?}, {threads} threads");
        }
    }
}

#[test]
fn phases_stay_exact_over_sixteen_thousand_samples() {
    // Undamped states: nothing fades that could hide an error of the phase. Operands are exact in f32.
    let (states, length) = (8, 16_384);
    let round = |values: Vec<f64>| values.iter().map(|&v| f64::from(v as f32)).collect::<Vec<f64>>();
    let operands = [
        round(values(states, 1)),
        round(values(states, 2)),
        vec![-1.0 / 1_048_576.0; states],
        round(values(states, 4).iter().map(|v| 10.0 * v).collect()),
    ];
    for rule in RULES {
        let case = Case::Diagonal(rule, [1, states], length);
        let found = case.fused(&operands, &vec![1.0; length], DType::F32, [false, false, false, true]);
        // Powers of complex numbers lose digits with the exponent: a few units of 2⁻⁵² per sample.
        assert_close(found[0].as_ref().unwrap(), &case.plain(&operands), 1e-6, &format!("{rule:?}"));
    }
}

#[test]
fn kernels_of_nothing() {
    let none = || tensor::<2>(&[], [0, 3], DType::F32);
    assert_eq!(diagonal_kernel([none(), none()], [none(), none()], StepRule::Zoh, 5).dims(), [0, 5]);
    let one = |n| tensor::<2>(&vec![0.5; n], [n, 1], DType::F32);
    assert_eq!(diagonal_kernel([one(2), one(2)], [one(2), one(2)], StepRule::Zoh, 0).dims(), [2, 0]);
    let products = || tensor::<4>(&[0.5; 4], [2, 2, 1, 1], DType::F32);
    assert_eq!(low_rank_kernel([products(), products()], [one(1), one(1)], 0).dims(), [1, 1, 0]);
}

#[test]
fn diagonal_forms_are_equivalent_to_hippo() {
    for measure in [HippoMeasure::Legs, HippoMeasure::Fout] {
        for n in [2, 4, 8] {
            let (dense, model) = (transition(measure, n), nplr(measure, n));
            assert!(model.w.windows(2).all(|pair| pair[0].im < pair[1].im), "{measure:?} {n}: not ascending");
            assert!(model.w.iter().all(|w| w.im <= 0.0), "{measure:?} {n}");
            // B is a multiple of P, with imaginary parts clipped to ±2.
            let factor = if measure == HippoMeasure::Legs { 2.0_f64.sqrt() } else { 1.0 };
            for (b, p) in model.b.iter().zip(&model.p) {
                let expected = C64::new(factor * p.re, (factor * p.im).clamp(-2.0, 2.0));
                assert!((b - expected).norm() < 1e-12, "{measure:?} {n}: {b} instead of {expected}");
            }
            // Products of P with powers of the state matrix are the same in every basis.
            let w = DMatrix::from_diagonal(&DVector::from_vec(conjugates(&model.w)));
            let p = DVector::from_vec(conjugates(&model.p));
            let a = w - &p * p.adjoint();
            let start = dense.b.map(|b| b / factor);
            let (mut theirs, mut ours) = (start.clone(), p.clone());
            for power in 0..4 {
                let (expected, found) = (start.dot(&theirs), p.dotc(&ours));
                let error = (found - expected).norm();
                assert!(
                    error < 1e-9 * (1.0 + expected.abs()),
                    "{measure:?} {n} power {power}: {found}, not {expected}"
                );
                (theirs, ours) = (&dense.a * theirs, &a * ours);
            }
        }
    }
}

/// Half of the states and their conjugates.
fn conjugates(half: &[C64]) -> Vec<C64> {
    half.iter().copied().chain(half.iter().map(C64::conj)).collect()
}

#[test]
fn diagonal_starts() {
    let lin = diagonal(DiagonalInit::Lin, 4);
    assert_eq!(lin.a, [C64::new(-0.5, 0.0), C64::new(-0.5, -PI)]);
    let inv = diagonal(DiagonalInit::Inv, 4);
    assert_eq!(inv.a, [C64::new(-0.5, -12.0 / PI), C64::new(-0.5, -4.0 / PI * (4.0 / 3.0 - 1.0))]);
    let legs = diagonal(DiagonalInit::Legs, 4);
    let low_rank = nplr(HippoMeasure::Legs, 4);
    assert_eq!(legs.b, low_rank.b);
    for (a, w) in legs.a.iter().zip(&low_rank.w) {
        assert!((a - w).norm() < 1e-12, "{a} {w}");
    }
}

/// Two complex numbers per state, `[…, 2]`.
fn pairs<const D: usize>(tensor: Tensor<D>) -> Vec<C64> {
    read(tensor).as_chunks().0.iter().map(|&[re, im]| C64::new(re, im)).collect()
}

fn kernel_spec(matrix: StateMatrix, l_max: usize) -> S4KernelSpec {
    S4KernelSpec { d_model: 6, d_state: 8, channels: 2, n_ssm: 2, matrix, dt_min: 0.01, dt_max: 0.2, l_max }
}

#[test]
fn kernels_of_s4_are_the_responses_of_their_recurrences() {
    let matrices = [HippoMeasure::Legs, HippoMeasure::Fout].map(StateMatrix::LowRank).into_iter().chain(
        [Discretisation::Zoh, Discretisation::Bilinear].map(|disc| StateMatrix::Diagonal(DiagonalInit::Inv, disc)),
    );
    for matrix in matrices {
        for (l_max, length) in [(16, 16), (33, 33), (16, 10), (16, 50)] {
            let spec = kernel_spec(matrix, l_max);
            let (h, n, s) = (spec.d_model, spec.d_state / 2, spec.n_ssm);
            let device = Device::flex().autodiff();
            // A diagonal matrix makes the same draws, and keeps C as it is.
            let plain = StateMatrix::Diagonal(DiagonalInit::Lin, Discretisation::Zoh);
            let kernel = S4Kernel::new(&spec, &mut Init::new(5, &device));
            let c = pairs(
                S4Kernel::new(&S4KernelSpec { matrix: plain, ..spec.clone() }, &mut Init::new(5, &device)).c.val(),
            );
            let (dt, b) = (read(kernel.inv_dt.val().exp()), pairs(kernel.b.val()));
            let a = complex([&read(kernel.a_real.val().exp().neg()), &read(kernel.a_imag.val().neg())]);
            let p = kernel.p.as_ref().map(|p| pairs(p.val()));
            let mut expected = Vec::new();
            for channel in 0..2 {
                for (i, &dt) in dt.iter().enumerate() {
                    let own = (i % s) * n..(i % s + 1) * n;
                    let mut state = DMatrix::from_diagonal(&DVector::from_vec(conjugates(&a[own.clone()])));
                    if let Some(p) = &p {
                        let p = DVector::from_vec(conjugates(&p[own.clone()]));
                        state -= &p * p.adjoint();
                    }
                    let b = DVector::from_vec(conjugates(&b[own]));
                    let (step, input) = discrete(&state, &b, dt, matrix);
                    let c = DVector::from_vec(conjugates(&c[(channel * h + i) * n..][..n]));
                    let mut response = input;
                    for _ in 0..length {
                        expected.push(c.dot(&response).re);
                        response = &step * response;
                    }
                }
            }
            let found = kernel.sample(length, 1.0);
            assert_eq!(found.dims(), [2, h, length]);
            assert_close(&read(found), &expected, 2e-5, &format!("{matrix:?}, {length} of {l_max}"));
        }
    }
}

/// State matrix and input vector per sample.
fn discrete(a: &DMatrix<C64>, b: &DVector<C64>, dt: f64, matrix: StateMatrix) -> (DMatrix<C64>, DVector<C64>) {
    let identity = DMatrix::<C64>::identity(a.nrows(), a.nrows());
    let a = a.map(|value| value * dt);
    if matches!(matrix, StateMatrix::Diagonal(_, Discretisation::Zoh)) {
        let step = DMatrix::from_diagonal(&a.diagonal().map(C64::exp));
        let input = DVector::from_fn(b.len(), |i, _| b[i] * dt * (a[(i, i)].exp() - 1.0) / a[(i, i)]);
        return (step, input);
    }
    let half = a.map(|value| value / 2.0);
    let backward = (&identity - &half).try_inverse().unwrap();
    (&backward * (&identity + half), &backward * b.map(|value| value * dt))
}

#[test]
fn gradients_pass_a_lengthened_kernel() {
    let spec = kernel_spec(StateMatrix::LowRank(HippoMeasure::Legs), 8);
    let kernel = S4Kernel::new(&spec, &mut Init::new(1, &Device::flex().autodiff()));
    let (values, length) = kernel.truncated(8, 20);
    assert_eq!((length, kernel.l_kernel()), (32, 8));
    let gradient = |kernel: &S4Kernel| {
        let grads = kernel.sample(20, 1.0).square().sum().backward();
        read(kernel.c.val().grad(&grads).unwrap())
    };
    let longer = S4Kernel::new(&S4KernelSpec { l_max: 32, ..spec }, &mut Init::new(1, &Device::flex().autodiff()));
    assert_close(
        &values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(),
        &read(longer.c.val()),
        1e-5,
        "C for 32 samples",
    );
    assert_close(&gradient(&kernel), &gradient(&longer), 1e-5, "gradient by C for 32 samples");
}

#[test]
fn blocks_convolve_to_both_sides() {
    for (bidirectional, l_max, length) in [(false, 12, 12), (true, 12, 12), (true, 13, 13), (true, 7, 12)] {
        let kernel = kernel_spec(StateMatrix::LowRank(HippoMeasure::Legs), l_max);
        let spec = S4BlockSpec { kernel, length, bidirectional, dropout: 0.0 };
        let block = S4Block::new(&spec, &mut Init::new(3, &Device::flex().autodiff()));
        let x = values(2 * 6 * length, 4);
        let taps = length.min(l_max);
        let (kernels, skip) = (read(block.layer.kernel.sample(taps, 1.0)), read(block.layer.d.val()));
        let mut y = vec![0.0; 2 * 12 * length];
        for (at, y) in y.iter_mut().enumerate() {
            let (sample, channel, h, t) = (at / length / 12, at / length / 6 % 2, at / length % 6, at % length);
            let x = &x[(sample * 6 + h) * length..][..length];
            let of = |side: usize| &kernels[((side * 2 + channel) * 6 + h) * taps..][..taps];
            *y = skip[channel * 6 + h] * x[t];
            *y += (0..taps.min(t + 1)).map(|m| of(0)[m] * x[t - m]).sum::<f64>();
            if bidirectional {
                *y += (0..taps.min(length - 1 - t)).map(|m| of(1)[m] * x[t + m + 1]).sum::<f64>();
            }
        }
        let y = tensor(&y, [2, 12, length], DType::F32);
        let expected = glu(block.output_linear.forward(gelu(y), Precision::Float32));
        let x = tensor(&x, [2, 6, length], DType::F32);
        let found = block.forward_at(x, 1.0, "block", &mut Forward::training(0, 0));
        assert_close(
            &read(found),
            &read(expected),
            1e-5,
            &format!("bidirectional {bidirectional}, {length} of {l_max}"),
        );
    }
}

#[test]
fn layers_at_twice_the_sampling_rate_see_the_same_signal() {
    // A slow signal, sampled at two rates: the outputs agree up to the error of the discretisation.
    let signal = |length: usize| {
        let values: Vec<f64> = (0..length).map(|t| (2.0 * PI * (t as f64 + 0.5) / length as f64).sin()).collect();
        tensor(&values.repeat(4), [1, 4, length], DType::F32)
    };
    let mut init = Init::new(2, &Device::flex().autodiff());
    let s4d = S4d::new(
        &S4dSpec {
            d_model: 4,
            d_state: 4,
            init: DiagonalInit::Lin,
            disc: Discretisation::Zoh,
            dt_min: 0.001,
            dt_max: 0.01,
            length: 256,
            dropout: 0.0,
        },
        &mut init,
    );
    let kernel = S4KernelSpec {
        d_model: 4,
        d_state: 4,
        channels: 1,
        n_ssm: 4,
        matrix: StateMatrix::LowRank(HippoMeasure::Legs),
        dt_min: 0.001,
        dt_max: 0.01,
        l_max: 256,
    };
    let s4 = S4Block::new(&S4BlockSpec { kernel, length: 256, bidirectional: true, dropout: 0.0 }, &mut init);
    let both: [&dyn Fn(usize) -> Tensor<3>; 2] =
        [&|length| s4d.forward(signal(length), "layer", &mut Forward::evaluation()), &|length| {
            s4.forward(signal(length), "layer", &mut Forward::evaluation())
        }];
    for (which, layer) in both.into_iter().enumerate() {
        let fine = read(layer(512).reshape([4, 256, 2]).mean_dim(2));
        assert_close(&fine, &read(layer(256)), 0.03, &format!("layer {which}"));
    }
}

#[test]
fn a_linear_recurrent_unit_is_its_recurrence() {
    lru_against_its_recurrence(false);
}

/// In both directions it is the sum of two recurrences, of which one begins at the end.
#[test]
fn a_linear_recurrent_unit_in_both_directions_is_two_recurrences() {
    lru_against_its_recurrence(true);
}

fn lru_against_its_recurrence(bidirectional: bool) {
    let (h, n, length) = (3, 5, 40);
    let spec = LruSpec {
        d_model: h,
        d_state: n,
        r_min: 0.4,
        r_max: 0.99,
        max_phase: 2.0 * PI,
        bidirectional,
        conventions: Conventions::Torch,
        dropout: 0.0,
    };
    let lru = Lru::new(&spec, &mut Init::new(8, &Device::flex().autodiff()));
    let lambda: Vec<C64> = read(lru.nu_log.val())
        .iter()
        .zip(read(lru.theta_log.val()))
        .map(|(nu, theta)| C64::new(-nu.exp(), theta.exp()).exp())
        .collect();
    assert!(lambda.iter().all(|l| (0.4..0.99).contains(&l.norm())), "{lambda:?}");
    let gamma = read(lru.gamma_log.val().exp());
    for (gamma, lambda) in gamma.iter().zip(&lambda) {
        assert!((gamma - (1.0 - lambda.norm_sqr()).sqrt()).abs() < 1e-5);
    }
    let b = complex([&read(lru.b_re.val()), &read(lru.b_im.val())]);
    let c = complex([&read(lru.c_re.val()), &read(lru.c_im.val())]);
    let backwards = lru.c_re_back.as_ref().zip(lru.c_im_back.as_ref());
    let backwards = backwards.map(|(re, im)| complex([&read(re.val()), &read(im.val())]));
    assert_eq!(backwards.is_some(), bidirectional);
    let d = read(lru.d.val());
    let u = values(2 * h * length, 6);
    let mut expected = vec![0.0; u.len()];
    for sample in 0..2 {
        let at = |channel: usize, t: usize| (sample * h + channel) * length + t;
        let mut run = |steps: &mut dyn Iterator<Item = usize>, c: &[C64]| {
            let mut state = vec![C64::default(); n];
            for t in steps {
                for (i, s) in state.iter_mut().enumerate() {
                    let input: C64 = (0..h).map(|channel| b[i * h + channel] * u[at(channel, t)]).sum();
                    *s = lambda[i] * *s + gamma[i] * input;
                }
                for channel in 0..h {
                    let output: C64 = state.iter().enumerate().map(|(i, s)| c[channel * n + i] * s).sum();
                    expected[at(channel, t)] += output.re;
                }
            }
        };
        run(&mut (0..length), &c);
        if let Some(c) = &backwards {
            run(&mut (0..length).rev(), c);
        }
        for (channel, t) in (0..h * length).map(|place| (place / length, place % length)) {
            expected[at(channel, t)] += d[channel] * u[at(channel, t)];
        }
    }
    let found = lru.recur(tensor(&u, [2, h, length], DType::F32), 1.0, Precision::Float32);
    assert_close(&read(found), &expected, 1e-5, "linear recurrent unit");
}
