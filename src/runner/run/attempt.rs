//! An attempt at a run: what is left to do, where it goes on, and what came of it.

use std::time::Instant;

use baselines::{Model, device::DeviceChoice};
use datasets::{Dataset, Split};
use vocabulary::record::{PartialEpoch, RunRecord, State as RunState, Status, StopReason};

use super::RunContext;
use super::failure::RunFailure;
use super::resume::{check_length, is_complete, missing_results};
use super::watch::RunWatch;
use crate::experiment::{Missing, Run};
use crate::files::checkpoint::{Checkpoint, CheckpointError};
use crate::files::{FolderError, RunFolder, run_folder};
use crate::runner::{Inputs, Outcome, identity, initial_weights, provenance};
use crate::training::{
    DIAGNOSTICS, Finish, Job, Journals, Newest, Optimiser, Progress, Score, Seeds, State, TrainError, memory, newest,
    restore, train,
};

/// Beginning of what is said of a run whose state stays that of an earlier attempt.
pub(super) const NOT_FURTHER: &str = "not trained further";

/// What came of an attempt, and what is said of it.
type Ended = (Outcome, String);

/// An attempt at a run.
pub(super) struct Attempt<'a, 'b> {
    /// What the runs of the worker share.
    pub(super) context: &'a mut RunContext<'b>,
    pub(super) run: &'a Run,
    /// Its folder.
    pub(super) folder: &'a RunFolder,
    /// Its status, which the caller writes at the end.
    pub(super) status: &'a mut Status,
}

impl Attempt<'_, '_> {
    /// Train the run, which is made of the files `inputs`, as far as is asked for, from its checkpoint where there is one.
    pub(super) fn make(mut self, inputs: &Inputs) -> Result<Ended, RunFailure> {
        // What a fresh start discards stands until there is something to put in its place.
        let before = if self.context.setup.fresh { None } else { run_folder::read_record(self.folder.path())? };
        if let Some(done) = self.already_done(before.as_ref())? {
            return Ok(done);
        }
        if let Some(reason) = &self.run.not_applicable {
            return self.skip(StopReason::NotApplicable, reason);
        }
        inputs.check()?;
        let left_over_bytes = self.context.tidy(self.run);
        let dataset = match self.context.prepare(self.run) {
            Err(error) if error.is_missing() && self.context.setup.missing == Missing::Skip => {
                return self.skip(StopReason::MissingData, &error.to_string());
            }
            other => other?,
        };
        let begun = before.filter(|before| before.task.data_hash.is_some());
        let mut record = self.record(dataset.as_ref(), begun.as_ref())?;
        let state = self.state(dataset.as_ref(), begun.as_ref(), &mut record)?;
        if self.context.setup.fresh {
            self.folder.clear()?;
            *self.status = Status::pending();
        }
        // From here on the folder belongs to these settings, samples and weights.
        self.folder.write_record(&record)?;
        if let Some(extension) = record.extension() {
            self.folder.log(&extension)?;
        }
        self.folder.remove_evaluations()?;
        self.record_start(state.model.as_ref(), &state.progress)?;
        let (finish, validation) = self.train(&record, dataset.as_ref(), state, left_over_bytes)?;
        self.conclude(&record, finish, validation.as_ref())
    }

    /// Where nothing is left to do, what is said of it.
    fn already_done(&mut self, before: Option<&RunRecord>) -> Result<Option<Ended>, RunFailure> {
        let Self { context, run, folder, status } = self;
        if context.setup.fresh || !is_complete(status, before, &run.training) {
            return Ok(None);
        }
        if let Some(missing) = missing_results(folder.path()) {
            // The checkpoint gives the result once more.
            context.reporter.line(&format!("{}: done, but {missing}; going on from its checkpoint", run.id));
            folder.log(&format!("warning: {missing}"))?;
            // What was measured stands no longer.
            status.state = RunState::Interrupted;
            return Ok(None);
        }
        let more = if status.epoch > u64::from(run.training.epochs) {
            format!(": {} epochs, more than the {} asked for", status.epoch, run.training.epochs)
        } else {
            String::new()
        };
        // What an extension lacked that is no longer asked for.
        status.message.take_if(|message| message.starts_with(NOT_FURTHER));
        Ok(Some((Outcome::Done, format!("already done{more}"))))
    }

