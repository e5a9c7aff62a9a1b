//! Steps, taps and draws that the state-space layers share.

use nalgebra::Complex;

use crate::{BuildError, Forward, Init, check};

/// Checks that states come in conjugate pairs and that steps have a range.
///
/// # Errors
/// A number is out of its range; the error names it as configurations do.
pub fn check_states(d_state: usize, dt_min: f64, dt_max: f64) -> Result<(), BuildError> {
    /// The matrices of HiPPO are of this size squared, in 64 bits.
    const MOST: usize = 1 << 12;
    if d_state > MOST {
        return Err(BuildError::new("d_state", format!("must be at most {MOST}, found {d_state}")));
    }
    if d_state == 0 || d_state % 2 == 1 {
        let message = format!("{d_state} states do not come in conjugate pairs; use an even number, at least 2");
        return Err(BuildError::new("d_state", message));
    }
    check::positive("dt_min", dt_min)?;
    check::positive("dt_max", dt_max)?;
    if dt_max < dt_min {
        return Err(BuildError::new("dt_max", format!("must be at least `dt_min`, {dt_min}")));
    }
    Ok(())
}

/// Step for inputs of `length` samples relative to that of training on `trained` ones.
///
/// It is 1 / resolution. At the resolution of training it is the step under which a kernel covers the same time.
pub(crate) fn rate(trained: usize, length: usize, ctx: &Forward<'_>) -> f64 {
    match ctx.resolution() {
        1.0 => trained as f64 / length as f64,
        resolution => 1.0 / resolution,
    }
}

/// A draw of the complex normal distribution of variance 1.
pub(crate) fn complex_normal(init: &mut Init) -> Complex<f64> {
    let half = std::f64::consts::FRAC_1_SQRT_2;
    Complex::new(half * init.standard_normal(), half * init.standard_normal())
}
