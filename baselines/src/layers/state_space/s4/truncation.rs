//! The powers of the state matrix that turn C into C̃: `_setup_C` of the reference program.

use nalgebra::Complex;
use rayon::prelude::*;

/// The discrete state matrices `Ā = (2/Δ − A)⁻¹ (2/Δ + A)` with `A = diag(a) − P P*`, one of each conjugate pair of
/// states.
pub(super) struct Recurrence {
    /// States per channel.
    pub(super) states: usize,
    /// Steps Δ, `[d_model]`.
    pub(super) dt: Vec<f64>,
    /// Real and imaginary parts of the eigenvalues, `[n_ssm, states]`.
    pub(super) a: [Vec<f64>; 2],
    /// The low-rank part, `[n_ssm, states, 2]`.
    pub(super) p: Vec<f64>,
}

/// One state of a channel.
struct State {
    /// `1 / (2/Δ − a)`
    resolvent: Complex<f64>,
    p: Complex<f64>,
}

impl Recurrence {
    /// `C + sign · (Āᵀ)ⁿ C` for `c`, `[channels, d_model, states, 2]`. The product of Āᵀ and a vector costs no more than
    /// the vector is long, so that n of them are cheaper than one power of the matrix.
    pub(super) fn advance(&self, c: &[f64], n: usize, sign: f64) -> Vec<f64> {
        let mut out = c.to_vec();
        out.par_chunks_mut(2 * self.states).enumerate().for_each(|(row, c)| {
            let channel = row % self.dt.len();
            let moved = self.moved(channel, c, n);
            for (c, moved) in c.chunks_exact_mut(2).zip(moved) {
                c[0] += sign * moved.re;
                c[1] += sign * moved.im;
            }
        });
        out
    }

    /// `(Āᵀ)ⁿ c`, where `Āᵀ c = (4/Δ) y − c` and y solves `(2/Δ − diag(a) + P̄ Pᵀ) y = c`, by the formula of Sherman and
    /// Morrison.
    fn moved(&self, channel: usize, c: &[f64], n: usize) -> Vec<Complex<f64>> {
        let dt = self.dt[channel];
        let matrix = channel % (self.a[0].len() / self.states);
        let states: Vec<State> = (matrix * self.states..(matrix + 1) * self.states)
            .map(|i| State {
                resolvent: (2.0 / dt - Complex::new(self.a[0][i], self.a[1][i])).inv(),
                p: Complex::new(self.p[2 * i], self.p[2 * i + 1]),
            })
            .collect();
        // Conjugate states make every sum over all states real.
        let gain = 1.0 / (1.0 + 2.0 * states.iter().map(|s| (s.resolvent * s.p.norm_sqr()).re).sum::<f64>());
        let mut c: Vec<Complex<f64>> = c.chunks_exact(2).map(|pair| Complex::new(pair[0], pair[1])).collect();
        for _ in 0..n {
            let along = states.iter().zip(&c).map(|(s, c)| (s.p * s.resolvent * c).re).sum::<f64>();
            let correction = 2.0 * gain * along;
            for (s, c) in states.iter().zip(&mut c) {
                let y = s.resolvent * (*c - s.p.conj() * correction);
                *c = y * (4.0 / dt) - *c;
            }
        }
        c
    }
}
