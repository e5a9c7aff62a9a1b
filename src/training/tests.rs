//! Whole trainings of small networks on made-up samples.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use baselines::precision::Precision;
use baselines::read::read_scalar;
use baselines::{Forward, registry};
use burn::tensor::Device;
use datasets::{Batch, DataError, Dataset, InputSpec, Inputs, OutputSpec, Split, Targets, TaskSpec};
use serde_json::json;

use super::health::Cause;
use super::state::Clock;
use super::train::finished;
use super::{
    Epoch, Finish, Job, Journals, METRICS, Optimiser, Pass, Progress, Seeds, State, TrainError, Watch, gradients,
    last_path, loss, patience_ends, restore, score, to_device, train,
};
use crate::experiment::{Schedule, Training};
use crate::files;

/// Waves of two kinds and of different lengths; one sample cannot be read if that is asked for. Training samples are
/// shifted by their stream.
#[derive(Default)]
struct Waves {
    unreadable: Option<usize>,
    /// A sample of the validation split that holds a value that is no number.
    unfit: Option<usize>,
}

const LENGTH: usize = 24;

impl Dataset for Waves {
    fn len(&self, split: Split) -> usize {
        if split == Split::Train { 90 } else { 31 }
    }

    fn content_hash(&self) -> &str {
        "waves"
    }

    fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError> {
        let mut batch = self.shifted(positions, if split == Split::Train { 0 } else { 5 })?;
        let unfit = self.unfit.filter(|_| split == Split::Validation);
        if let (Some(row), Inputs::Values(values)) =
            (positions.iter().position(|p| Some(*p) == unfit), &mut batch.inputs)
        {
            values[row * LENGTH] = f32::NAN;
        }
        Ok(batch)
    }

    fn read_for_training(&self, positions: &[usize], stream: u64) -> Result<Batch, DataError> {
        self.shifted(positions, stream % 7)
    }
}

impl Waves {
    fn shifted(&self, positions: &[usize], shift: u64) -> Result<Batch, DataError> {
        if let Some(sample) = self.unreadable.filter(|sample| positions.contains(sample)) {
            return Err(datasets::ConfigError::new("waves", format!("sample {sample} is gone")).into());
        }
        let lengths: Vec<usize> = positions.iter().map(|p| 8 + p * 5 % (LENGTH - 7)).collect();
        let value = |p: usize, t: usize| ((t as f32 + shift as f32) * [0.3, 0.8][p % 2] + p as f32).sin();
        let inputs = positions
            .iter()
            .zip(&lengths)
            .flat_map(|(&p, &length)| (0..LENGTH).map(move |t| if t < length { value(p, t) } else { 0.0 }));
        Ok(Batch {
            size: positions.len(),
            inputs: Inputs::Values(inputs.collect()),
            targets: Targets::Labels(positions.iter().map(|p| (p % 2) as i32).collect()),
            lengths: Some(lengths.clone()),
        })
    }
}

/// Says nothing, and asks to stop at the look of this number, if any.
#[derive(Default)]
struct Silent {
    looks: std::cell::Cell<u32>,
    stop_at: Option<u32>,
}

