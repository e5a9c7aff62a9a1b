//! Sums of resolvents over the states at the roots of unity, and the transform back.
//!
//! Multiplied by `2 / (1 + ω)`, a resolvent `1 / (z − a)` becomes `1 / (p − a q)` with `p = 1 − ω` and `q = (1 + ω) / 2`,
//! which stays finite at ω = −1. A pair of conjugate states contributes `v_re · A + v_im · B`, where
//! `A = R + R'`, `B = i (R − R')`, and R and R' are the resolvents of a and ā.

use std::f64::consts::PI;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rayon::prelude::*;
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::cpu::simd::level::{Loop, dispatch};
use crate::cpu::simd::real::Real;

type Complex64 = Complex<f64>;

/// Bins per block.
const BLOCK: usize = 256;

/// Real and imaginary parts of a spectrum.
type Spectrum = [Vec<f64>; 2];

/// A model of rank one; see [`super::low_rank_kernel`].
pub(super) struct LowRank<'a> {
    outputs: usize,
    rows: usize,
    states: usize,
    length: usize,
    /// Real and imaginary parts of the products `[2, outputs + 1, rows, states]`, then of the eigenvalues
    /// `[rows, states]`.
    operands: &'a [Vec<f64>; 4],
    p: Spectrum,
    q: Spectrum,
}

/// Sums of resolvents of one row, one spectrum per product.
struct Sums(Vec<Spectrum>);

impl Sums {
    fn at(&self, product: usize, k: usize) -> Complex64 {
        Complex64::new(self.0[product][0][k], self.0[product][1][k])
    }
}

impl<'a> LowRank<'a> {
    pub(super) fn new([outputs, rows, states]: [usize; 3], length: usize, operands: &'a [Vec<f64>; 4]) -> Self {
        let angles = (0..=length / 2).map(|k| PI * k as f64 / length as f64);
        let (mut p, mut q) = (Spectrum::default(), Spectrum::default());
        for angle in angles {
            let (s, c) = angle.sin_cos();
            p[0].push(2.0 * s * s);
            p[1].push(2.0 * s * c);
            q[0].push(c * c);
            q[1].push(-c * s);
        }
        Self { outputs, rows, states, length, operands, p, q }
    }

    fn bins(&self) -> usize {
        self.p[0].len()
    }

    fn zeros(&self) -> Spectrum {
        [vec![0.0; self.bins()], vec![0.0; self.bins()]]
    }

    /// Products of B and P with the outputs and P̄.
    fn products(&self) -> usize {
        2 * (self.outputs + 1)
    }

    /// B with P̄, P with the first output, and P with P̄; the outputs of B come first.
    fn places(&self) -> [usize; 3] {
        [self.outputs, self.outputs + 1, 2 * self.outputs + 1]
    }

    fn product(&self, product: usize, row: usize, state: usize) -> [f64; 2] {
        let at = (product * self.rows + row) * self.states + state;
        [self.operands[0][at], self.operands[1][at]]
    }

    fn eigenvalue(&self, row: usize, state: usize) -> [f64; 2] {
        let at = row * self.states + state;
        [self.operands[2][at], self.operands[3][at]]
    }

