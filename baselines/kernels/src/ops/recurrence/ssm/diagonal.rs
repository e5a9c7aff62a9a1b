//! Sums of powers of complex numbers over the states, block by block as matrix products.
//!
//! With `l = b · block + j`, `exp(lλ) = exp(b · block · λ) · exp(jλ)`: anchors by blocks times a table within a block, both
//! of about √length entries per state. Powers are taken in f64, so that a phase is exact to its last digits at any length.

use rayon::prelude::*;
use realfft::num_complex::Complex;

use super::rule::StepRule;
use crate::cpu::matmul::{Matrix, matmul};

type Complex64 = Complex<f64>;

/// Powers of smaller magnitude count as zero: they change no sum, and subnormal numbers are slow.
const NEGLIGIBLE: f64 = 1e-200;
/// Below this magnitude the factor of the zero-order hold is taken from its series.
const SMALL: f64 = 1e-3;

/// A diagonal model; see [`super::diagonal_kernel`].
pub(super) struct Diagonal<'a> {
    rule: StepRule,
    states: usize,
    length: usize,
    /// Samples per block.
    block: usize,
    /// Real and imaginary parts of c, then of x, each `[rows, states]`.
    operands: &'a [Vec<f64>; 4],
}

/// One state: c, x, and what follows from them.
struct State {
    c: Complex64,
    factor: Factor,
    /// `exp(λ)`
    multiplier: Complex64,
    /// `exp(block · λ)`
    stride: Complex64,
}

/// φ, λ and their derivatives by x.
struct Factor {
    phi: Complex64,
    phi_slope: Complex64,
    lambda: Complex64,
    lambda_slope: Complex64,
}

impl StepRule {
    fn factor(self, x: Complex64) -> Factor {
        let one = Complex64::new(1.0, 0.0);
        match self {
            Self::Zoh => {
                let (phi, phi_slope) = if x.norm() < SMALL {
                    (
                        one + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x / 120.0))),
                        0.5 + x * (1.0 / 3.0 + x * (0.125 + x * (1.0 / 30.0 + x / 144.0))),
                    )
                } else {
                    let phi = exp_minus_one(x) / x;
                    (phi, (x.exp() - phi) / x)
                };
                Factor { phi, phi_slope, lambda: x, lambda_slope: one }
            }
            Self::Bilinear => {
                let phi = (one - x / 2.0).inv();
                let lambda = (one + x / 2.0).ln() - (one - x / 2.0).ln();
                Factor { phi, phi_slope: phi * phi / 2.0, lambda, lambda_slope: (one - x * x / 4.0).inv() }
            }
            Self::Discrete => Factor { phi: one, phi_slope: Complex64::default(), lambda: x, lambda_slope: one },
        }
    }
}

/// `eˣ − 1`, without cancellation around zero.
fn exp_minus_one(x: Complex64) -> Complex64 {
    let half = (x.im / 2.0).sin();
    Complex64::new(x.re.exp_m1() * x.im.cos() - 2.0 * half * half, x.re.exp() * x.im.sin())
}

/// `1, m, m², …`
fn powers(m: Complex64) -> impl Iterator<Item = Complex64> {
    std::iter::successors(Some(Complex64::new(1.0, 0.0)), move |power| {
        let next = power * m;
        Some(if next.l1_norm() < NEGLIGIBLE { Complex64::default() } else { next })
    })
}

impl<'a> Diagonal<'a> {
    pub(super) fn new(rule: StepRule, states: usize, length: usize, operands: &'a [Vec<f64>; 4]) -> Self {
        let block = (length as f64).sqrt().ceil() as usize;
        Self { rule, states, length, block, operands }
    }

    fn blocks(&self) -> usize {
        self.length.div_ceil(self.block)
    }

    fn rows(&self) -> usize {
        self.operands[0].len() / self.states
    }

    fn states(&self, row: usize) -> impl Iterator<Item = State> {
        let at = row * self.states;
        (at..at + self.states).map(move |i| {
            let [c_re, c_im, x_re, x_im] = self.operands.each_ref().map(|values| values[i]);
            let factor = self.rule.factor(Complex64::new(x_re, x_im));
            State {
                c: Complex64::new(c_re, c_im),
                multiplier: factor.lambda.exp(),
                stride: (factor.lambda * self.block as f64).exp(),
                factor,
            }
        })
    }