    /// Mark the run as skipped. One that has been trained, in part or to its end, keeps its record and its state: they say what
    /// was measured, and by which settings it goes on.
    fn skip(self, reason: StopReason, words: &str) -> Result<Ended, RunFailure> {
        let Self { context, run, folder, status } = self;
        let begun = run_folder::read_record(folder.path())?.is_some_and(|before| before.task.data_hash.is_some());
        if begun {
            status.message = Some(format!("{NOT_FURTHER}: {words}"));
            return Ok((Outcome::Skipped, format!("skipped, what was trained stands: {words}")));
        }
        let mut record = identity::record(run, &context.setup.experiment, &context.device_name, None)?;
        record.plan.clone_from(&context.setup.plan);
        folder.write_record(&record)?;
        status.state = RunState::Skipped;
        status.reason = Some(reason);
        status.message = Some(words.into());
        Ok((Outcome::Skipped, format!("skipped: {words}")))
    }

    /// The record of the run, as the same that has `begun` before.
    ///
    /// # Errors
    /// What has begun in the folder has other settings or samples.
    fn record(&self, dataset: &dyn Dataset, begun: Option<&RunRecord>) -> Result<RunRecord, RunFailure> {
        let Self { context, run, .. } = self;
        let sizes = Split::ALL.map(|split| dataset.len(split));
        let samples = Some((dataset.content_hash(), sizes));
        let mut record = identity::record(run, &context.setup.experiment, &context.device_name, samples)?;
        record.task.notes = dataset.notes();
        record.task.notes.extend(initial_weights::contradictions(run));
        record.plan.clone_from(&context.setup.plan);
        let Some(before) = begun else { return Ok(record) };
        identity::go_on(&mut record, before, &run.baseline.entry)?;
        if before.hash != record.hash {
            let changes = identity::changes(before, &record, &run.baseline.entry)?.join("; ");
            let path = self.folder.path().join("cell.yaml");
            return Err(FolderError::Record { path, reason: format!("the run has changed ({changes})") }.into());
        }
        Ok(record)
    }

    /// The network, the optimiser and the position to train from: those of the checkpoint, or else the beginning.
    fn state(
        &self,
        dataset: &dyn Dataset,
        begun: Option<&RunRecord>,
        record: &mut RunRecord,
    ) -> Result<State, RunFailure> {
        let Self { context, run, folder, .. } = self;
        let model = run.build(Seeds::derive(run.seed).init, &context.device)?;
        let optimiser = Optimiser::new(&run.training, model.as_ref()).map_err(TrainError::from)?;
        let mut state = State { model, optimiser, best: None, progress: Progress::start() };
        let found = if context.setup.fresh { None } else { self.newest()? };
        let steps_per_epoch = run.training.steps_in_epoch(dataset.len(Split::Train)) as u64;
        if let Some(before) = begun {
            let steps = found.as_ref().map_or(0, |found| found.position.step);
            identity::note_extension(record, before, steps, steps_per_epoch, &run.baseline.entry)?;
        }
        if let Some(found) = found {
            if !identity::is_of(record, &found.run_hash, &run.baseline.entry)? {
                let reason = "it belongs to another configuration".to_owned();
                return Err(TrainError::from(found.invalid(reason)).into());
            }
            restore(&found, &mut state, &context.device).map_err(TrainError::from)?;
            // What a checkpoint belongs to must be there before anything in the folder is changed: a result that was measured
            // is not to be lost with an extension that cannot begin.
            Journals::check(folder.path(), &state.progress).map_err(TrainError::from)?;
            if let Some(before) = begun {
                check_length(run, folder, before, &state.progress, steps_per_epoch)?;
            }
        } else if let Some(path) = &run.training.initial_weights {
            let out = folder.path().parent().unwrap_or(folder.path());
            let notes = initial_weights::begin(path, run, out, state.model.as_mut(), &context.device)?;
            folder.log(&format!("begins with the weights of {}", path.display()))?;
            for note in notes {
                folder.log(&format!("initial weights: {note}"))?;
            }
            for contradiction in initial_weights::contradictions(run) {
                folder.log(&contradiction)?;
                context.reporter.line(&format!("{}: {contradiction}", run.id));
            }
        }
        Ok(state)
    }

    /// The checkpoint to go on from. What is said of the one before the last belongs to the log: it costs time, and no value.
    fn newest(&self) -> Result<Option<Checkpoint>, RunFailure> {
        let Self { context, run, folder, .. } = self;
        let found = newest(folder.path()).map_err(TrainError::from)?;
        let Some(Newest { checkpoint, passed_over }) = found else { return Ok(None) };
        if let Some(wrong) = passed_over {
            let wrong = match wrong {
                CheckpointError::Invalid { path, reason } => {
                    format!("checkpoint {} cannot be used: {reason}", path.display())
                }
                other => other.to_string(),
            };
            let words = format!("{wrong}; going on from the one before it, of step {}", checkpoint.position.step);
            context.reporter.line(&format!("{}: {words}", run.id));
            folder.log(&format!("warning: {words}"))?;
        }
        Ok(Some(checkpoint))
    }