    /// Bins by blocks that stay in the nearest cache.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let bins = self.bins();
        (0..bins).step_by(BLOCK).map(move |start| start..bins.min(start + BLOCK))
    }

    /// Fills in the spectra of a pair within a block of bins, with their slopes where wanted.
    fn resolve(&self, row: usize, state: usize, bins: &Range<usize>, slopes: bool, parts: &mut Parts) {
        let [p, q] = [&self.p, &self.q].map(|spectrum| block(spectrum, bins));
        dispatch(Resolve { p, q, a: self.eigenvalue(row, state), slopes, parts });
    }

    fn sums(&self, row: usize) -> Sums {
        let mut sums = vec![self.zeros(); self.products()];
        let mut parts = empty_parts();
        for bins in self.blocks() {
            for state in 0..self.states {
                self.resolve(row, state, &bins, false, &mut parts);
                for (product, sum) in sums.iter_mut().enumerate() {
                    let [v_re, v_im] = self.product(product, row, state);
                    for (part, out) in sum.iter_mut().enumerate() {
                        let out = &mut out[bins.clone()];
                        dispatch(Add { out, a: (v_re, &parts[0][part]), b: (v_im, &parts[1][part]) });
                    }
                }
            }
        }
        Sums(sums)
    }

    /// `q r₀ₚ / (1 + q r₁ₚ)` and `q / (1 + q r₁ₚ)` in bin k.
    fn correction(&self, sums: &Sums, k: usize) -> (Complex64, Complex64) {
        let [b_p, _, p_p] = self.places();
        let q = Complex64::new(self.q[0][k], self.q[1][k]);
        let gain = q / (1.0 + q * sums.at(p_p, k));
        (gain * sums.at(b_p, k), gain)
    }

    /// The kernel, `[outputs, rows, length]`.
    pub(super) fn forward(&self) -> Vec<f64> {
        let plans = Plans::of(self.length);
        let by_row: Vec<Vec<f64>> = (0..self.rows)
            .into_par_iter()
            .map_init(
                || Transform::new(&plans),
                |transform, row| {
                    let sums = self.sums(row);
                    let first = self.places()[1];
                    let mut kernels = vec![0.0; self.outputs * self.length];
                    for (output, kernel) in kernels.chunks_exact_mut(self.length).enumerate() {
                        transform.inverse(kernel, |k| {
                            let (correction, _) = self.correction(&sums, k);
                            sums.at(output, k) - correction * sums.at(first + output, k)
                        });
                    }
                    kernels
                },
            )
            .collect();
        let output_of = |row: &'_ [f64], output: usize| row[output * self.length..][..self.length].to_vec();
        (0..self.outputs).flat_map(|output| by_row.iter().flat_map(move |row| output_of(row, output))).collect()
    }

    /// Gradients of the four operands from that of the kernel.
    pub(super) fn backward(&self, g: &[f64]) -> [Vec<f64>; 4] {
        let plans = Plans::of(self.length);
        let by_row: Vec<[Vec<f64>; 4]> = (0..self.rows)
            .into_par_iter()
            .map_init(|| Transform::new(&plans), |transform, row| self.row_gradients(row, g, transform))
            .collect();
        let products = |part: usize| {
            let n = self.states;
            let row_of = move |row: &[Vec<f64>; 4], product: usize| row[part][product * n..][..n].to_vec();
            let of = |product: usize| by_row.iter().flat_map(move |row| row_of(row, product));
            (0..self.products()).flat_map(of).collect::<Vec<f64>>()
        };
        let eigenvalues = |part: usize| by_row.iter().flat_map(|row| row[part].iter().copied()).collect::<Vec<f64>>();
        [products(0), products(1), eigenvalues(2), eigenvalues(3)]
    }

    /// Gradients of one row: products `[products, states]`, eigenvalues `[states]`.
    fn row_gradients(&self, row: usize, g: &[f64], transform: &mut Transform<'_>) -> [Vec<f64>; 4] {
        let gammas = self.sum_gradients(row, g, transform);
        let n = self.states;
        let (mut dv_re, mut dv_im) = (vec![0.0; self.products() * n], vec![0.0; self.products() * n]);
        let (mut da_re, mut da_im) = (vec![0.0; n], vec![0.0; n]);
        let mut parts = empty_parts();
        for bins in self.blocks() {
            for state in 0..n {
                self.resolve(row, state, &bins, true, &mut parts);
                for (product, gamma) in gammas.iter().enumerate() {
                    let [v_re, v_im] = self.product(product, row, state);
                    let mut found = [0.0; 4];
                    dispatch(Project { gamma: block(gamma, &bins), parts: &parts, found: &mut found });
                    let [by_re, by_im, slope_re, slope_im] = found;
                    dv_re[product * n + state] += by_re;
                    dv_im[product * n + state] += by_im;
                    da_re[state] += v_re * slope_re + v_im * slope_im;
                    da_im[state] += v_re * slope_im - v_im * slope_re;
                }
            }
        }
        [dv_re, dv_im, da_re, da_im]
    }

    /// For every product a spectrum Γ such that the loss changes by `Re Σ Γ dr` with its sum of resolvents r.
    fn sum_gradients(&self, row: usize, g: &[f64], transform: &mut Transform<'_>) -> Vec<Spectrum> {
        let sums = self.sums(row);
        let [b_p, first, p_p] = self.places();
        let mut gammas = vec![self.zeros(); self.products()];
        let mut set = |product: usize, k: usize, value: Complex64| {
            gammas[product][0][k] += value.re;
            gammas[product][1][k] += value.im;
        };
        for output in 0..self.outputs {
            let g = &g[(output * self.rows + row) * self.length..][..self.length];
            for (k, gamma) in transform.forward(g).iter().enumerate() {
                let (correction, gain) = self.correction(&sums, k);
                let by_low_rank = -gain * sums.at(first + output, k) * gamma;
                set(output, k, *gamma);
                set(first + output, k, -correction * gamma);
                set(b_p, k, by_low_rank);
                set(p_p, k, -correction * by_low_rank);
            }
        }
        gammas
    }
}

