//! Time and memory of a cell, estimated from a few training steps on synthetic samples.

use burn::tensor::Device;

use crate::experiment::Cell;
use crate::speed::{self, Effort, Source, Steps};

/// Most samples of a timed step; larger batches are extrapolated in proportion.
const TIMED_SAMPLES: usize = 8;

/// Seconds that a timed step should take at most: fewer samples are timed where one alone takes long.
const TIMED_SECONDS: f64 = 1.0;

/// An estimate for one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Seconds of one forward, backward and update over the whole batch.
    pub seconds_per_step: f64,
    /// Peak memory of the process in bytes, where the system tells.
    pub peak_bytes: Option<u64>,
}

/// Time steps of `cell` on `device`: one of a single sample, and unless that one took long, warm ones of as many samples as
/// fit into a second.
///
/// # Errors
/// See [`speed::measure`].
pub fn measure(cell: &Cell, device: &Device) -> Result<Estimate, String> {
    let steps = |samples, warmup, steps| {
        speed::measure(cell, Effort { samples, warmup, steps, profile: false }, Source::Synthetic, device)
            .map(Steps::summary)
    };
    let first = steps(1, 0, 1)?;
    let fit = samples_that_fit(first.seconds.min, cell.training.batch_size);
    let measured = if fit > 0 { steps(fit, 1, 2)? } else { first };
    let scale = cell.training.batch_size as f64 / measured.samples as f64;
    let parts = cell.training.accumulate_grad_steps as f64;
    let peak_bytes = measured.peak_memory_bytes.map(|peak| {
        let base = measured.base_memory_bytes.unwrap_or(0);
        base + (peak.saturating_sub(base) as f64 * scale) as u64
    });
    Ok(Estimate { seconds_per_step: measured.seconds.min * scale * parts, peak_bytes })
}

/// Samples of a timed step, where one sample takes `seconds`; 0 where that one has to do.
fn samples_that_fit(seconds: f64, batch_size: usize) -> usize {
    ((TIMED_SECONDS / seconds) as usize).min(TIMED_SAMPLES).min(batch_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_steps_are_timed_on_few_samples() {
        assert_eq!(samples_that_fit(0.01, 100), 8);
        assert_eq!(samples_that_fit(0.01, 2), 2);
        assert_eq!(samples_that_fit(0.4, 100), 2);
        assert_eq!(samples_that_fit(1.5, 100), 0);
    }
}
