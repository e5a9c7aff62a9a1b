//! Time and memory of training steps, on synthetic samples or on those of the task.

use std::collections::BTreeMap;
use std::time::Instant;

use baselines::kernels::profile;
use baselines::network::count_parameters;
use baselines::{Forward, Model};
use burn::tensor::Device;
use datasets::{Batch, DataError, Dataset, InputSpec, Inputs, OutputSpec, Split, Targets, TaskSpec};
use rustix::time::ClockId;
use serde::Serialize;

use crate::experiment::Cell;
use crate::run::memory;
use crate::train::attend::attended;
use crate::train::batches::{self, EpochOrder};
use crate::train::objective;
use crate::train::optimiser::{self, Gradients, Optimiser};
use crate::train::pipeline::{self, Batches};
use crate::train::seeds::Seeds;

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Samples of a forward pass.
    pub samples: usize,
    /// Forward passes of a step, whose gradients are averaged.
    pub passes: usize,
    /// Steps before those that count.
    pub warmup: usize,
    /// Steps that count, at least 1.
    pub steps: usize,
    /// Whether kernels are timed one by one.
    pub profile: bool,
}

/// Where the samples come from.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// Arbitrary values of the task's shape.
    Synthetic,
    /// The task's training split, read ahead by `training.workers` threads as in a run.
    Task(&'a dyn Dataset),
}

/// Smallest, middle and largest of several values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Smallest.
    pub min: f64,
    /// Middle; the mean of the middle two of an even number.
    pub median: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Self { min: values[0], median: (low + high) / 2.0, max: values[values.len() - 1] }
    }
}

/// Measurements of one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Trainable parameters.
    pub parameters: u64,
    /// Samples of a step.
    pub samples: usize,
    /// Forward passes of a step.
    pub passes: usize,
    /// Seconds of a whole step.
    pub seconds: Spread,
    /// Seconds that a step would take if nothing else ran on the machine, as far as CPU times tell: that of the thread that
    /// takes the steps, or that of all threads shared among them, whichever is more. Absent where another device computes.
    pub undisturbed_seconds: Option<Spread>,
    /// Seconds of CPU time of a whole step, over all threads, where the system tells.
    pub cpu_seconds: Option<Spread>,
    /// Median seconds that a step waits for its batch to be read, decoded and augmented.
    pub data_seconds: f64,
    /// Seconds of waiting of all steps that count, as a share of the time of these steps.
    pub data_share: f64,
    /// Median seconds of placing the batch on the device and of the forward pass, loss included.
    pub forward_seconds: f64,
    /// Median seconds of the backward pass.
    pub backward_seconds: f64,
    /// Median seconds of clipping and of the update.
    pub optimiser_seconds: f64,
    /// Resident memory before the network was built, in bytes, where the system tells.
    pub base_memory_bytes: Option<u64>,
    /// Peak resident memory, in bytes, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// Most memory that the device's allocator held after a phase of a step, in bytes, pages kept for reuse included; absent
    /// on the CPU, whose memory is that of the process.
    pub device_memory_bytes: Option<u64>,
    /// Where asked for, what every kernel took in a step on average. (A GPU finishes before and after each of them then,
    /// which makes the whole step slower.)
    pub kernels: Option<Vec<KernelTime>>,
}

/// What one kernel takes in a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KernelTime {
    /// Name, with `backward` where it is a gradient.
    pub name: &'static str,
    /// Calls per step.
    pub calls: f64,
    /// Seconds per step.
    pub seconds: f64,
}

