//! Eigenvalues of recurrences.

use kernels::Discretisation;
use nalgebra::{Complex, DMatrix};

/// What a state of eigenvalue `a` is multiplied by per step `dt`, above the real axis.
///
/// `exp(Δ a)` under a zero-order hold, `(1 + Δ a / 2) / (1 − Δ a / 2)` under the bilinear transform (Gu et al. 2022, arXiv
/// 2206.11893, equation 3).
pub(crate) fn discretised(a: Complex<f64>, dt: f64, disc: Discretisation) -> [f64; 2] {
    let x = a * dt;
    let value = match disc {
        Discretisation::Zoh => x.exp(),
        Discretisation::Bilinear => (1.0 + x / 2.0) / (1.0 - x / 2.0),
    };
    [value.re, value.im.abs()]
}

/// The eigenvalues, one of each conjugate pair, of `diag(a) − p p*` with the conjugates of both: as many as there are of `a`,
/// or one more where some are real.
///
/// They are those of the matrix as it is stored: matrices of HiPPO are so far from normal that the eigenvalues of one of
/// many states move with the last digit of its entries. None where the iteration does not converge.
pub(crate) fn low_rank(a: &[Complex<f64>], p: &[Complex<f64>]) -> Option<Vec<Complex<f64>>> {
    /// Iterations of the Schur decomposition, many times what it takes.
    const MOST: usize = 10_000;
    if a.iter().chain(p).any(|value| !value.is_finite()) {
        return None;
    }
    let with_conjugates =
        |of: &[Complex<f64>]| of.iter().copied().chain(of.iter().map(|z| z.conj())).collect::<Vec<_>>();
    let (a, p) = (with_conjugates(a), with_conjugates(p));
    let matrix = DMatrix::from_fn(a.len(), a.len(), |i, j| {
        let diagonal = if i == j { a[i] } else { Complex::default() };
        diagonal - p[i] * p[j].conj()
    });
    let (_, triangle) = nalgebra::linalg::Schur::try_new(matrix, f64::EPSILON, MOST)?.unpack();
    let scale = triangle.diagonal().iter().map(|value| value.norm()).fold(0.0, f64::max);
    // Of a real one rounding may leave an imaginary part of either sign.
    Some(triangle.diagonal().iter().copied().filter(|value| value.im >= -1e-9 * scale).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::state_space::hippo::{HippoMeasure, nplr};

    /// HiPPO-LegS is triangular, with −1, …, −N on its diagonal.
    #[test]
    fn eigenvalues_of_legs_are_those_of_its_triangular_form() {
        let model = nplr(HippoMeasure::Legs, 6);
        let found = low_rank(&model.w, &model.p).unwrap_or_default();
        let mut real: Vec<f64> = found.iter().map(|value| value.re).collect();
        real.sort_by(f64::total_cmp);
        assert!(found.iter().all(|value| value.im.abs() < 1e-6), "{found:?}");
        assert_eq!(real.len(), 6, "{real:?}");
        assert!(real.iter().zip([-6.0, -5.0, -4.0, -3.0, -2.0, -1.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{real:?}");
    }

    #[test]
    fn steps_map_the_left_half_plane_into_the_disc() {
        let a = Complex::new(-0.5, std::f64::consts::PI);
        let [re, im] = discretised(a, 1.0, Discretisation::Zoh);
        assert!((re + (-0.5f64).exp()).abs() < 1e-12 && im.abs() < 1e-12);
        for disc in [Discretisation::Zoh, Discretisation::Bilinear] {
            let [re, im] = discretised(a, 0.01, disc);
            assert!((re.hypot(im) - (-0.005f64).exp()).abs() < 1e-5, "{disc:?}");
        }
    }
}
