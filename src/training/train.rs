//! The training loop: epochs until a limit or the watcher ends them, then the test.

use std::time::Duration;

use datasets::Split;
use vocabulary::record::inspection::Stage;

use super::epoch::{Histograms, evaluate, inspection, judge, probe, probe_at_end};
use super::health::{Cause, finite, stuck_at_chance};
use super::metrics::{keep_outcomes, lines};
use super::state::{Clock, Session, forget_previous, save, save_best};
use super::step::step;
use super::{EpochOrder, Finish, Job, Journals, Progress, State, TrainError, Watch, best_path, memory, prefetch};
use crate::experiment::Training;
use crate::files::{CheckpointError, tensors};

/// Time between checkpoints within an epoch.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

/// How the steps of an epoch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Steps {
    /// All were taken.
    Whole,
    /// `max_time` is used up.
    TimeUp,
    /// The watcher asked for it.
    Stopped,
}

/// Train until the settings, the order or the watcher end it, then write the final metrics (unless it is to go on later).
pub(crate) fn train(
    job: &Job<'_>,
    state: &mut State,
    journals: Journals,
    watch: &mut dyn Watch,
) -> Result<Finish, TrainError> {
    let clock = Clock::start(state.progress.seconds);
    let session = &mut Session { job, state, journals, watch, clock };
    if session.state.progress.step == 0 && session.journals.diagnostics.bytes() == 0 {
        probe(session, Histograms::OfLogits)?;
        inspection::keep(job, session.state.model.as_ref(), Stage::Initial)?;
        save(session)?;
    }
    let finish = loop {
        if let Some(finish) = finished(job.settings, &session.state.progress, &session.clock) {
            break finish;
        }
        // Its checkpoint was written with the last epoch.
        if job.until.is_some_and(|until| session.state.progress.epoch >= until) {
            return Ok(Finish::Paused);
        }
        match train_epoch(session)? {
            Some(Finish::Stopped) => return Ok(Finish::Stopped),
            Some(limit) => break limit,
            None => {}
        }
    };
    match conclude(session) {
        Err(TrainError::Stopped) => Ok(Finish::Stopped),
        concluded => concluded.map(|()| finish),
    }
}

/// Take and judge the steps of an epoch, or what is left of them; what ended the training within it, if something did.
fn train_epoch(session: &mut Session<'_>) -> Result<Option<Finish>, TrainError> {
    let job = session.job;
    let steps = job.settings.steps_in_epoch(job.dataset.len(Split::Train)) as u64;
    let Progress { step, step_in_epoch, .. } = session.state.progress;
    // `max_steps` may end an epoch early.
    let left = job.settings.max_steps.map_or(u64::MAX, |most| most.saturating_sub(step));
    let last = steps.min(step_in_epoch.saturating_add(left));
    session.watch.epoch_begins(&session.state.progress, last);
    let (ended, waited) = take_steps(session, [steps, last])?;
    let limit = match ended {
        Steps::Stopped => {
            save(session)?;
            return Ok(Some(Finish::Stopped));
        }
        Steps::TimeUp => Finish::MaxTime,
        Steps::Whole if last < steps => Finish::MaxSteps,
        // Stopped while it is judged, nothing has changed.
        Steps::Whole => match judge(session, None, waited).and_then(|()| save(session)) {
            Err(TrainError::Stopped) => {
                // All steps of the epoch are taken; it is judged when training goes on.
                save(session)?;
                return Ok(Some(Finish::Stopped));
            }
            ended => return ended.map(|()| None),
        },
    };
    // The position stays that within the epoch: a later extension goes on from there, as if nobody had looked, and
    // what is stopped or killed from here on looks again.
    save(session)?;
    match judge(session, Some(steps), waited) {
        Err(TrainError::Stopped) => Ok(Some(Finish::Stopped)),
        judged => judged.map(|()| Some(limit)),
    }
}