    /// The kernel, `[rows, length]`.
    pub(super) fn forward(&self) -> Vec<f64> {
        let (n, block, blocks) = (self.states, self.block, self.blocks());
        let mut kernel = vec![0.0; self.rows() * self.length];
        let scratch = || (vec![0.0; blocks * 2 * n], vec![0.0; 2 * n * block], vec![0.0; blocks * block]);
        kernel.par_chunks_mut(self.length).enumerate().for_each_init(
            scratch,
            |(anchors, table, product), (row, out)| {
                for (i, state) in self.states(row).enumerate() {
                    let weight = 2.0 * state.c * state.factor.phi;
                    for (b, anchor) in powers(state.stride).take(blocks).enumerate() {
                        let anchor = weight * anchor;
                        anchors[b * 2 * n + i] = anchor.re;
                        anchors[b * 2 * n + n + i] = -anchor.im;
                    }
                    for (j, power) in powers(state.multiplier).take(block).enumerate() {
                        table[i * block + j] = power.re;
                        table[(n + i) * block + j] = power.im;
                    }
                }
                let sizes = [blocks, block, 2 * n];
                matmul(sizes, Matrix::rows(anchors, 2 * n), Matrix::rows(table, block), product, block, false);
                out.copy_from_slice(&product[..self.length]);
            },
        );
        kernel
    }

    /// Gradients of the four operands from that of the kernel, `[rows, length]`.
    pub(super) fn backward(&self, g: &[f64]) -> [Vec<f64>; 4] {
        let (n, block, blocks) = (self.states, self.block, self.blocks());
        let scratch =
            || (vec![0.0; blocks * block], vec![0.0; 4 * n * block], vec![0.0; blocks * 4 * n], vec![[0.0; 4]; n]);
        let rows: Vec<Vec<[f64; 4]>> = g
            .par_chunks(self.length)
            .enumerate()
            .map_init(scratch, |(padded, table, sums, found), (row, g)| {
                padded[..self.length].copy_from_slice(g);
                for (i, state) in self.states(row).enumerate() {
                    for (j, power) in powers(state.multiplier).take(block).enumerate() {
                        let at = |part: usize| (part * n + i) * block + j;
                        table[at(0)] = power.re;
                        table[at(1)] = power.im;
                        table[at(2)] = power.re * j as f64;
                        table[at(3)] = power.im * j as f64;
                    }
                }
                let table = Matrix::rows(table, block).transposed();
                matmul([blocks, 4 * n, block], Matrix::rows(padded, block), table, sums, 4 * n, false);
                for (i, state) in self.states(row).enumerate() {
                    found[i] = state.gradients(i, block, sums.chunks_exact(4 * n));
                }
                found.clone()
            })
            .collect();
        std::array::from_fn(|operand| rows.iter().flatten().map(|state| state[operand]).collect())
    }
}

impl State {
    /// Gradients of c and x, real and imaginary parts. `sums` has a row per block, `[4, states]`: the block's part of
    /// `Σ g exp(jλ)`, real and imaginary, and the same with a factor j.
    fn gradients<'s>(&self, i: usize, block: usize, sums: impl Iterator<Item = &'s [f64]>) -> [f64; 4] {
        // Σ g exp(lλ), and the same with a factor l.
        let (mut plain, mut scaled) = (Complex64::default(), Complex64::default());
        for ((b, sums), anchor) in sums.enumerate().zip(powers(self.stride)) {
            let n = sums.len() / 4;
            let within = Complex64::new(sums[i], sums[n + i]);
            plain += anchor * within;
            scaled += anchor * (within * (b * block) as f64 + Complex64::new(sums[2 * n + i], sums[3 * n + i]));
        }
        let Factor { phi, phi_slope, lambda_slope, .. } = self.factor;
        let dc = 2.0 * phi * plain;
        let dx = 2.0 * self.c * (phi_slope * plain + phi * lambda_slope * scaled);
        // The kernel is the real part of something holomorphic.
        [dc.re, -dc.im, dx.re, -dx.im]
    }
}
