//! One cell from its folder to its final status.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use baselines::device::DeviceChoice;
use baselines::{BuildError, Model};
use burn::tensor::Device;
use datasets::{DataError, Dataset, Library, Metric, Split};
use serde::{Deserialize, Serialize};
use vocabulary::record::{CellRecord, MetricKind, MetricLine, PartialEpoch, State as CellState, Status, StopReason};

use super::display::describe;
use super::folder::{self, CellFolder, FolderError};
use super::identity;
use super::initial::{self, InitialError};
use super::inputs::{InputError, Inputs};
use super::interrupt::Interrupt;
use super::telling::Telling;
use super::{memory, provenance, results};
use crate::experiment::{Cell, Missing, Training};
use crate::train::journal::{Journal, JournalError};
use crate::train::objective::Score;
use crate::train::optimiser::Optimiser;
use crate::train::progress::Progress;
use crate::train::seeds::Seeds;
use crate::train::{Epoch, Finish, Job, State, TrainError, Watch, checkpoint};

/// What all cells of a command share.
pub(crate) struct Bench<'a> {
    /// Experiment name.
    pub(crate) experiment: &'a str,
    /// What happens where data are missing.
    pub(crate) missing: Missing,
    /// Folder of the experiment.
    pub(crate) out: std::path::PathBuf,
    /// Data folder.
    pub(crate) library: &'a Library,
    /// Where to compute, without autodiff.
    pub(crate) device: Device,
    /// Its name.
    pub(crate) device_name: String,
    /// The resolved experiment file below the folder, which the records of the cells name.
    pub(crate) plan: Option<String>,
    /// Start every cell anew.
    pub(crate) fresh: bool,
    /// The process that holds the cells, as others are told.
    pub(crate) process: u32,
    /// Signals, and the end of orders.
    pub(crate) interrupt: Interrupt,
    /// Progress.
    pub(crate) display: Telling,
    /// The data set prepared last, by task name and settings.
    pub(crate) prepared: HashMap<String, Arc<dyn Dataset>>,
    /// Memory that belongs to no cell.
    pub(crate) memory: memory::Ledger,
}

/// Metrics of a cell.
const METRICS: &str = "metrics.jsonl";
/// Diagnostics of a cell.
const DIAGNOSTICS: &str = "diagnostics.jsonl";

/// How a cell ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Trained to its end, now or before.
    Done,
    /// Skipped, with the reason.
    Skipped,
    /// Failed.
    Failed {
        /// As it stands in `status.json`, where that can be written.
        reason: StopReason,
        /// The reason in words.
        message: String,
    },
    /// Another process works on it.
    Locked(String),
    /// Stopped by a signal or the command's deadline.
    Interrupted,
}

impl Outcome {
    /// A failure for `reason`, in the words of `message`.
    pub(super) fn failed(reason: StopReason, message: impl Into<String>) -> Self {
        Self::Failed { reason, message: message.into() }
    }

    /// In a word.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed { .. } => "failed",
            Self::Locked(_) => "locked",
            Self::Interrupted => "interrupted",
        }
    }

    /// In words.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Done => "done".into(),
            Self::Skipped => "skipped".into(),
            Self::Failed { message, .. } => format!("failed: {message}"),
            Self::Locked(message) => message.clone(),
            Self::Interrupted => "interrupted; run again to go on".into(),
        }
    }
}