/// Real and imaginary parts of spectra of one pair of conjugate states within a block: `R + R'`, `i (R − R')`, and where
/// wanted `q (R² + R'²)` and `i q (R² − R'²)`. The derivatives of the first two by the real part of the eigenvalue are the
/// other two; those by the imaginary part are the fourth, and the third with its sign changed.
type Parts = [[[f64; BLOCK]; 2]; 4];

fn empty_parts() -> Box<Parts> {
    Box::new([[[0.0; BLOCK]; 2]; 4])
}

/// The bins `bins` of a spectrum.
fn block<'a>(spectrum: &'a Spectrum, bins: &Range<usize>) -> [&'a [f64]; 2] {
    spectrum.each_ref().map(|part| &part[bins.clone()])
}

/// Fills in the parts of the pair with eigenvalue a.
struct Resolve<'a> {
    p: [&'a [f64]; 2],
    q: [&'a [f64]; 2],
    a: [f64; 2],
    slopes: bool,
    parts: &'a mut Parts,
}

impl Loop for Resolve<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let Self { p: [p_re, p_im], q: [q_re, q_im], a: [a_re, a_im], slopes, parts } = self;
        let bins = p_re.len().min(BLOCK);
        let (p_re, p_im, q_re, q_im) = (&p_re[..bins], &p_im[..bins], &q_re[..bins], &q_im[..bins]);
        let [[sum_re, sum_im], [difference_re, difference_im], [slope_re, slope_im], [turned_re, turned_im]] = parts;
        let resolvent = |k: usize, a_im: f64| {
            let re = (-a_re).fma::<LEVEL>(q_re[k], a_im.fma::<LEVEL>(q_im[k], p_re[k]));
            let im = (-a_re).fma::<LEVEL>(q_im[k], (-a_im).fma::<LEVEL>(q_re[k], p_im[k]));
            let scale = 1.0 / re.fma::<LEVEL>(re, im * im);
            (re * scale, -im * scale)
        };
        for k in 0..bins {
            let ((re, im), (other_re, other_im)) = (resolvent(k, a_im), resolvent(k, -a_im));
            (sum_re[k], sum_im[k]) = (re + other_re, im + other_im);
            (difference_re[k], difference_im[k]) = (other_im - im, re - other_re);
        }
        if !slopes {
            return;
        }
        for k in 0..bins {
            // R² + R'² and R² − R'² from R + R' and R − R'.
            let (plus_re, plus_im) = (sum_re[k], sum_im[k]);
            let (minus_re, minus_im) = (difference_im[k], -difference_re[k]);
            let squares_re = 0.5 * (plus_re * plus_re - plus_im * plus_im + minus_re * minus_re - minus_im * minus_im);
            let squares_im = plus_re * plus_im + minus_re * minus_im;
            let product_re = plus_re * minus_re - plus_im * minus_im;
            let product_im = plus_re * minus_im + plus_im * minus_re;
            slope_re[k] = q_re[k] * squares_re - q_im[k] * squares_im;
            slope_im[k] = q_re[k] * squares_im + q_im[k] * squares_re;
            turned_re[k] = -(q_re[k] * product_im + q_im[k] * product_re);
            turned_im[k] = q_re[k] * product_re - q_im[k] * product_im;
        }
    }
}

/// `Re Σ Γ part` for each of the parts.
struct Project<'a> {
    gamma: [&'a [f64]; 2],
    parts: &'a Parts,
    found: &'a mut [f64; 4],
}

