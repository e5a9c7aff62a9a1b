//! Time and memory of a cell, estimated from a few training steps on synthetic samples.

use burn::tensor::Device;

use crate::experiment::Cell;
use crate::speed::{self, Effort, Source};

/// Largest number of samples in a timed step; larger batches are extrapolated in proportion.
const TIMED_SAMPLES: usize = 8;

/// An estimate for one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Seconds of one forward, backward and update over the whole batch.
    pub seconds_per_step: f64,
    /// Peak memory of the process in bytes, where the system tells.
    pub peak_bytes: Option<u64>,
}

/// Time warm steps of `cell` on `device`.
///
/// # Errors
/// See [`speed::measure`].
pub fn measure(cell: &Cell, device: &Device) -> Result<Estimate, String> {
    let samples = cell.training.batch_size.min(TIMED_SAMPLES);
    let measured =
        speed::measure(cell, Effort { samples, warmup: 1, steps: 2, profile: false }, Source::Synthetic, device)?;
    let scale = cell.training.batch_size as f64 / samples as f64;
    let parts = cell.training.accumulate_grad_steps as f64;
    let peak_bytes = measured.peak_memory_bytes.map(|peak| {
        let base = measured.base_memory_bytes.unwrap_or(0);
        base + (peak.saturating_sub(base) as f64 * scale) as u64
    });
    Ok(Estimate { seconds_per_step: measured.seconds.min * scale * parts, peak_bytes })
}