/// Why a cell failed.
#[derive(Debug, thiserror::Error)]
enum CellError {
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    InitialWeights(#[from] InitialError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("the model cannot be built: {0}")]
    Build(#[from] BuildError),
    #[error("cannot write a record: {0}")]
    Record(#[from] serde_json::Error),
    /// It was trained for longer than is asked for, which would pass for the shorter training.
    #[error("{0}; ask for that much, or start the cell again with --fresh")]
    Longer(String),
    #[error("the diagnostics cannot be stored: {0}")]
    Diagnostics(String),
    #[error("the program failed: {0}")]
    Panic(String),
}

impl CellError {
    /// Reason in `status.json`.
    fn reason(&self) -> StopReason {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        let full = |error: &std::io::Error| matches!(error.kind(), StorageFull | QuotaExceeded);
        match self {
            Self::Train(TrainError::NotFinite { .. }) => StopReason::Nan,
            Self::Train(TrainError::Journal(JournalError::Io { source, .. })) if full(source) => StopReason::DiskFull,
            Self::Train(TrainError::Checkpoint(checkpoint::CheckpointError::Io { source, .. })) if full(source) => {
                StopReason::DiskFull
            }
            Self::Folder(FolderError::Io { source, .. }) if full(source) => StopReason::DiskFull,
            Self::Data(error) | Self::Train(TrainError::Data(error)) if error.is_disk_full() => StopReason::DiskFull,
            Self::Data(error) if error.is_missing() => StopReason::MissingData,
            Self::Panic(message) if is_out_of_memory(message) => StopReason::OutOfMemory,
            _ => StopReason::Error,
        }
    }
}

/// Whether a panic speaks of memory that could not be had: on a GPU in the words of Burn's backends and of CUDA, on the host
/// in those of a vector that would be longer than the address space.
fn is_out_of_memory(message: &str) -> bool {
    let message = message.to_lowercase().replace(['_', ' '], "");
    ["outofmemory", "capacityoverflow", "memoryallocation", "allocatememory"]
        .iter()
        .any(|words| message.contains(words))
}

/// Beginning of what is said of a cell whose state stays that of an earlier attempt.
const NOT_FURTHER: &str = "not trained further";

/// Whether the folder's status says that nothing is left to do for `settings`.
pub(crate) fn is_complete(status: &Status, before: Option<&CellRecord>, settings: &Training) -> bool {
    if status.state != CellState::Done {
        return false;
    }
    let before: Option<Training> = before.and_then(|cell| serde_json::from_value(cell.training.clone()).ok());
    let unbounded = |limit: Option<Duration>| limit.unwrap_or(Duration::MAX);
    match (status.reason, before) {
        (Some(StopReason::MaxTime), Some(before)) => unbounded(settings.max_time) <= unbounded(before.max_time),
        // Another `max_steps` is another cell.
        (Some(StopReason::MaxSteps), _) => true,
        (Some(StopReason::EarlyStopping), Some(before)) => {
            settings.early_stopping.unwrap_or(u32::MAX) <= before.early_stopping.unwrap_or(u32::MAX)
        }
        _ => status.epoch >= u64::from(settings.epochs),
    }
}

/// Run one cell; every error ends in its status file (where that can be written) and in the outcome.
pub(super) fn run(bench: &mut Bench<'_>, cell: &Cell, inputs: &Inputs) -> Outcome {
    let folder = match CellFolder::lock(&bench.out.join(&cell.id), bench.process) {
        Ok(folder) => folder,
        Err(error @ FolderError::Locked { .. }) => {
            bench.display.cell_ends(&cell.id, &error.to_string());
            return Outcome::Locked(error.to_string());
        }
        Err(error) => {
            bench.display.cell_ends(&cell.id, &format!("failed: {error}"));
            let error = CellError::from(error);
            return Outcome::failed(error.reason(), error.to_string());
        }
    };
    let mut status = match folder::read_status(folder.path()) {
        Ok(found) => found.unwrap_or_else(Status::pending),
        Err(error) => {
            // The checkpoint decides where the cell goes on; what the status said is lost.
            bench.display.line(&format!("{}: its status counts as new: {error}", cell.id));
            Status::pending()
        }
    };
    // A panic inside a numerical library must not take the other cells along.
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| attempt(bench, cell, inputs, &folder, &mut status)))
        .unwrap_or_else(|panic| Err(CellError::Panic(panic_message(panic.as_ref()))));
    let (outcome, text) = match result {
        Ok((outcome, text)) => (outcome, text),
        Err(CellError::Data(DataError::Stopped)) => {
            if status.state == CellState::Running {
                // By a process that is gone.
                status.state = CellState::Interrupted;
                status.reason = Some(StopReason::Interrupted);
            }
            (Outcome::Interrupted, Outcome::Interrupted.text())
        }
        Err(error) => {
            if status.state == CellState::Done || matches!(error, CellError::Longer(_)) {
                // Training has not begun anew: what was measured stands, and what was begun goes on when it is asked for.
                status.message = Some(format!("{NOT_FURTHER}: {error}"));
            } else {
                status.state = CellState::Failed;
                status.reason = Some(error.reason());
                status.message = Some(error.to_string());
            }
            (Outcome::failed(error.reason(), error.to_string()), format!("failed: {error}"))
        }
    };
    status.updated = Some(provenance::now());
    let written = folder.write_status(&status).and_then(|()| folder.log(&text));
    bench.display.cell_ends(&cell.id, &text);
    match written {
        Err(error) if !matches!(outcome, Outcome::Failed { .. }) => {
            bench.display.line(&format!("{}: {error}", cell.id));
            let error = CellError::from(error);
            Outcome::failed(error.reason(), error.to_string())
        }
        _ => outcome,
    }
}

fn attempt(
    bench: &mut Bench<'_>,
    cell: &Cell,
    inputs: &Inputs,
    folder: &CellFolder,
    status: &mut Status,
) -> Result<(Outcome, String), CellError> {
    // What a fresh start discards stands until there is something to put in its place.
    let before = if bench.fresh { None } else { folder::read_cell(folder.path())? };
    if !bench.fresh && is_complete(status, before.as_ref(), &cell.training) {
        let more = if status.epoch > u64::from(cell.training.epochs) {
            format!(": {} epochs, more than the {} asked for", status.epoch, cell.training.epochs)
        } else {
            String::new()
        };
        let Some(missing) = results::missing(folder.path()) else {
            // What an extension lacked that is no longer asked for.
            status.message.take_if(|message| message.starts_with(NOT_FURTHER));
            return Ok((Outcome::Done, format!("already done{more}")));
        };
        // The checkpoint gives the result once more.
        bench.display.line(&format!("{}: done, but {missing}; going on from its checkpoint", cell.id));
        folder.log(&format!("warning: {missing}"))?;
        // What was measured stands no longer.
        status.state = CellState::Interrupted;
    }
    if let Some(reason) = &cell.not_applicable {
        return skip(bench, cell, folder, status, StopReason::NotApplicable, reason);
    }
    inputs.check()?;
    let left_over_bytes = tidy(bench, cell);
    let dataset = match prepare(bench, cell) {
        Err(error) if error.is_missing() && bench.missing == Missing::Skip => {
            return skip(bench, cell, folder, status, StopReason::MissingData, &error.to_string());
        }
        other => other?,
    };
    let sizes = Split::ALL.map(|split| dataset.len(split));
    let samples = Some((dataset.content_hash(), sizes));
    let mut record = identity::record(cell, bench.experiment, &bench.device_name, samples)?;
    record.task.notes = dataset.notes();
    record.task.notes.extend(initial::contradictions(cell));
    record.plan.clone_from(&bench.plan);
    let begun = before.as_ref().filter(|before| before.task.data_hash.is_some());
    if let Some(before) = begun {
        identity::go_on(&mut record, before)?;
        if before.hash != record.hash {
            let [then, now] = [identity::comparable(before)?, identity::comparable(&record)?];
            let changes = folder::differences(&then, &now, &identity::not_hashed()).join("; ");
            let path = folder.path().join("cell.yaml");
            return Err(FolderError::Record { path, reason: format!("the cell has changed ({changes})") }.into());
        }
    }

    cell.training.precision.apply();
    let spec = cell.task.task.spec();
    let seeds = Seeds::derive(cell.seed);
    let (input, output) = (&spec.input, &spec.target);
    let mut model = (cell.baseline.entry.build)(&cell.baseline.config, input, output, seeds.init, &bench.device)?;
    let mut optimiser = Optimiser::new(&cell.training, model.as_ref()).map_err(TrainError::from)?;
    let mut progress = Progress::start();
    let mut best = None;
    let last = folder.path().join("checkpoints").join("last.safetensors");
    let found = if bench.fresh { None } else { checkpoint::load(&last).map_err(TrainError::from)? };
    let steps_per_epoch = cell.training.steps_in_epoch(dataset.len(Split::Train)) as u64;
    if let Some(before) = begun {
        let steps = found.as_ref().map_or(0, |loaded| loaded.progress.step);
        identity::note_extension(&mut record, before, steps, steps_per_epoch)?;
    }
    if let Some(loaded) = found {
        if !identity::is_of(&record, &loaded.cell_hash)? {
            let reason = "it belongs to another configuration".to_owned();
            return Err(TrainError::from(checkpoint::CheckpointError::Invalid { path: last, reason }).into());
        }
        loaded.restore_model(model.as_mut()).map_err(TrainError::from)?;
        loaded.restore_optimiser(&mut optimiser, &bench.device);
        best = loaded.best();
        progress = loaded.progress;
        check_journals(folder, &progress)?;
        if let Some(before) = begun {
            check_length(cell, folder, before, &progress, steps_per_epoch)?;
        }
    } else if let Some(path) = &cell.training.initial_weights {
        let notes = initial::load(path, cell, model.as_mut(), &bench.device)?;
        folder.log(&format!("begins with the weights of {}", path.display()))?;
        for note in notes {
            folder.log(&format!("initial weights: {note}"))?;
        }
        for contradiction in initial::contradictions(cell) {
            folder.log(&contradiction)?;
            bench.display.line(&format!("{}: {contradiction}", cell.id));
        }
    }
    if bench.fresh {
        folder.clear()?;
        *status = Status::pending();
    }
    // From here on the folder belongs to these settings, samples and weights.
    folder.write_cell(&record)?;
    if let Some(extension) = record.extension() {
        folder.log(&extension)?;
    }
    announce(bench, cell, folder, status, model.as_ref(), &progress)?;

    let open = |name: &str, keep| Journal::open(&folder.path().join(name), keep).map_err(TrainError::from);
    let mut metrics = open(METRICS, progress.metrics_bytes)?;
    let mut diagnostics = open(DIAGNOSTICS, progress.diagnostics_bytes)?;
    let job = Job {
        hash: &record.hash,
        labels: (&cell.baseline.label, &cell.task.label),
        settings: &cell.training,
        seed: cell.seed,
        seeds,
        dataset: dataset.as_ref(),
        spec,
        device: &bench.device,
        folder: folder.path().to_owned(),
        left_over_bytes,
    };
    memory::restart(&bench.device);
    let mut state = State { model, optimiser, best, progress };
    let mut watch = CellWatch {
        bench,
        cell,
        folder,
        status: status.clone(),
        epochs: u64::from(cell.training.epochs),
        begun: Instant::now(),
        epochs_before: state.progress.epoch,
        last: None,
    };
    let result = crate::train::train(&job, &mut state, &mut metrics, &mut diagnostics, &mut watch);
    let last = watch.last.take();
    // The warning of a cell that did not learn to its end stays with it.
    *status = watch.status;
    let finish = result?;
    status.epoch = state.progress.epoch;
    status.seconds = state.progress.seconds;
    let (state, reason, words) = match finish {
        Finish::Stopped => (CellState::Interrupted, Some(StopReason::Interrupted), "interrupted; run again to go on"),
        Finish::Epochs => (CellState::Done, None, "done"),
        Finish::MaxSteps => (CellState::Done, Some(StopReason::MaxSteps), "done (training.max_steps)"),
        Finish::EarlyStopping => {
            (CellState::Done, Some(StopReason::EarlyStopping), "done (stopped early: no improvement)")
        }
        Finish::MaxTime => (CellState::Done, Some(StopReason::MaxTime), "done (stopped by training.max_time)"),
    };
    status.state = state;
    status.reason = reason;
    if finish == Finish::Stopped {
        return Ok((Outcome::Interrupted, words.into()));
    }
    let lines = folder.path().join(DIAGNOSTICS);
    reports::convert_diagnostics(&lines, &folder.path().join("diagnostics.parquet"))
        .map_err(|error| CellError::Diagnostics(error.to_string()))?;
    let validation = last.map(|score| format!(", validation {}", describe(&score, spec.metric))).unwrap_or_default();
    let partial =
        status.partial_epoch.map(|PartialEpoch { steps, of }| format!(" and {steps} of {of} steps of another"));
    let extension = record.extension().map(|text| format!(" ({text})")).unwrap_or_default();
    let trained = format!("{} epochs{}{extension}", status.epoch, partial.unwrap_or_default());
    Ok((Outcome::Done, format!("{words} after {trained}{validation}")))
}

/// What a checkpoint belongs to must be there before anything in the folder is changed: a result that was measured is not to
/// be lost with an extension that cannot begin.
fn check_journals(folder: &CellFolder, progress: &Progress) -> Result<(), CellError> {
    let check = |name: &str, keep| Journal::check(&folder.path().join(name), keep).map_err(TrainError::from);
    check(METRICS, progress.metrics_bytes)?;
    check(DIAGNOSTICS, progress.diagnostics_bytes)?;
    Ok(())
}

/// A training may go on for longer than it was planned, but one that went on for longer than is asked for now is not the
/// shorter one, whatever its schedule: its best epoch may lie beyond the end.
fn check_length(
    cell: &Cell,
    folder: &CellFolder,
    before: &CellRecord,
    progress: &Progress,
    steps_per_epoch: u64,
) -> Result<(), CellError> {
    let (was, now): (Training, &Training) = (serde_json::from_value(before.training.clone())?, &cell.training);
    let Progress { epoch, step_in_epoch, step, .. } = *progress;
    let trained = match step_in_epoch {
        0 => format!("it has trained {epoch} epochs"),
        steps => format!("it has trained {epoch} epochs and {steps} of {steps_per_epoch} steps of another"),
    };
    if step > now.total_steps(steps_per_epoch) {
        return Err(CellError::Longer(format!("{trained}, more than the {} asked for", now.epochs)));
    }
    if let Some(limit) = now.max_time
        && was.max_time.is_none_or(|was| was > limit)
        && progress.seconds > limit.as_secs_f64()
    {
        let text = format!("it has trained for {:.1} s, more than the `max_time` asked for", progress.seconds);
        return Err(CellError::Longer(text));
    }
    if let Some(patience) = now.early_stopping
        && was.early_stopping.is_none_or(|was| was > patience)
    {
        let metric = cell.task.task.spec().metric;
        let values = validations(folder, metric, progress.metrics_bytes)?;
        let end = crate::train::patience_ends(values, metric.higher_is_better(), patience);
        if let Some(end) = end.filter(|end| *end < epoch || step_in_epoch > 0) {
            let text = format!("{trained}; `early_stopping: {patience}` would have ended it after epoch {end}");
            return Err(CellError::Longer(text));
        }
    }
    Ok(())
}

/// The validation metric of every whole epoch among the first `bytes` of the metrics.
fn validations(folder: &CellFolder, metric: Metric, bytes: u64) -> Result<Vec<f64>, CellError> {
    let path = folder.path().join(METRICS);
    let text = std::fs::read(&path).map_err(|source| FolderError::Io { action: "read", path: path.clone(), source })?;
    let text = &text[..text.len().min(usize::try_from(bytes).unwrap_or(usize::MAX))];
    let mut values = Vec::new();
    for row in text.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()) {
        let line: MetricLine = serde_json::from_slice(row)
            .map_err(|error| FolderError::Record { path: path.clone(), reason: error.to_string() })?;
        let validation = line.kind == MetricKind::Epoch && line.split == Some(Split::Validation);
        if validation && !line.partial && line.name == metric.name() {
            values.push(line.value.unwrap_or(f64::NAN));
        }
    }
    Ok(values)
}