impl Loop for Project<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        const LANES: usize = 16;
        let [re, im] = self.gamma;
        for (part, found) in self.parts.iter().zip(self.found) {
            let mut lanes = [0.0; LANES];
            let ((re, re_rest), (im, im_rest)) = (re.as_chunks::<LANES>(), im.as_chunks::<LANES>());
            let (part_re, part_im) = (part[0].as_chunks::<LANES>().0, part[1].as_chunks::<LANES>().0);
            for (((re, im), part_re), part_im) in re.iter().zip(im).zip(part_re).zip(part_im) {
                for lane in 0..LANES {
                    let sum = re[lane].fma::<LEVEL>(part_re[lane], lanes[lane]);
                    lanes[lane] = (-im[lane]).fma::<LEVEL>(part_im[lane], sum);
                }
            }
            let done = re.len() * LANES;
            let rest = re_rest.iter().zip(im_rest).zip(part[0][done..].iter().zip(&part[1][done..]));
            *found = lanes.iter().sum::<f64>() + rest.map(|((re, im), (a, b))| re * a - im * b).sum::<f64>();
        }
    }
}

/// `out += a · a's values + b · b's values`
struct Add<'a> {
    out: &'a mut [f64],
    a: (f64, &'a [f64]),
    b: (f64, &'a [f64]),
}

impl Loop for Add<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        for ((out, &a), &b) in self.out.iter_mut().zip(self.a.1).zip(self.b.1) {
            *out = self.a.0.fma::<LEVEL>(a, self.b.0.fma::<LEVEL>(b, *out));
        }
    }
}

/// Transforms of one length. Lengths are those of kernels, so of any prime factors.
struct Plans {
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
}

impl Plans {
    /// Planned once per process.
    fn of(length: usize) -> Self {
        static PLANNER: LazyLock<Mutex<RealFftPlanner<f64>>> = LazyLock::new(|| Mutex::new(RealFftPlanner::new()));
        let mut planner = PLANNER.lock().unwrap_or_else(PoisonError::into_inner);
        Self { forward: planner.plan_fft_forward(length), inverse: planner.plan_fft_inverse(length) }
    }
}

/// Transforms of one length with their scratch.
struct Transform<'a> {
    plans: &'a Plans,
    signal: Vec<f64>,
    bins: Vec<Complex64>,
    scratch: Vec<Complex64>,
}

impl<'a> Transform<'a> {
    fn new(plans: &'a Plans) -> Self {
        let scratch = plans.forward.get_scratch_len().max(plans.inverse.get_scratch_len());
        Self {
            plans,
            signal: plans.inverse.make_output_vec(),
            bins: plans.inverse.make_input_vec(),
            scratch: vec![Complex64::default(); scratch],
        }
    }

    /// The real series whose spectrum is `bin`.
    fn inverse(&mut self, out: &mut [f64], bin: impl Fn(usize) -> Complex64) {
        let length = self.signal.len();
        for (k, value) in self.bins.iter_mut().enumerate() {
            *value = bin(k);
            if is_own_mirror(k, length) {
                value.im = 0.0;
            }
        }
        let done = self.plans.inverse.process_with_scratch(&mut self.bins, &mut self.signal, &mut self.scratch);
        debug_assert!(done.is_ok(), "buffers have the plan's sizes");
        for (out, value) in out.iter_mut().zip(&self.signal) {
            *out = value / length as f64;
        }
    }

    /// Γ such that [`inverse`](Self::inverse) changes `Σ g · series` by `Re Σ Γ dbin`.
    fn forward(&mut self, g: &[f64]) -> &[Complex64] {
        let length = self.signal.len();
        self.signal.copy_from_slice(g);
        let done = self.plans.forward.process_with_scratch(&mut self.signal, &mut self.bins, &mut self.scratch);
        debug_assert!(done.is_ok(), "buffers have the plan's sizes");
        for (k, bin) in self.bins.iter_mut().enumerate() {
            let weight = if is_own_mirror(k, length) { 1.0 } else { 2.0 } / length as f64;
            *bin = bin.conj() * weight;
        }
        &self.bins
    }
}

/// Whether bin k of a real series is real: the mean, and the highest frequency of an even length.
fn is_own_mirror(k: usize, length: usize) -> bool {
    k == 0 || 2 * k == length
}