/// Time whole training steps of `cell` on `device`, in the cell's precision: reading, forward, backward and update.
///
/// # Errors
/// A model that cannot be built, samples that cannot be read, or a device that fails; in words.
pub fn measure(cell: &Cell, effort: Effort, source: Source<'_>, device: &Device) -> Result<Steps, String> {
    cell.training.precision.apply();
    let spec = cell.task.task.spec();
    let (input, output) = (&spec.input, &spec.target);
    memory::restart(device);
    let base_memory_bytes = memory::peak_bytes();
    let model = (cell.baseline.entry.build)(&cell.baseline.config, input, output, 0, device)
        .map_err(|error| error.to_string())?;
    let optimiser = Optimiser::new(&cell.training, model.as_ref()).map_err(|error| error.to_string())?;
    let parameters = count_parameters(model.as_ref()) as u64;
    let steps = (effort.warmup + effort.steps.max(1)) as u64;
    let batches = steps * effort.passes.max(1) as u64;
    let timed = match source {
        Source::Synthetic => {
            let batch = synthetic(spec, effort.samples);
            let read = |_| Ok::<_, DataError>(batch.clone());
            pipeline::ahead(0, 0..batches, &read, |batches| time(cell, effort, device, (model, optimiser), batches))
        }
        Source::Task(dataset) => {
            let samples = dataset.len(Split::Train);
            let epochs = Epochs::new(samples, effort.samples, Seeds::derive(cell.seed), batches);
            let read = |index| {
                let (positions, stream) = epochs.batch(index);
                dataset.read_for_training(positions, stream)
            };
            let workers = cell.training.workers;
            pipeline::ahead(workers, 0..batches, &read, |batches| {
                time(cell, effort, device, (model, optimiser), batches)
            })
        }
    };
    let peak_memory_bytes = memory::peak_bytes();
    let passes = effort.passes.max(1);
    let samples = effort.samples * passes;
    Ok(Steps { parameters, samples, passes, base_memory_bytes, peak_memory_bytes, timed: timed? })
}

/// The steps of one cell.
pub struct Steps {
    parameters: u64,
    samples: usize,
    passes: usize,
    base_memory_bytes: Option<u64>,
    peak_memory_bytes: Option<u64>,
    timed: Timed,
}

impl Steps {
    /// Count the steps of `more`, another round of the same cell, too. The memory remains that of the first round: in later
    /// ones the process still holds pages of the earlier.
    pub fn add(&mut self, more: Self) {
        let (own, more) = (&mut self.timed, more.timed);
        own.laps.iter_mut().zip(more.laps).for_each(|(own, more)| own.extend(more));
        own.totals.extend(more.totals);
        own.cpu.extend(more.cpu);
        own.undisturbed.extend(more.undisturbed);
        for (name, time) in more.kernels.into_iter().flatten() {
            let sum = own.kernels.get_or_insert_default().entry(name).or_default();
            sum.calls += time.calls;
            sum.total += time.total;
        }
    }

