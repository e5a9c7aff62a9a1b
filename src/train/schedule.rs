//! The learning rate as a function of the step.

use crate::experiment::Training;
use crate::experiment::training::Schedule;

/// Learning rate of optimiser step `step` (counted from 0), before parameter groups.
///
/// The warm-up rises linearly and reaches the peak with its last step. `plateau_scale` is the product of all reductions so far.
pub(crate) fn learning_rate(settings: &Training, step: u64, steps_per_epoch: u64, plateau_scale: f64) -> f64 {
    let peak = settings.learning_rate;
    let warmup = (settings.warmup_epochs * steps_per_epoch as f64).round() as u64;
    if step < warmup {
        return peak * (step + 1) as f64 / warmup as f64;
    }
    match settings.schedule {
        Schedule::Constant => peak,
        Schedule::Plateau => (peak * plateau_scale).max(settings.min_learning_rate),
        Schedule::Cosine => {
            let total = u64::from(settings.epochs) * steps_per_epoch;
            let progress = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
            let floor = settings.min_learning_rate;
            floor + (peak - floor) * 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine() -> Training {
        Training {
            epochs: 10,
            learning_rate: 0.02,
            warmup_epochs: 2.0,
            schedule: Schedule::Cosine,
            ..Training::default()
        }
    }

    #[test]
    fn the_warm_up_is_linear_and_ends_at_the_peak() {
        let settings = cosine();
        assert!((learning_rate(&settings, 0, 100, 1.0) - 0.02 / 200.0).abs() < 1e-12);
        assert!((learning_rate(&settings, 99, 100, 1.0) - 0.01).abs() < 1e-12);
        assert!((learning_rate(&settings, 199, 100, 1.0) - 0.02).abs() < 1e-12);
    }

    #[test]
    fn the_cosine_passes_half_way_and_ends_at_the_floor() {
        let settings = Training { min_learning_rate: 0.001, ..cosine() };
        assert!((learning_rate(&settings, 200, 100, 1.0) - 0.02).abs() < 1e-12);
        assert!((learning_rate(&settings, 600, 100, 1.0) - 0.0105).abs() < 1e-12);
        assert!((learning_rate(&settings, 1000, 100, 1.0) - 0.001).abs() < 1e-12);
        assert!((learning_rate(&settings, 5000, 100, 1.0) - 0.001).abs() < 1e-12);
    }

    #[test]
    fn a_plateau_scales_the_peak_down_to_the_floor() {
        let settings = Training {
            schedule: Schedule::Plateau,
            learning_rate: 0.1,
            min_learning_rate: 0.01,
            ..Training::default()
        };
        assert!((learning_rate(&settings, 7, 100, 0.2) - 0.02).abs() < 1e-12);
        assert!((learning_rate(&settings, 7, 100, 0.008) - 0.01).abs() < 1e-12);
    }
}
