//! The learning rate as a function of the step.

use crate::experiment::{Schedule, Training};

/// Learning rate of optimiser step `step` (counted from 0), before parameter groups.
///
/// The warm-up rises linearly and reaches the peak with its last step, except under [`Schedule::ChainedCosine`].
/// `plateau_scale` is the product of all reductions so far.
pub(crate) fn learning_rate(settings: &Training, step: u64, steps_per_epoch: u64, plateau_scale: f64) -> f64 {
    let peak = settings.learning_rate;
    let warmup = settings.warmup(steps_per_epoch);
    if settings.schedule == Schedule::ChainedCosine {
        return chained_cosine(peak, step, warmup, settings.schedule_length(steps_per_epoch));
    }
    if step < warmup {
        return peak * (step + 1) as f64 / warmup as f64;
    }
    match settings.schedule {
        Schedule::Constant => peak,
        Schedule::Exponential => {
            let epoch = step / steps_per_epoch.max(1);
            (peak * settings.decay_factor.powf(epoch as f64)).max(settings.min_learning_rate)
        }
        Schedule::Plateau => (peak * plateau_scale).max(settings.min_learning_rate),
        Schedule::Cosine | Schedule::ChainedCosine => {
            let total = settings.schedule_length(steps_per_epoch);
            let progress = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
            let floor = settings.min_learning_rate;
            floor + (peak - floor) * 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos())
        }
    }
}

/// `LinearLR(1e-8 → 1)` over `warmup` steps chained with `CosineAnnealingLR(T_max = total − warmup, last_epoch = −warmup)`
/// (PyTorch; CCNN's `optim/construct_scheduler`). Both multiply the rate by the quotient of two of their own values, so that
/// the products telescope.
fn chained_cosine(peak: f64, step: u64, warmup: u64, total: u64) -> f64 {
    /// `start_factor` of the linear part.
    const START: f64 = 1e-8;
    let length = total.saturating_sub(warmup).max(1) as f64;
    let cosine = |step: f64| 1.0 + (std::f64::consts::PI * (step / length).min(1.0)).cos();
    let (step, warmup) = (step as f64, warmup as f64);
    let linear = if step < warmup { START + (1.0 - START) * step / warmup } else { 1.0 };
    // The first of the two starts the second one step ahead.
    peak * linear * cosine(step - warmup + 1.0) / cosine(1.0 - warmup)
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
    #[test]
    fn the_cosine_can_have_a_length_and_a_warm_up_in_steps() {
        let settings =
            Training { warmup_epochs: 0.0, warmup_steps: Some(50), schedule_steps: Some(250), epochs: 9, ..cosine() };
        assert!((learning_rate(&settings, 24, 100, 1.0) - 0.01).abs() < 1e-12);
        assert!((learning_rate(&settings, 150, 100, 1.0) - 0.01).abs() < 1e-12);
        assert!(learning_rate(&settings, 250, 100, 1.0).abs() < 1e-12);
        assert!(learning_rate(&settings, 899, 100, 1.0).abs() < 1e-12);
        let cut = Training { schedule_steps: None, max_steps: Some(250), ..settings };
        assert!((learning_rate(&cut, 150, 100, 1.0) - 0.01).abs() < 1e-12);
    }

    #[test]
    fn an_exponential_falls_once_per_epoch() {
        let settings = Training {
            schedule: Schedule::Exponential,
            learning_rate: 0.001,
            decay_factor: 0.97,
            min_learning_rate: 0.0005,
            ..Training::default()
        };
        assert!((learning_rate(&settings, 99, 100, 1.0) - 0.001).abs() < 1e-15);
        assert!((learning_rate(&settings, 100, 100, 1.0) - 0.00097).abs() < 1e-15);
        assert!((learning_rate(&settings, 1_050, 100, 1.0) - 0.001 * 0.97_f64.powi(10)).abs() < 1e-15);
        assert!((learning_rate(&settings, 9_999, 100, 1.0) - 0.0005).abs() < 1e-15);
    }

    /// Measured in CCNN's program: 21 epochs of 100 steps, the first of them warm-up, a rate of 0.02.
    #[test]
    fn the_chained_cosine_is_that_of_the_reference_program() {
        let measured = [
            (0, 2e-10),
            (1, 0.00020002455201018052),
            (50, 0.010045808983715711),
            (99, 0.019920189975520773),
            (100, 0.020121391601754034),
            (101, 0.020121354366111517),
            (1050, 0.010834300023903152),
            (2000, 0.00012140401364504587),
            (2081, 4.021185625175668e-06),
        ];
        let settings = Training {
            epochs: 21,
            learning_rate: 0.02,
            warmup_epochs: 1.0,
            schedule: Schedule::ChainedCosine,
            ..Training::default()
        };
        for (step, wanted) in measured {
            let found = learning_rate(&settings, step, 100, 1.0);
            assert!((found - wanted).abs() < 1e-12, "step {step}: {found} instead of {wanted}");
        }
        // It ends at zero and stays there; without a warm-up it is a cosine from its second step on.
        assert!(learning_rate(&settings, 5000, 100, 1.0).abs() < 1e-15);
        let short = Training { warmup_epochs: 0.0, ..settings };
        let plain = Training { schedule: Schedule::Cosine, ..short.clone() };
        let (chained, plain) = (learning_rate(&short, 699, 100, 1.0), learning_rate(&plain, 700, 100, 1.0));
        assert!((chained / plain - 1.0).abs() < 1e-5, "{chained} {plain}");
    }

    #[test]
    fn the_chained_cosine_peaks_above_the_rate() {
        for (epochs, warmup, factor) in [(60, 10.0, 1.1054), (110, 10.0, 1.025), (210, 10.0, 1.006)] {
            let settings = Training {
                epochs,
                learning_rate: 1.0,
                warmup_epochs: warmup,
                schedule: Schedule::ChainedCosine,
                ..Training::default()
            };
            let rates = (0..u64::from(epochs) * 100).map(|step| learning_rate(&settings, step, 100, 1.0));
            let peak = rates.fold(0.0, f64::max);
            assert!((peak - factor).abs() < 1e-3, "{epochs}: {peak}");
        }
    }
}