    /// Medians and spreads over all steps.
    pub fn summary(self) -> Measured {
        let Timed { laps, totals, cpu, undisturbed, device_memory, kernels } = self.timed;
        let waited: f64 = laps[0].iter().sum();
        let data_share = waited / totals.iter().sum::<f64>();
        let [data, forward, backward, update] = laps.map(|lap| Spread::of(lap).median);
        let steps = totals.len() as f64;
        let per_step = |(name, time): (&'static str, profile::Time)| KernelTime {
            name,
            calls: time.calls as f64 / steps,
            seconds: time.total.as_secs_f64() / steps,
        };
        let kernels = kernels.map(|kernels| {
            let mut kernels: Vec<KernelTime> = kernels.into_iter().map(per_step).collect();
            kernels.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
            kernels
        });
        Measured {
            parameters: self.parameters,
            samples: self.samples,
            passes: self.passes,
            seconds: Spread::of(totals),
            undisturbed_seconds: (!undisturbed.is_empty()).then(|| Spread::of(undisturbed)),
            cpu_seconds: (!cpu.is_empty()).then(|| Spread::of(cpu)),
            data_seconds: data,
            data_share,
            forward_seconds: forward,
            backward_seconds: backward,
            optimiser_seconds: update,
            base_memory_bytes: self.base_memory_bytes,
            peak_memory_bytes: self.peak_memory_bytes,
            device_memory_bytes: device_memory,
            kernels,
        }
    }
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

/// What the clock says.
struct Timed {
    /// Per step: waiting, forward, backward, update.
    laps: [Vec<f64>; 4],
    totals: Vec<f64>,
    cpu: Vec<f64>,
    undisturbed: Vec<f64>,
    device_memory: Option<u64>,
    kernels: Option<BTreeMap<&'static str, profile::Time>>,
}

/// Take all steps and time those after the warm-up.
fn time(
    cell: &Cell,
    effort: Effort,
    device: &Device,
    (mut model, mut optimiser): (Box<dyn Model>, Optimiser),
    batches: &mut Batches<'_, Batch, DataError>,
) -> Result<Timed, String> {
    let spec = cell.task.task.spec();
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
    let passes = effort.passes.max(1);
    for step in 0..effort.warmup + effort.steps.max(1) {
        if effort.profile && step == effort.warmup {
            profile::start();
        }
        let (begun, cpu_begun, own_begun) = (Instant::now(), cpu_seconds(ALL_THREADS), cpu_seconds(THIS_THREAD));
        let mut lap = Lap { spent: [0.0; 4], last: begun };
        let mut sum = Gradients::new();
        for pass in 0..passes {
            let Some(batch) = batches.next() else { break };
            let batch = batch.map_err(|error| error.to_string())?;
            lap.ends(0);
            let (mut loss, _) = attended(|| {
                let placed = batches::place(&batch, &spec.input, &autodiff);
                let mut ctx = Forward::training(0, (step * passes + pass) as u64);
                let output = model.forward(placed, &mut ctx).map_err(|e| e.to_string())?;
                objective::evaluate(output, &batch.targets, &spec.target).map_err(|e| e.to_string())
            })?;
            if let Some(penalty) = model.penalty().map_err(|e| e.to_string())? {
                loss = loss + penalty;
            }
            finish()?;
            lap.ends(1);
            let gradients = attended(|| model.take_gradients(&mut loss.backward()));
            optimiser::accumulate(&mut sum, gradients);
            finish()?;
            lap.ends(2);
        }
        if passes > 1 {
            optimiser::scale(&mut sum, 1.0 / passes as f64);
        }
        if let Some(limit) = cell.training.grad_clip {
            optimiser::clip(&mut sum, limit).map_err(|e| e.to_string())?;
        }
        optimiser.step(model.as_mut(), sum, cell.training.learning_rate);
        finish()?;
        lap.ends(3);
        if step < effort.warmup {
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
    let kernels = effort.profile.then(profile::stop);
    Ok(Timed { laps, totals, cpu, undisturbed, device_memory: device_memory.get(), kernels })
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
    use super::*;

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
            let placed = batches::place(&batch, &spec.input, &device.clone().autodiff());
            let output = model.forward(placed, &mut Forward::training(0, 0)).unwrap();
            let (loss, score) = objective::evaluate(output, &batch.targets, &spec.target).unwrap();
            assert_eq!(score.targets, 5);
            let gradients = model.take_gradients(&mut loss.backward());
            assert_eq!(gradients.len(), model.parameters().len());
            assert!(gradients.iter().all(Option::is_some));
        }
    }

    #[test]
    fn rounds_add_their_steps_and_keep_the_memory_of_the_first() {
        let round = |totals: &[f64], memory| Steps {
            parameters: 3,
            samples: 2,
            passes: 1,
            base_memory_bytes: Some(memory),
            peak_memory_bytes: Some(2 * memory),
            timed: Timed {
                laps: [0.0, 0.25, 0.5, 0.25].map(|share| totals.iter().map(|total| share * total).collect()),
                totals: totals.to_vec(),
                cpu: totals.to_vec(),
                undisturbed: totals.to_vec(),
                device_memory: None,
                kernels: Some(BTreeMap::from([(
                    "gelu",
                    profile::Time { calls: 4, total: std::time::Duration::from_secs(6) },
                )])),
            },
        };
        let mut steps = round(&[1.0, 9.0], 100);
        steps.add(round(&[2.0, 3.0], 500));
        let found = steps.summary();
        assert_eq!(found.seconds, Spread { min: 1.0, median: 2.5, max: 9.0 });
        assert_eq!((found.forward_seconds, found.backward_seconds, found.data_share), (0.625, 1.25, 0.0));
        assert_eq!((found.base_memory_bytes, found.peak_memory_bytes), (Some(100), Some(200)));
        // Two rounds of two steps: 8 calls and 12 seconds in four steps.
        assert_eq!(found.kernels, Some(vec![KernelTime { name: "gelu", calls: 2.0, seconds: 3.0 }]));
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

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(Spread::of(vec![4.0, 1.0]), Spread { min: 1.0, median: 2.5, max: 4.0 });
    }
}
