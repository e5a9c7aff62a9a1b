//! Budgets: one recipe as in its paper, for a laptop, or for a look whether everything holds together.

use std::time::Duration;

use datasets::{InputSpec, OutputSpec, SplitSizes, Task, TaskSpec};
use serde_json::{Value, json};

use super::{Scale, Schedule, Training};

/// Positions that an epoch at `laptop` passes over at most, and the fewest samples it has whatever their length.
const LAPTOP_POSITIONS: usize = 1 << 22;
const LAPTOP_TRAINING: [usize; 2] = [64, 10_000];
const LAPTOP_EVALUATED: [usize; 2] = [64, 2_000];
const LAPTOP_EPOCHS: u32 = 5;
const LAPTOP_BATCH: usize = 32;
const LAPTOP_TIME: Duration = Duration::from_secs(15 * 60);

const SMOKE_STEPS: u64 = 5;
/// Positions of a step, and the bounds of its samples.
const SMOKE_STEP_POSITIONS: usize = 1 << 15;
const SMOKE_BATCH: [usize; 2] = [1, 4];
/// Positions that `smoke` evaluates per split, and the bounds of the samples.
const SMOKE_POSITIONS: usize = 1 << 16;
const SMOKE_EVALUATED: [usize; 2] = [4, 32];

/// Most samples per split of a task; `None` for all.
pub(crate) fn samples(scale: Scale, spec: &TaskSpec) -> Option<SplitSizes> {
    let within = |positions, bounds| samples_within(positions, spec, bounds);
    let (train, evaluated) = match scale {
        Scale::Paper => return None,
        Scale::Laptop => (
            within(LAPTOP_POSITIONS, LAPTOP_TRAINING),
            // A quarter of what is trained on.
            within(LAPTOP_POSITIONS / 4, LAPTOP_EVALUATED),
        ),
        Scale::Smoke => (SMOKE_STEPS as usize * smoke_batch(spec), within(SMOKE_POSITIONS, SMOKE_EVALUATED)),
    };
    Some(SplitSizes { train, validation: evaluated, test: evaluated })
}

/// `task` with the samples that are left of it at this scale.
pub(crate) fn limit(scale: Scale, task: Box<dyn Task>) -> Box<dyn Task> {
    match samples(scale, task.spec()) {
        Some(most) => datasets::samples::limit(task, most),
        None => task,
    }
}

/// The settings of a training that [`training`] makes from numbers of samples.
pub(crate) fn settings_from_sizes(scale: Scale) -> &'static [&'static str] {
    match scale {
        Scale::Paper => &[],
        Scale::Laptop | Scale::Smoke => &["warmup_steps", "schedule_steps", "decay_factor", "plateau_patience"],
    }
}

/// `training` of a recipe that was written for `samples` training samples, for those that are left in `spec`.
///
/// Warm-up and schedule keep their share of the steps: an exponential falls as far over fewer epochs, and the patience of
/// a plateau is shortened with them.
pub(crate) fn training(scale: Scale, training: &Training, samples: usize, spec: &TaskSpec) -> Training {
    let mut now = training.clone();
    match scale {
        Scale::Paper => return now,
        Scale::Laptop => {
            now.epochs = now.epochs.min(LAPTOP_EPOCHS);
            now.batch_size = now.batch_size.min(LAPTOP_BATCH);
            now.max_time = Some(now.max_time.map_or(LAPTOP_TIME, |time| time.min(LAPTOP_TIME)));
        }
        Scale::Smoke => {
            now.epochs = 1;
            now.batch_size = now.batch_size.min(smoke_batch(spec));
            now.accumulate_grad_steps = 1;
            now.max_steps = Some(now.max_steps.map_or(SMOKE_STEPS, |steps| steps.min(SMOKE_STEPS)));
            now.log_every = 1;
        }
    }
    now.eval_batch_size = Some(now.eval_batch_size.unwrap_or(training.batch_size).min(2 * now.batch_size));
    let total = |training: &Training, samples| {
        let per_epoch = training.steps_in_epoch(samples) as u64;
        (per_epoch, training.total_steps(per_epoch))
    };
    let ((per_epoch, before), (after_per_epoch, after)) = (total(training, samples), total(&now, spec.splits.train));
    let share = after as f64 / before.max(1) as f64;
    let shrunk = |steps: u64| (steps as f64 * share).round() as u64;
    now.warmup_steps = Some(shrunk(training.warmup(per_epoch))).filter(|steps| *steps > 0);
    now.warmup_epochs = 0.0;
    now.schedule_steps = training.schedule_steps.map(|steps| shrunk(steps).max(1));
    // These count epochs instead.
    let epochs = [before as f64 / per_epoch.max(1) as f64, after as f64 / after_per_epoch.max(1) as f64];
    match training.schedule {
        Schedule::Exponential => {
            now.decay_factor = training.decay_factor.powf(epochs[0] / epochs[1]).max(f64::MIN_POSITIVE);
        }
        Schedule::Plateau => {
            let patience = f64::from(training.plateau_patience) * epochs[1] / epochs[0];
            now.plateau_patience = (patience.round() as u32).max(1);
        }
        Schedule::Constant | Schedule::Cosine | Schedule::ChainedCosine => {}
    }
    now
}