    /// Write status and log at the start of the training, with the parameter groups.
    fn record_start(&mut self, model: &dyn Model, progress: &Progress) -> Result<(), RunFailure> {
        let Self { context, run, folder, status } = self;
        status.state = RunState::Running;
        status.reason = None;
        status.message = None;
        status.partial_epoch = None;
        status.seconds = progress.seconds;
        status.epoch = progress.epoch;
        let device_name = context.device_name.parse().ok().and_then(DeviceChoice::model);
        provenance::begin(status, &context.device_name, device_name, progress.epoch);
        folder.write_status(status)?;
        let parameters = baselines::network::count_parameters(model);
        folder.log(&format!(
            "attempt {} on {}: {parameters} trainable parameters, from epoch {}, step {}",
            status.attempts, context.device_name, progress.epoch, progress.step
        ))?;
        for group in model.groups() {
            folder.log(&format!("parameter group {group:?}"))?;
        }
        context.reporter.run_begins(&run.id, u64::from(run.training.epochs), progress.epoch);
        Ok(())
    }

    /// Train from `state`; how it ended, with the validation score of the last epoch of this attempt.
    fn train(
        &mut self,
        record: &RunRecord,
        dataset: &dyn Dataset,
        mut state: State,
        left_over_bytes: u64,
    ) -> Result<(Finish, Option<Score>), RunFailure> {
        let Self { context, run, folder, status } = self;
        let journals = Journals::open(folder.path(), &state.progress).map_err(TrainError::from)?.held_by(folder.hold());
        let job = Job {
            hash: &record.hash,
            labels: (&run.baseline.label, &run.task.label),
            settings: &run.training,
            until: context.until,
            seed: run.seed,
            seeds: Seeds::derive(run.seed),
            dataset,
            spec: run.spec(),
            device: &context.device,
            folder: folder.path().to_owned(),
            left_over_bytes,
        };
        memory::restart(&context.device);
        let mut watch = RunWatch {
            context,
            run,
            folder,
            status: status.clone(),
            begun: Instant::now(),
            epochs_before: state.progress.epoch,
            last: None,
        };
        let result = train(&job, &mut state, journals, &mut watch);
        // The warning of a run that did not learn to its end stays with it.
        **status = watch.status;
        let finish = result?;
        status.epoch = state.progress.epoch;
        status.seconds = state.progress.seconds;
        Ok((finish, watch.last))
    }

    /// Put the end of the training into the status, and in words.
    fn conclude(self, record: &RunRecord, finish: Finish, validation: Option<&Score>) -> Result<Ended, RunFailure> {
        let Self { run, folder, status, .. } = self;
        let (state, reason, words) = match finish {
            Finish::Stopped => {
                (RunState::Interrupted, Some(StopReason::Interrupted), "interrupted; run again to go on")
            }
            Finish::Paused => (
                RunState::Interrupted,
                Some(StopReason::Rung),
                "paused until it is known which trials of the search go on",
            ),
            Finish::Epochs => (RunState::Done, None, "done"),
            Finish::MaxSteps => (RunState::Done, Some(StopReason::MaxSteps), "done (training.max_steps)"),
            Finish::EarlyStopping => {
                (RunState::Done, Some(StopReason::EarlyStopping), "done (stopped early: no improvement)")
            }
            Finish::MaxTime => (RunState::Done, Some(StopReason::MaxTime), "done (stopped by training.max_time)"),
        };
        status.state = state;
        status.reason = reason;
        if finish == Finish::Stopped {
            return Ok((Outcome::Interrupted, words.into()));
        }
        if finish == Finish::Paused {
            return Ok((Outcome::Paused, format!("epoch {}: {words}", status.epoch)));
        }
        folder.hold().check().map_err(FolderError::from)?;
        let lines = folder.path().join(DIAGNOSTICS);
        reports::convert_diagnostics(&lines, &folder.path().join("diagnostics.parquet"))
            .map_err(|error| RunFailure::Diagnostics(error.to_string()))?;
        let metric = run.spec().metric;
        let validation = validation.map(|score| format!(", validation {}", score.describe(metric))).unwrap_or_default();
        let partial =
            status.partial_epoch.map(|PartialEpoch { steps, of }| format!(" and {steps} of {of} steps of another"));
        let extension = record.extension().map(|text| format!(" ({text})")).unwrap_or_default();
        let trained = format!("{} epochs{}{extension}", status.epoch, partial.unwrap_or_default());
        Ok((Outcome::Done, format!("{words} after {trained}{validation}")))
    }
}