/// Mark a cell as skipped. One that has been trained, in part or to its end, keeps its record and its state: they say what was
/// measured, and by which settings it goes on.
fn skip(
    bench: &Bench<'_>,
    cell: &Cell,
    folder: &CellFolder,
    status: &mut Status,
    reason: StopReason,
    words: &str,
) -> Result<(Outcome, String), CellError> {
    let begun = folder::read_cell(folder.path())?.is_some_and(|before| before.task.data_hash.is_some());
    if begun {
        status.message = Some(format!("{NOT_FURTHER}: {words}"));
        return Ok((Outcome::Skipped, format!("skipped, what was trained stands: {words}")));
    }
    let mut record = identity::record(cell, bench.experiment, &bench.device_name, None)?;
    record.plan.clone_from(&bench.plan);
    folder.write_cell(&record)?;
    status.state = CellState::Skipped;
    status.reason = Some(reason);
    status.message = Some(words.into());
    Ok((Outcome::Skipped, format!("skipped: {words}")))
}

/// Status, log and display at the start of an attempt, with the parameter groups.
fn announce(
    bench: &Bench<'_>,
    cell: &Cell,
    folder: &CellFolder,
    status: &mut Status,
    model: &dyn Model,
    progress: &Progress,
) -> Result<(), CellError> {
    status.state = CellState::Running;
    status.reason = None;
    status.message = None;
    status.partial_epoch = None;
    status.seconds = progress.seconds;
    status.epoch = progress.epoch;
    let device_name = bench.device_name.parse().ok().and_then(DeviceChoice::model);
    provenance::begin(status, &bench.device_name, device_name, progress.epoch);
    folder.write_status(status)?;
    let parameters = baselines::network::count_parameters(model);
    folder.log(&format!(
        "attempt {} on {}: {parameters} trainable parameters, from epoch {}, step {}",
        status.attempts, bench.device_name, progress.epoch, progress.step
    ))?;
    for group in model.groups() {
        folder.log(&format!("parameter group {group:?}"))?;
    }
    bench.display.cell_begins(&cell.id, u64::from(cell.training.epochs), progress.epoch);
    Ok(())
}

