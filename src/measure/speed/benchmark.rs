//! The benchmark of training steps, on synthetic samples or on those of the task.

use std::time::Instant;

use baselines::{Forward, Model, kernels::profile, network::count_parameters};
use burn::tensor::Device;
use datasets::{Batch, DataError, Dataset, InputSpec, Inputs, OutputSpec, Split, Targets, TaskSpec};
use rustix::time::ClockId;

use super::result::{Measurement, StepTimes};
use crate::experiment::Run;
use crate::training::loss::Evaluated;
use crate::training::prefetch::{self, Batches};
use crate::training::{
    EpochOrder, Gradients, Optimiser, Seeds, gradients, keep_workers_awake, loss, memory, to_device,
};

/// What is timed, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BenchOptions {
    /// Samples of a forward pass.
    pub(crate) samples: usize,
    /// Forward passes of a step, whose gradients are averaged.
    pub(crate) passes: usize,
    /// Steps before those that count.
    pub(crate) warmup: usize,
    /// Steps that count, at least 1.
    pub(crate) steps: usize,
    /// Whether kernels are timed one by one.
    pub(crate) profile: bool,
}

/// Where the samples come from.
#[derive(Clone, Copy)]
pub(crate) enum SampleSource<'a> {
    /// Arbitrary values of the task's shape.
    Synthetic,
    /// The task's training split, read ahead by `training.workers` threads as in a run.
    Task(&'a dyn Dataset),
}

/// Time whole training steps of `run` on `device`, in the run's precision: reading, forward, backward and update.
///
/// # Errors
/// A model that cannot be built, samples that cannot be read, or a device that fails; in words.
pub(crate) fn measure(
    run: &Run,
    options: BenchOptions,
    source: SampleSource<'_>,
    device: &Device,
) -> Result<StepTimes, String> {
    memory::restart(device);
    let base_memory_bytes = memory::peak_bytes();
    let model = run.build(0, device).map_err(|error| error.to_string())?;
    let optimiser = Optimiser::new(&run.training, model.as_ref()).map_err(|error| error.to_string())?;
    let parameters = count_parameters(model.as_ref()) as u64;
    let steps = (options.warmup + options.steps.max(1)) as u64;
    let batches = steps * options.passes.max(1) as u64;
    let measurement = match source {
        SampleSource::Synthetic => {
            let batch = synthetic(run.spec(), options.samples);
            let read = |_| Ok::<_, DataError>(batch.clone());
            prefetch::ahead(0, 0..batches, &read, |batches| time(run, options, device, (model, optimiser), batches))
        }
        SampleSource::Task(dataset) => {
            let samples = dataset.len(Split::Train);
            let epochs = Epochs::new(samples, options.samples, Seeds::derive(run.seed), batches);
            let read = |index| {
                let (positions, stream) = epochs.batch(index);
                dataset.read_for_training(positions, stream)
            };
            let workers = run.training.workers;
            prefetch::ahead(workers, 0..batches, &read, |batches| {
                time(run, options, device, (model, optimiser), batches)
            })
        }
    };
    let peak_memory_bytes = memory::peak_bytes();
    let passes = options.passes.max(1);
    let samples = options.samples * passes;
    Ok(StepTimes { parameters, samples, passes, base_memory_bytes, peak_memory_bytes, measurement: measurement? })
}