/// `config`, the resolved settings of a task, with the sizes of its splits cut to `most` where it has settings for
/// them, so that no sample is generated or read that is not wanted.
pub fn cut(config: &Value, most: SplitSizes) -> Value {
    let mut cut = config.clone();
    let sizes = [("train_samples", most.train), ("validation_samples", most.validation), ("test_samples", most.test)];
    for (field, most) in sizes {
        if let Some(size) = cut.get_mut(field)
            && size.as_u64().is_some_and(|size| size > most as u64)
        {
            *size = json!(most);
        }
    }
    cut
}

/// Samples with `positions` altogether, within `bounds`.
fn samples_within(positions: usize, spec: &TaskSpec, [least, most]: [usize; 2]) -> usize {
    let length = match &spec.input {
        InputSpec::Values { shape, .. } => shape.iter().product(),
        InputSpec::Tokens { length, .. } => *length,
    };
    let per_sample = if matches!(spec.target, OutputSpec::Pair(_)) { 2 * length } else { length };
    (positions / per_sample.max(1)).clamp(least, most)
}

fn smoke_batch(spec: &TaskSpec) -> usize {
    samples_within(SMOKE_STEP_POSITIONS, spec, SMOKE_BATCH)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use datasets::Metric;

    use super::*;

    fn spec(shape: Vec<usize>, target: OutputSpec) -> TaskSpec {
        TaskSpec {
            name: "made-up".into(),
            version: "made-up@1".into(),
            data: "made-up".into(),
            input: InputSpec::Values { channels: 1, shape },
            target,
            metric: Metric::Accuracy,
            chance: 0.5,
            splits: SplitSizes { train: 160_000, validation: 20_000, test: 20_000 },
        }
    }

    /// A sequence task with so many training samples.
    fn cut(length: usize, train: usize) -> TaskSpec {
        let mut spec = spec(vec![length], OutputSpec::Binary);
        spec.splits.train = train;
        spec
    }

    #[test]
    fn long_inputs_get_fewer_samples() {
        let sizes =
            |scale: Scale, length, target| samples(scale, &spec(vec![length], target)).map(|s| [s.train, s.test]);
        assert_eq!(sizes(Scale::Paper, 1024, OutputSpec::Binary), None);
        assert_eq!(sizes(Scale::Laptop, 128, OutputSpec::Binary), Some([10_000, 2_000]));
        assert_eq!(sizes(Scale::Laptop, 1024, OutputSpec::Binary), Some([4_096, 1_024]));
        assert_eq!(sizes(Scale::Laptop, 16_384, OutputSpec::Binary), Some([256, 64]));
        assert_eq!(sizes(Scale::Laptop, 4_096, OutputSpec::Pair(2)), Some([512, 128]));
        assert_eq!(sizes(Scale::Smoke, 784, OutputSpec::Binary), Some([20, 32]));
        assert_eq!(sizes(Scale::Smoke, 16_384, OutputSpec::Binary), Some([10, 4]));
        let square = samples(Scale::Laptop, &spec(vec![32, 32], OutputSpec::Binary)).unwrap();
        assert_eq!(square.train, 4_096);
    }

    #[test]
    fn sizes_are_cut_where_a_task_has_settings_for_them() {
        let most = SplitSizes { train: 20, validation: 32, test: 32 };
        let config = json!({ "train_samples": 96_000, "validation_samples": 8, "test_samples": null, "length": 99 });
        let expected = json!({ "train_samples": 20, "validation_samples": 8, "test_samples": null, "length": 99 });
        assert_eq!(super::cut(&config, most), expected);
    }

    #[test]
    fn smoke_takes_five_steps_of_four_samples() {
        let written = Training {
            epochs: 200,
            batch_size: 64,
            accumulate_grad_steps: 2,
            warmup_steps: Some(50_000),
            schedule_steps: Some(500_000),
            ..Training::default()
        };
        let short = cut(1_024, 20);
        let smoke = training(Scale::Smoke, &written, 160_000, &short);
        smoke.validate().unwrap();
        assert_eq!((smoke.epochs, smoke.batch_size, smoke.accumulate_grad_steps), (1, 4, 1));
        assert_eq!(smoke.total_steps(smoke.steps_in_epoch(20) as u64), 5);
        assert_eq!(smoke.eval_batch_size, Some(8));
        // 50 000 of 250 000 steps are a fifth.
        assert_eq!((smoke.warmup_steps, smoke.schedule_steps), (Some(1), Some(10)));
        let small = Training { batch_size: 2, ..Training::default() };
        assert_eq!(training(Scale::Smoke, &small, 1_000, &short).batch_size, 2);
        assert_eq!(training(Scale::Smoke, &small, 1_000, &short).max_steps, Some(5));
        assert_eq!(training(Scale::Smoke, &written, 160_000, &cut(16_384, 10)).batch_size, 2);
        assert_eq!(training(Scale::Paper, &written, 160_000, &cut(1_024, 160_000)), written);
    }

    #[test]
    fn laptop_keeps_the_share_of_the_warm_up() {
        let written = Training { epochs: 210, batch_size: 100, warmup_epochs: 10.0, ..Training::default() };
        let laptop = training(Scale::Laptop, &written, 55_000, &cut(784, 5_349));
        laptop.validate().unwrap();
        assert_eq!((laptop.epochs, laptop.batch_size, laptop.max_time), (5, 32, Some(LAPTOP_TIME)));
        let steps = laptop.total_steps(laptop.steps_in_epoch(5_349) as u64);
        assert_eq!(steps, 5 * 167);
        assert_eq!(laptop.warmup_steps, Some(40));
        let short = Training { epochs: 2, batch_size: 8, ..Training::default() };
        let same = training(Scale::Laptop, &short, 100, &cut(784, 100));
        assert_eq!((same.epochs, same.batch_size, same.warmup_steps), (2, 8, None));
    }

    #[test]
    fn laptop_keeps_the_course_of_schedules_that_count_epochs() {
        let laptop = |schedule| {
            let written = Training {
                epochs: 50,
                batch_size: 100,
                schedule,
                decay_factor: 0.97,
                plateau_patience: 20,
                ..Training::default()
            };
            training(Scale::Laptop, &written, 55_000, &cut(784, 5_349))
        };
        // Five epochs fall as far as fifty did.
        let exponential = laptop(Schedule::Exponential);
        assert!((exponential.decay_factor.powi(5) / 0.97_f64.powi(50) - 1.0).abs() < 1e-9, "{exponential:?}");
        assert_eq!(laptop(Schedule::Plateau).plateau_patience, 2);
        let cosine = laptop(Schedule::Cosine);
        assert_eq!((cosine.decay_factor, cosine.plateau_patience), (0.97, 20));
    }
}