impl Watch for Silent {
    fn epoch_begins(&mut self, _progress: &Progress, _steps: u64) {}
    fn step_taken(&mut self, _progress: &Progress, _samples_per_second: f64) {}
    fn epoch_ended(&mut self, _progress: &Progress, _epoch: &Epoch<'_>) {}
    fn loss_judged(&mut self, _warning: Option<String>) {}
    fn warned(&mut self, _warning: String) {}
    fn wants_to_stop(&self) -> bool {
        self.looks.set(self.looks.get() + 1);
        self.stop_at == Some(self.looks.get())
    }
}

fn waves() -> TaskSpec {
    TaskSpec {
        name: "waves".into(),
        version: "waves@test-1".into(),
        data: "waves".into(),
        input: InputSpec::Values { channels: 1, shape: vec![LENGTH] },
        target: OutputSpec::Binary,
        metric: datasets::Metric::AreaUnderRoc,
        chance: 0.5,
        splits: datasets::SplitSizes { train: 90, validation: 31, test: 31 },
    }
}

/// Eight epochs of eleven steps.
fn eight_epochs() -> Training {
    Training { epochs: 8, batch_size: 8, learning_rate: 0.03, ..Training::default() }
}

/// Train a GRU on the waves in a folder of its own; its metrics without times.
fn train_on_waves(dataset: &Waves, settings: &Training) -> Result<(Vec<serde_json::Value>, State), TrainError> {
    train_with_a_stop(dataset, settings, &mut Silent::default())
}

/// The same, gone on with from the checkpoint where `watch` stops it.
fn train_with_a_stop(
    dataset: &Waves,
    settings: &Training,
    watch: &mut Silent,
) -> Result<(Vec<serde_json::Value>, State), TrainError> {
    let (folder, device, spec) = (tempfile::tempdir().unwrap(), Device::flex(), waves());
    std::fs::create_dir(folder.path().join("checkpoints")).unwrap();
    let entry = registry::find("gru").unwrap();
    let input = &spec.input;
    let seeds = Seeds::derive(2);
    let config = json!({"hidden": 8});
    let model = (entry.build)(&config, input, &baselines::OutputSpec::Binary, seeds.init, &device).unwrap();
    let optimiser = Optimiser::new(settings, model.as_ref()).unwrap();
    let mut state = State { model, optimiser, best: None, progress: Progress::start() };
    let job = Job {
        until: None,
        hash: "",
        labels: ("gru", "waves"),
        settings,
        seed: 2,
        seeds,
        dataset,
        spec: &spec,
        device: &device,
        folder: folder.path().to_owned(),
        left_over_bytes: 0,
    };
    let journals = |progress: &Progress| Journals::open(folder.path(), progress).unwrap();
    let begin = journals(&state.progress);
    if train(&job, &mut state, begin, watch)? == Finish::Stopped {
        let last = files::checkpoint::load(&last_path(folder.path())).unwrap().unwrap();
        let model = (entry.build)(&config, input, &baselines::OutputSpec::Binary, seeds.init, &device).unwrap();
        let optimiser = Optimiser::new(settings, model.as_ref()).unwrap();
        state = State { model, optimiser, best: None, progress: Progress::start() };
        restore(&last, &mut state, &device).unwrap();
        let resumed = journals(&state.progress);
        let finish = train(&job, &mut state, resumed, watch)?;
        assert_ne!(finish, Finish::Stopped, "a second time");
    }
    let text = std::fs::read_to_string(folder.path().join(METRICS)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let timed = ["seconds", "samples_per_second", "peak_memory_bytes"];
    let lines = lines.filter(|line| !timed.iter().any(|name| line["name"] == *name)).map(|mut line| {
        line["wall"] = json!(0);
        line
    });
    Ok((lines.collect(), state))
}

#[test]
fn two_classes_are_trained_by_their_ranking_whoever_reads_the_samples() {
    let with = |workers| train_on_waves(&Waves::default(), &Training { workers, ..eight_epochs() }).unwrap();
    let (lines, state) = with(0);
    for workers in [1, 2] {
        assert_eq!(with(workers).0, lines, "{workers} workers");
    }
    let area = |name: &str| lines.iter().find(|line| line["name"] == name).unwrap()["value"].as_f64().unwrap();
    assert!((0.6..=1.0).contains(&area("best_validation_auc")), "{}", area("best_validation_auc"));
    // The score of a split does not depend on the batches it is read in, nor on the threads.
    let (spec, device) = (waves(), Device::flex());
    let of = |size, workers| {
        let (split, precision) = (Split::Test, Precision::Float32);
        let pass = Pass { spec: &spec, split, size, workers, device: &device, resolution: 1.0, precision };
        let score = score(state.model.as_ref(), &Waves::default(), &pass, &|| false, None).unwrap();
        assert_eq!(score.targets, 31);
        score
    };
    let whole = of(31, 0);
    for (size, workers) in [(1, 0), (7, 2), (7, 1)] {
        let parts = of(size, workers);
        assert_eq!(parts.metric(spec.metric), whole.metric(spec.metric), "{size} samples at a time");
        assert!((parts.mean_loss() - whole.mean_loss()).abs() < 1e-6 && parts.correct == whole.correct);
    }
}

/// Between steps, while an epoch is judged, whole or not, and while the result is measured.
#[test]
fn whenever_training_is_stopped_it_goes_on_as_if_it_had_not_been() {
    let whole = Training { epochs: 2, schedule: Schedule::Constant, ..eight_epochs() };
    let cut = Training { max_steps: Some(14), ..whole.clone() };
    for settings in [whole, cut] {
        let mut watch = Silent::default();
        let (lines, _) = train_with_a_stop(&Waves::default(), &settings, &mut watch).unwrap();
        let looks = watch.looks.get();
        // Eleven steps and four batches of the validation split; as many of the test split at the end.
        assert_eq!(looks, if settings.max_steps.is_some() { 11 + 4 + 3 + 4 + 4 } else { 11 + 4 + 11 + 4 + 4 });
        for look in 1..=looks {
            let mut watch = Silent { stop_at: Some(look), ..Silent::default() };
            let (stopped, _) = train_with_a_stop(&Waves::default(), &settings, &mut watch).unwrap();
            assert_eq!(stopped, lines, "stopped at look {look} of {looks}");
        }
    }
}

#[test]
fn a_sample_that_cannot_be_read_ends_training_with_its_error() {
    for workers in [0, 2] {
        let waves = Waves { unreadable: Some(40), ..Waves::default() };
        let error = train_on_waves(&waves, &Training { workers, ..eight_epochs() }).err().unwrap();
        assert!(matches!(&error, TrainError::Data(_)) && error.to_string().contains("sample 40"), "{error}");
    }
}

#[test]
fn an_epoch_cut_short_is_recorded_as_such_and_counts_for_nothing_else() {
    let limited = Training { max_steps: Some(14), schedule: Schedule::Constant, ..eight_epochs() };
    let (lines, state) = train_on_waves(&Waves::default(), &limited).unwrap();
    let Progress { epoch, step_in_epoch, step, stale_epochs, .. } = state.progress;
    assert_eq!((epoch, step_in_epoch, step), (1, 3, 14));
    assert_eq!(stale_epochs, 0);
    let of = |epoch: u64| lines.iter().filter(move |line| line["kind"] == "epoch" && line["epoch"] == epoch);
    assert!(of(1).count() > 3 && of(1).all(|line| line["partial"].is_null()));
    assert!(of(2).count() > 3 && of(2).all(|line| line["partial"] == true));
    assert_eq!(of(3).count(), 0);
    // The whole epoch before it is the same without a limit.
    let (all, _) = train_on_waves(&Waves::default(), &Training { max_steps: None, ..limited }).unwrap();
    let first = |lines: &[serde_json::Value]| {
        let of_it = lines.iter().filter(|line| line["epoch"] == 1 && line["kind"] != "final");
        of_it.cloned().collect::<Vec<_>>()
    };
    assert_eq!(first(&all), first(&lines));
}

#[test]
fn patience_is_replayed_as_it_counts_in_training() {
    let ends = |metrics: &[f64], higher, patience| patience_ends(metrics.iter().copied(), higher, patience);
    assert_eq!(ends(&[0.5, 0.6, 0.6, 0.5, 0.7], true, 2), Some(4));
    assert_eq!(ends(&[0.5, 0.6, 0.6, 0.7, 0.7], true, 2), None);
    assert_eq!(ends(&[0.5, 0.6, 0.6, 0.7], false, 3), Some(4));
    assert_eq!(ends(&[f64::NAN, f64::NAN, 0.1, 0.2], true, 1), Some(2));
    assert_eq!(ends(&[f64::NAN, 0.1, 0.2], true, 1), None);
    // As the training itself counts.
    let stopped = Training { early_stopping: Some(1), schedule: Schedule::Constant, ..eight_epochs() };
    let (all, _) = train_on_waves(&Waves::default(), &Training { early_stopping: None, ..stopped.clone() }).unwrap();
    let (_, state) = train_on_waves(&Waves::default(), &stopped).unwrap();
    let of = all.iter().filter(|l| l["kind"] == "epoch" && l["split"] == "validation" && l["name"] == "auc");
    let found = patience_ends(of.map(|line| line["value"].as_f64().unwrap()), true, 1);
    assert_eq!(found.unwrap_or(8), state.progress.epoch);
}

#[test]
fn limits_end_training_at_the_edges_of_epochs_and_a_begun_one_is_judged_first() {
    let clock = Clock::start(100.0);
    let at = |epoch, step_in_epoch, step, stale_epochs| Progress {
        epoch,
        step_in_epoch,
        step,
        stale_epochs,
        ..Progress::start()
    };
    let limits = Training {
        max_time: Some(Duration::from_secs(5)),
        early_stopping: Some(2),
        max_steps: Some(14),
        ..eight_epochs()
    };
    assert_eq!(finished(&limits, &at(1, 3, 14, 2), &clock), None);
    assert_eq!(finished(&limits, &at(1, 0, 11, 0), &clock), Some(Finish::MaxTime));
    assert_eq!(finished(&limits, &at(1, 0, 11, 2), &clock), Some(Finish::EarlyStopping));
    assert_eq!(finished(&limits, &at(1, 0, 14, 2), &clock), Some(Finish::MaxSteps));
    assert_eq!(finished(&limits, &at(0, 0, 0, 0), &clock), None, "the first epoch takes a step whatever the time");
    // Fewer epochs are wanted than were begun.
    assert_eq!(finished(&limits, &at(8, 3, 99, 0), &clock), Some(Finish::Epochs));
}

#[test]
fn samples_that_are_not_numbers_are_named_where_they_are_evaluated() {
    let waves = Waves { unfit: Some(17), ..Waves::default() };
    let error = train_on_waves(&waves, &Training { epochs: 2, ..eight_epochs() }).err().unwrap();
    let TrainError::NotFinite(found) = &error else { unreachable!("{error}") };
    assert_eq!(found.cause, Cause::Evaluation { split: Split::Validation, samples: vec![17] });
    assert!(error.to_string().contains("[17]"), "{error}");
}

#[test]
fn what_the_last_update_broke_is_neither_judged_nor_saved() {
    let wild = Training { learning_rate: 1e39, max_steps: Some(1), ..eight_epochs() };
    let error = train_on_waves(&Waves::default(), &wild).err().unwrap();
    let TrainError::NotFinite(found) = &error else { unreachable!("{error}") };
    assert!(matches!(found.cause, Cause::Weights { .. }), "{error}");
}

/// Every registered baseline, a new one included, learns one batch of two kinds of waves within few steps.
#[test]
fn every_baseline_learns_a_batch_in_few_steps() {
    let device = Device::flex();
    for entry in registry::entries() {
        let rank = *entry.info.ranks.start();
        let shape = if rank == 1 { vec![48] } else { vec![20; rank] };
        let positions: usize = shape.iter().product();
        let spec = InputSpec::Values { channels: 1, shape };
        let size = 16;
        let wave = |sample: usize, t: usize| (t as f32 * [0.3, 0.9][sample % 2] + sample as f32).sin();
        let inputs = (0..size).flat_map(|sample| (0..positions).map(move |t| wave(sample, t))).collect();
        let labels = (0..size).map(|sample| (sample % 2) as i32).collect();
        let batch = Batch { size, inputs: Inputs::Values(inputs), targets: Targets::Labels(labels), lengths: None };
        let settings = Training { learning_rate: 0.003, grad_clip: Some(1.0), ..Training::default() };
        let config = (entry.resolve)(&json!({})).unwrap();
        let input = &spec;
        let mut model = (entry.build)(&config, input, &baselines::OutputSpec::Classes(2), 7, &device).unwrap();
        let mut optimiser = Optimiser::new(&settings, model.as_ref()).unwrap();
        let autodiff = device.clone().autodiff();
        // Pre-normalised networks overshoot at this learning rate, and take the time to come back; so do they in PyTorch.
        let steps = if ["mingru", "minlstm"].contains(&entry.info.name) { 120 } else { 20 };
        let mut losses = Vec::new();
        for step in 0..steps {
            let mut ctx = Forward::training(1, step);
            let output = model.forward(to_device(batch.inputs.clone(), None, &spec, &autodiff), &mut ctx).unwrap();
            let loss = loss::evaluate(output, &batch.targets, &OutputSpec::Classes(2)).loss;
            losses.push(f64::from(read_scalar(loss.clone().inner(), "the loss").unwrap()));
            let mut gradients = loss.backward();
            let mut gradients = model.take_gradients(&mut gradients);
            gradients::clip(&mut gradients, 1.0).unwrap();
            optimiser.step(model.as_mut(), gradients, settings.learning_rate);
        }
        // The smallest: some overshoot on so small a batch once they have learnt it.
        let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(best < 0.9 * losses[0], "{}: {losses:?}", entry.info.name);
    }
}