/// The samples of a cell's task, prepared once for all cells of it that follow each other.
fn prepare(bench: &mut Bench<'_>, cell: &Cell) -> Result<Arc<dyn Dataset>, DataError> {
    let key = sample_key(cell);
    if let Some(ready) = bench.prepared.get(&key) {
        return Ok(ready.clone());
    }
    let Bench { library, display, device, memory, .. } = bench;
    let dataset = memory.samples(device, || cell.task.task.prepare(library, display))?;
    let dataset: Arc<dyn Dataset> = dataset.into();
    bench.prepared.insert(key, dataset.clone());
    Ok(dataset)
}

/// What decides the samples of a cell.
fn sample_key(cell: &Cell) -> String {
    format!("{} {}", cell.task.name, cell.task.config)
}

/// Drop the samples of other tasks, of which no cell comes any more, and find what earlier cells have left, in bytes.
fn tidy(bench: &mut Bench<'_>, cell: &Cell) -> u64 {
    let key = sample_key(cell);
    bench.prepared.retain(|prepared, _| *prepared == key);
    bench.memory.left_over(&bench.device, !bench.prepared.is_empty())
}

/// Shows a cell's progress and keeps its status file up to date.
struct CellWatch<'a, 'b> {
    bench: &'a Bench<'b>,
    cell: &'a Cell,
    folder: &'a CellFolder,
    status: Status,
    epochs: u64,
    begun: Instant,
    epochs_before: u64,
    last: Option<Score>,
}

