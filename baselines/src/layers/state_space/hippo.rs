//! State matrices that memorise their input (HiPPO, Gu et al. 2020, arXiv 2008.07669), as matrices of rank one plus a
//! diagonal one (S4, arXiv 2111.00396), and diagonal ones derived from them (S4D, arXiv 2206.11893).
//!
//! After `models/s4/s4.py` of `state-spaces/s4`: `transition`, `rank_correction`, `nplr` and `dplr`. Everything is in f64;
//! of each pair of conjugate states the one with negative imaginary eigenvalue is kept.

use std::f64::consts::PI;

use nalgebra::{Complex, DMatrix, DVector};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Eigenvalues of smaller magnitude count as zero.
const ZERO: f64 = 1e-4;
/// Components of eigenvectors of smaller magnitude count as zero.
const ABSENT: f64 = 1e-8;
/// Bound of the imaginary part of B.
const B_CLIP: f64 = 2.0;

/// The basis in which a state memorises the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HippoMeasure {
    /// Scaled Legendre polynomials: the whole past, exponentially warped (HiPPO-LegS).
    Legs,
    /// The truncated Fourier basis: a sliding window.
    Fout,
}

/// Where the eigenvalues of a diagonal model start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiagonalInit {
    /// `−½ + iπn` (S4D-Lin).
    Lin,
    /// `−½ + i (N/π) (N / (2n + 1) − 1)` (S4D-Inv).
    Inv,
    /// The diagonal part of HiPPO-LegS (S4D-LegS).
    Legs,
}

/// The state equation `s' = A s + B u`.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// A, `[states, states]`.
    pub a: DMatrix<f64>,
    /// B, `[states]`.
    pub b: DVector<f64>,
}

/// A [`Transition`] in normal-plus-low-rank form: `A = V (diag(w) − p p*) V*` and `B = V b` with unitary V.
///
/// Every vector has one state of each conjugate pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Nplr {
    /// Eigenvalues of the normal part, ascending in their imaginary parts, all of which are negative or zero.
    pub w: Vec<Complex<f64>>,
    /// Vector of the rank-one correction.
    pub p: Vec<Complex<f64>>,
    /// Input vector, with imaginary parts clipped to ±2.
    pub b: Vec<Complex<f64>>,
}

/// A diagonal state matrix and its input vector, with one state of each conjugate pair.
#[derive(Debug, Clone, PartialEq)]
pub struct DiagonalModel {
    /// Eigenvalues, with negative or zero imaginary parts.
    pub a: Vec<Complex<f64>>,
    /// Input vector.
    pub b: Vec<Complex<f64>>,
}

/// The state equation of `measure` with `n` states.
pub fn transition(measure: HippoMeasure, n: usize) -> Transition {
    match measure {
        HippoMeasure::Legs => {
            let root = |i: usize| (2.0 * i as f64 + 1.0).sqrt();
            let a = DMatrix::from_fn(n, n, |row, column| match row.cmp(&column) {
                std::cmp::Ordering::Less => 0.0,
                std::cmp::Ordering::Equal => -(row as f64 + 1.0),
                std::cmp::Ordering::Greater => -root(row) * root(column),
            });
            Transition { a, b: DVector::from_fn(n, |i, _| root(i)) }
        }
        HippoMeasure::Fout => {
            let b = correction(measure, n);
            let rotation = DMatrix::from_fn(n, n, |row, column| match (row, column) {
                (row, column) if row % 2 == 1 && column + 1 == row => PI * (column / 2) as f64,
                (row, column) if column % 2 == 1 && row + 1 == column => -PI * (row / 2) as f64,
                _ => 0.0,
            });
            Transition { a: rotation - &b * b.transpose(), b }
        }
    }
}

/// The vector P for which `A + P Pᵀ` is normal.
fn correction(measure: HippoMeasure, n: usize) -> DVector<f64> {
    DVector::from_fn(n, |i, _| match (measure, i) {
        (HippoMeasure::Legs, i) => (0.5 + i as f64).sqrt(),
        (HippoMeasure::Fout, 0) => 1.0,
        (HippoMeasure::Fout, i) if i % 2 == 0 => std::f64::consts::SQRT_2,
        (HippoMeasure::Fout, _) => 0.0,
    })
}

/// The state equation of `measure` with `n` states, `n / 2` of them returned, as a diagonal plus a rank-one matrix.
///
/// The phase of an eigenvector, which is arbitrary, makes its first component positive.
pub fn nplr(measure: HippoMeasure, n: usize) -> Nplr {
    let Transition { a, b } = transition(measure, n);
    let p = correction(measure, n);
    let normal = a + &p * p.transpose();
    let real = normal.trace() / n.max(1) as f64;
    // The rest is skew-symmetric, so that −i times it is Hermitian.
    let hermitian = normal.map(|value| Complex::new(0.0, -value));
    let eigen = (hermitian.clone() + hermitian.adjoint()).unscale(2.0).symmetric_eigen();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| eigen.eigenvalues[i].total_cmp(&eigen.eigenvalues[j]));
    let mut found = Nplr { w: Vec::new(), p: Vec::new(), b: Vec::new() };
    for &i in &order[..n / 2] {
        let mut w = Complex::new(real, eigen.eigenvalues[i]);
        let vector = if w.norm() < ZERO {
            // A pair of zeros in the first two states has no preferred basis; this one is a conjugate pair.
            w = Complex::new(real, 0.0);
            let half = std::f64::consts::FRAC_1_SQRT_2;
            DVector::from_fn(n, |row, _| match row {
                0 => Complex::new(half, 0.0),
                1 => Complex::new(0.0, half),
                _ => Complex::default(),
            })
        } else {
            let vector = eigen.eigenvectors.column(i).into_owned();
            let first = vector.iter().find(|value| value.norm() > ABSENT).copied().unwrap_or_default();
            let phase = if first.norm() > 0.0 { first.conj() / first.norm() } else { Complex::new(1.0, 0.0) };
            vector * phase
        };
        let of = |values: &DVector<f64>| vector.iter().zip(values.iter()).map(|(v, &x)| v.conj() * x).sum();
        let input: Complex<f64> = of(&b);
        found.w.push(w);
        found.p.push(of(&p));
        found.b.push(Complex::new(input.re, input.im.clamp(-B_CLIP, B_CLIP)));
    }
    found
}

/// A diagonal model of `n` states, `n / 2` of them returned.
pub fn diagonal(init: DiagonalInit, n: usize) -> DiagonalModel {
    let ones = || vec![Complex::new(1.0, 0.0); n / 2];
    let along = |imaginary: fn(f64, f64) -> f64| {
        (0..n / 2).map(|i| Complex::new(-0.5, -imaginary(i as f64, n as f64))).collect()
    };
    match init {
        DiagonalInit::Lin => DiagonalModel { a: along(|i, _| PI * i), b: ones() },
        DiagonalInit::Inv => DiagonalModel { a: along(|i, n| n / PI * (n / (2.0 * i + 1.0) - 1.0)), b: ones() },
        DiagonalInit::Legs => {
            let Nplr { w, b, .. } = nplr(HippoMeasure::Legs, n);
            DiagonalModel { a: w.into_iter().map(|w| Complex::new(-0.5, w.im)).collect(), b }
        }
    }
}