/// Take all steps and time those after the warm-up.
fn time(
    run: &Run,
    options: BenchOptions,
    device: &Device,
    (mut model, mut optimiser): (Box<dyn Model>, Optimiser),
    batches: &mut Batches<'_, Batch, DataError>,
) -> Result<Measurement, String> {
    let spec = run.spec();
    let autodiff = device.clone().autodiff();
    // Work on a GPU goes on after a call returns: each part waits for its own.
    let device_memory = std::cell::Cell::new(None);
    let finish = || {
        let held = device.memory_pool_usage().map(|usage| usage.bytes_reserved);
        device_memory.set(device_memory.get().max(held));
        device.sync().map_err(|error| format!("the device failed: {error}"))
    };
    let mut laps: [Vec<f64>; 4] = Default::default();
    let (mut totals, mut cpu, mut undisturbed) = (Vec::new(), Vec::new(), Vec::new());
    let threads = rayon::current_num_threads() as f64;
    let passes = options.passes.max(1);
    for step in 0..options.warmup + options.steps.max(1) {
        if options.profile && step == options.warmup {
            profile::start();
        }
        let (begun, cpu_begun, own_begun) = (Instant::now(), cpu_seconds(ALL_THREADS), cpu_seconds(THIS_THREAD));
        let mut lap = Lap { spent: [0.0; 4], last: begun };
        let mut sum = Gradients::new();
        for pass in 0..passes {
            let Some(batch) = batches.next() else { break };
            let Batch { inputs, targets, lengths, .. } = batch.map_err(|error| error.to_string())?;
            lap.ends(0);
            let Evaluated { loss, pending } = keep_workers_awake(|| {
                let placed = to_device(inputs, lengths, &spec.input, &autodiff);
                let ctx = Forward::training(0, (step * passes + pass) as u64);
                let mut ctx = ctx.with_precision(run.training.precision);
                let output = model.forward(placed, &mut ctx).map_err(|e| e.to_string())?;
                Ok::<_, String>(loss::evaluate(output, &targets, &spec.target))
            })?;
            // Outside autodiff: what refers to the graph keeps all of it during the backward pass.
            let value = loss.clone().inner();
            let total = match model.penalty().map_err(|e| e.to_string())? {
                Some(penalty) => loss + penalty,
                None => loss,
            };
            finish()?;
            lap.ends(1);
            let gradients = keep_workers_awake(|| model.take_gradients(&mut total.backward()));
            gradients::accumulate(&mut sum, gradients);
            pending.read(vec![value], &targets).map_err(|e| e.to_string())?;
            finish()?;
            lap.ends(2);
        }
        if passes > 1 {
            gradients::scale(&mut sum, 1.0 / passes as f64);
        }
        if let Some(limit) = run.training.grad_clip {
            gradients::clip(&mut sum, limit).map_err(|e| e.to_string())?;
        }
        optimiser.step(model.as_mut(), sum, run.training.learning_rate);
        finish()?;
        lap.ends(3);
        if step < options.warmup {
            continue;
        }
        laps.iter_mut().zip(lap.spent).for_each(|(laps, spent)| laps.push(spent));
        let total = begun.elapsed().as_secs_f64();
        totals.push(total);
        let (all, own) = (cpu_seconds(ALL_THREADS) - cpu_begun, cpu_seconds(THIS_THREAD) - own_begun);
        cpu.push(all);
        if device_memory.get().is_none() {
            undisturbed.push(own.max(all / threads).min(total));
        }
    }
    let kernels = options.profile.then(profile::stop);
    Ok(Measurement { laps, totals, cpu, undisturbed, device_memory: device_memory.get(), kernels })
}

/// Seconds of a step by part: waiting, forward, backward, update.
struct Lap {
    spent: [f64; 4],
    last: Instant,
}

impl Lap {
    /// What has gone by since the last end was spent on `part`.
    fn ends(&mut self, part: usize) {
        let now = Instant::now();
        self.spent[part] += (now - self.last).as_secs_f64();
        self.last = now;
    }
}

const ALL_THREADS: ClockId = ClockId::ProcessCPUTime;
const THIS_THREAD: ClockId = ClockId::ThreadCPUTime;