/// What is left of the first `last` of the epoch's `steps` steps, unless time or the watcher end them; with the seconds that
/// they waited for their samples, which `training.workers` threads read ahead.
fn take_steps(session: &mut Session<'_>, [steps, last]: [u64; 2]) -> Result<(Steps, f64), TrainError> {
    let job = session.job;
    let Progress { epoch, step_in_epoch, .. } = session.state.progress;
    let order = EpochOrder::new(job.dataset.len(Split::Train), job.settings.batch_size, job.seeds.order, epoch);
    let parts = job.settings.accumulate_grad_steps as u64;
    let stream = job.seeds.augmentation(epoch);
    let read = |index| job.dataset.read_for_training(order.batch(index), stream);
    let end = (last * parts).min(order.batches());
    prefetch::ahead(job.settings.workers, (step_in_epoch * parts).min(end)..end, &read, |batches| {
        while session.state.progress.step_in_epoch < last {
            // An epoch that has begun takes at least one step, lest there be nothing to judge.
            if session.state.progress.step_in_epoch > 0 && session.clock.is_over(job.settings.max_time) {
                return Ok((Steps::TimeUp, batches.waited().as_secs_f64()));
            }
            if session.watch.wants_to_stop() {
                return Ok((Steps::Stopped, batches.waited().as_secs_f64()));
            }
            let Progress { step: before, step_in_epoch, .. } = session.state.progress;
            // What ends an epoch is looked at with its validation.
            let ends_epoch = step_in_epoch + 1 == steps;
            // The scale of logits moves most in the first steps.
            let is_early = epoch == 0 && (before + 1).is_power_of_two();
            let taken = step(job, session.state, batches, &order, steps, is_early || ends_epoch)?;
            let Session { state, journals, watch, clock, .. } = session;
            let step = state.progress.step;
            if let Some(layers) = &taken.gradients {
                journals.diagnostics.append(&lines::gradients(job.labels, job.seed, step, layers))?;
            }
            if step.is_multiple_of(u64::from(job.settings.log_every)) {
                journals.metrics.append(&lines::step(&state.progress, &taken, clock.seconds()))?;
            }
            watch.step_taken(&state.progress, taken.samples as f64 / taken.seconds);
            if step.is_multiple_of(stuck_at_chance::STEPS) {
                watch.loss_judged(state.progress.stuck_at_chance.judge(&job.spec.target, step));
            }
            if is_early && !ends_epoch {
                probe(session, Histograms::None)?;
            }
            if session.clock.since_save() > CHECKPOINT_EVERY {
                save(session)?;
            }
        }
        Ok((Steps::Whole, batches.waited().as_secs_f64()))
    })
}

/// What ends the training here, at the edge of an epoch. An epoch that has begun is gone on with and judged first, unless
/// there are as many epochs as wanted already.
pub(super) fn finished(settings: &Training, progress: &Progress, clock: &Clock) -> Option<Finish> {
    if progress.epoch >= u64::from(settings.epochs) {
        Some(Finish::Epochs)
    } else if progress.step_in_epoch > 0 {
        None
    } else if settings.max_steps.is_some_and(|most| progress.step >= most) {
        Some(Finish::MaxSteps)
    } else if settings.early_stopping.is_some_and(|patience| progress.stale_epochs >= patience) {
        Some(Finish::EarlyStopping)
    } else if progress.epoch > 0 && clock.is_over(settings.max_time) {
        Some(Finish::MaxTime)
    } else {
        None
    }
}

/// Test at the best validation epoch and write the final metrics.
///
/// The seconds of the run then hold the evaluations, too, also where a limit ended it within an epoch; those of the checkpoint
/// remain those of its position.
fn conclude(session: &mut Session<'_>) -> Result<(), TrainError> {
    probe_at_end(session)?;
    let Session { job, state, journals, watch, clock } = session;
    let mut model = state.model.evaluator();
    if let Some(best) = &state.best {
        let path = best_path(&job.folder);
        tensors::restore(model.as_mut(), best).map_err(|reason| CheckpointError::Invalid { path, reason })?;
        // An extension may have left the file of a later, partial epoch.
        save_best(job, state, journals)?;
    }
    if let Some(best) = state.progress.best.filter(|best| best.metric.is_nan() && !best.loss.is_finite()) {
        // No epoch could be chosen.
        let broken = ("the validation loss of every epoch".to_owned(), best.loss);
        return Err(overflows(job, state, broken, Split::Validation));
    }
    let mut outcomes = Vec::new();
    let test = evaluate(job, model.as_ref(), Split::Test, &**watch, Some(&mut outcomes))?;
    if test.metric(job.spec.metric).is_nan() && !test.loss.is_finite() {
        return Err(overflows(job, state, ("the test loss".to_owned(), test.mean_loss()), Split::Test));
    }
    journals.check_hold()?;
    if !outcomes.is_empty() {
        keep_outcomes(&job.folder, job.spec, job.dataset, &outcomes)?;
    }
    journals.check_hold()?;
    inspection::keep(job, model.as_ref(), Stage::Trained)?;
    let parameters = baselines::network::count_parameters(model.as_ref());
    let peak = memory::peak_bytes().map(|peak| peak.saturating_sub(job.left_over_bytes));
    state.progress.seconds = clock.seconds();
    let seconds = state.progress.seconds;
    journals.metrics.append(&lines::conclusion(job.spec, &state.progress, &test, parameters, peak, seconds))?;
    journals.sync()?;
    forget_previous(&job.folder)?;
    Ok(())
}

/// The error of a loss on `split` that is not finite, although the training loss is.
fn overflows(job: &Job<'_>, state: &State, broken: (String, f64), split: Split) -> TrainError {
    match finite::unfit_samples(job.dataset, split) {
        Ok(samples) => job.not_finite(&state.progress, broken, Cause::Evaluation { split, samples }, &[]).into(),
        Err(error) => error.into(),
    }
}