impl Watch for CellWatch<'_, '_> {
    fn epoch_begins(&mut self, progress: &Progress, steps: u64) {
        self.bench.display.epoch_begins(progress, steps);
    }

    fn step_taken(&mut self, progress: &Progress, samples_per_second: f64) {
        self.bench.display.step_taken(progress, self.cell.task.task.spec().metric, samples_per_second);
    }

    fn epoch_ended(&mut self, progress: &Progress, epoch: &Epoch<'_>) {
        let Epoch { number, partial, train, validation, seconds, waited } = *epoch;
        self.last = Some(validation.clone());
        self.status.epoch = progress.epoch;
        self.status.partial_epoch = partial.map(|[steps, of]| PartialEpoch { steps, of });
        self.status.seconds = seconds;
        self.status.updated = Some(provenance::now());
        let metric = self.cell.task.task.spec().metric;
        let part = partial.map(|[steps, of]| format!(" ({steps} of {of} steps)")).unwrap_or_default();
        let name = format!("epoch {number}{part}");
        let message = format!(
            "{name}: train {}, validation {}; steps waited {waited:.3} s for samples",
            describe(train, metric),
            describe(validation, metric)
        );
        if let Err(error) = self.folder.write_status(&self.status).and_then(|()| self.folder.log(&message)) {
            // Training goes on: the checkpoint decides what is lost, and it fails by itself on a full disk.
            self.bench.display.line(&format!("{}: {error}", self.cell.id));
        }
        let per_epoch = self.begun.elapsed() / (progress.epoch - self.epochs_before).max(1) as u32;
        let left = per_epoch * self.epochs.saturating_sub(progress.epoch) as u32;
        self.bench.display.epoch_ended(
            &self.cell.id,
            &name,
            progress.epoch,
            &format!("train {}, validation {}", describe(train, metric), describe(validation, metric)),
            left,
        );
    }

    fn loss_judged(&mut self, warning: Option<String>) {
        if let Some(warning) = &warning {
            tracing::warn!("{}: {warning}", self.cell.id);
        }
        let written = match &warning {
            Some(warning) => self.folder.log(warning),
            None => Ok(()),
        };
        self.status.message = warning;
        if let Err(error) = written.and_then(|()| self.folder.write_status(&self.status)) {
            // As after an epoch: the next checkpoint decides.
            self.bench.display.line(&format!("{}: {error}", self.cell.id));
        }
    }

    fn warned(&mut self, warning: String) {
        tracing::warn!("{}: {warning}", self.cell.id);
        if let Err(error) = self.folder.log(&format!("warning: {warning}")) {
            self.bench.display.line(&format!("{}: {error}", self.cell.id));
        }
        self.status.message = Some(warning);
    }

    fn wants_to_stop(&self) -> bool {
        self.bench.interrupt.requested()
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown panic".into())
}