/// CPU time so far, in seconds.
fn cpu_seconds(clock: ClockId) -> f64 {
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// The batches of one epoch after another.
struct Epochs {
    /// As a run has them, shuffled before anything is timed.
    orders: Vec<EpochOrder>,
    /// Batches of an epoch.
    whole: u64,
    seeds: Seeds,
}

impl Epochs {
    /// Those that `batches` batches of `size` out of `samples` samples come from.
    fn new(samples: usize, size: usize, seeds: Seeds, batches: u64) -> Self {
        let whole = (samples / size.max(1)).max(1) as u64;
        let order = |epoch| EpochOrder::new(samples, size, seeds.order, epoch);
        Self { orders: (0..batches.div_ceil(whole)).map(order).collect(), whole, seeds }
    }

    /// Positions of batch `index`, counted over all epochs, and the stream of its augmentation.
    fn batch(&self, index: u64) -> (&[usize], u64) {
        let (epoch, index) = (index / self.whole, index % self.whole);
        let positions = self.orders.get(epoch as usize).map_or(&[][..], |order| order.batch(index));
        (positions, self.seeds.augmentation(epoch))
    }
}

/// A batch of the task's shape with arbitrary content.
fn synthetic(spec: &TaskSpec, size: usize) -> Batch {
    let wave = |i: usize| (i as f32 * 0.37).sin();
    let rows = if matches!(spec.target, OutputSpec::Pair(_)) { 2 * size } else { size };
    let (inputs, length) = match &spec.input {
        InputSpec::Values { channels, shape } => {
            let positions: usize = shape.iter().product();
            (Inputs::Values((0..rows * channels * positions).map(wave).collect()), positions)
        }
        InputSpec::Tokens { vocabulary, length } => {
            (Inputs::Tokens((0..rows * length).map(|i| (i % vocabulary) as i32).collect()), *length)
        }
    };
    let targets = match spec.target {
        OutputSpec::Classes(n) | OutputSpec::Pair(n) => Targets::Labels((0..size).map(|i| (i % n) as i32).collect()),
        OutputSpec::Binary => Targets::Labels((0..size).map(|i| (i % 2) as i32).collect()),
        OutputSpec::Regression(n) => Targets::Values((0..size * n).map(wave).collect()),
        OutputSpec::PerStep(n) => Targets::Labels((0..size * length).map(|i| (i % n) as i32).collect()),
    };
    Batch { size, inputs, targets, lengths: None }
}

#[cfg(test)]
mod tests {
    use baselines::Forward;
    use burn::tensor::Device;

    use super::*;
    use crate::training::{loss, to_device};

    /// Two rows per sample go through the network as one, whatever makes the samples.
    #[test]
    #[allow(clippy::unwrap_used)]
    fn pairs_are_timed_as_they_are_trained() {
        for input in
            [InputSpec::Tokens { vocabulary: 5, length: 12 }, InputSpec::Values { channels: 2, shape: vec![12] }]
        {
            let spec = TaskSpec {
                name: "pairs".into(),
                version: "pairs@test-1".into(),
                data: "pairs".into(),
                input,
                target: OutputSpec::Pair(3),
                metric: datasets::Metric::Accuracy,
                chance: 1.0 / 3.0,
                splits: datasets::SplitSizes { train: 8, validation: 8, test: 8 },
            };
            let device = Device::flex();
            let entry = baselines::registry::find("gru").unwrap();
            let (input, output) = (&spec.input, &spec.target);
            let model = (entry.build)(&serde_json::json!({"hidden": 4}), input, output, 0, &device).unwrap();
            let batch = synthetic(&spec, 5);
            let placed = to_device(batch.inputs, batch.lengths, &spec.input, &device.clone().autodiff());
            let output = model.forward(placed, &mut Forward::training(0, 0)).unwrap();
            let Evaluated { loss, pending } = loss::evaluate(output, &batch.targets, &spec.target);
            let (_, score) = pending.read(Vec::new(), &batch.targets).unwrap();
            assert_eq!(score.targets, 5);
            let gradients = model.take_gradients(&mut loss.backward());
            assert_eq!(gradients.len(), model.parameters().len());
            assert!(gradients.iter().all(Option::is_some));
        }
    }

    #[test]
    fn batches_of_a_task_go_on_from_epoch_to_epoch() {
        let seeds = Seeds::derive(1);
        let epochs = Epochs::new(25, 10, seeds, 3);
        let (first, stream) = epochs.batch(0);
        assert_eq!((first.len(), epochs.batch(1).0.len()), (10, 10));
        let (next, next_stream) = epochs.batch(2);
        assert!(next.len() == 10 && next != first && next_stream != stream);
        assert_eq!(first, EpochOrder::new(25, 10, seeds.order, 0).batch(0));
        // A split smaller than a batch is one batch.
        assert_eq!(Epochs::new(4, 10, seeds, 5).batch(3).0.len(), 4);
    }
}
