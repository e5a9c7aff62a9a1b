//! The end of an epoch: validation, its lines in the journals, the best weights, and early stopping.

use baselines::Model;
use datasets::Split;
use vocabulary::record::SampleOutcome;

use super::look::{Histograms, probe};
use crate::experiment::{Schedule, Training};
use crate::files::tensors;
use crate::training::health::{Cause, finite};
use crate::training::metrics::lines;
use crate::training::state::{Best, Session, save_best};
use crate::training::{Epoch, Job, Pass, Progress, Score, TrainError, Watch, score};

/// Validate, record the epoch, and keep the weights where they are the best so far.
///
/// A whole epoch is counted: it ends patience and may lower the learning rate. One that a limit ended before the last of its
/// `steps` steps is recorded as partial and may be the best, but counts for nothing else, and its position remains.
pub(in crate::training) fn judge(session: &mut Session<'_>, steps: Option<u64>, waited: f64) -> Result<(), TrainError> {
    let Session { job, state, journals, watch, clock } = session;
    // What the last update has broken must not be judged, let alone saved.
    let weights = tensors::weights(state.model.as_ref())?;
    if let Some((name, value)) = finite::tensor(&weights) {
        let cause = Cause::Weights { name: name.clone() };
        return Err(job.not_finite(&state.progress, (format!("parameter `{name}`"), value), cause, &[]).into());
    }
    let validation = evaluate(job, state.model.as_ref(), Split::Validation, &**watch, None)?;
    if !validation.loss.is_finite() {
        let samples = finite::unfit_samples(job.dataset, Split::Validation)?;
        watch.warned(finite::validation_warning(validation.mean_loss(), state.progress.epoch + 1, &samples));
    }
    let metric = validation.metric(job.spec.metric);
    let progress = &mut state.progress;
    let number = progress.epoch + 1;
    let partial = steps.map(|steps| [progress.step_in_epoch, steps]);
    let (train, penalty) = (std::mem::take(&mut progress.train), std::mem::take(&mut progress.penalty));
    let better = is_better(progress.best.map(|best| best.metric), metric, job.spec.metric.higher_is_better());
    if better {
        progress.best = Some(Best { epoch: number, metric, loss: validation.mean_loss() });
    }
    if partial.is_none() {
        count_epoch(job.settings, progress, better);
    }
    let seconds = clock.seconds();
    let scores = lines::Scores { train: &train, validation: &validation, penalty: penalty.mean() };
    journals.metrics.append(&lines::epoch(job.spec, progress.step, number, partial.is_some(), &scores, seconds))?;
    watch.epoch_ended(progress, &Epoch { number, partial, train: &train, validation: &validation, seconds, waited });
    probe(session, if number == 1 { Histograms::OfLogits } else { Histograms::None })?;
    if better {
        session.state.best = Some(weights);
        save_best(session.job, session.state, &session.journals)?;
    }
    Ok(())
}

/// Whether an epoch with `metric` is better than the best one so far.
fn is_better(best: Option<f64>, metric: f64, higher: bool) -> bool {
    best.is_none_or(|best| {
        // A metric that does not exist, as the AUC of one class, gives way to any that does.
        let undefined = best.is_nan() && !metric.is_nan();
        undefined || if higher { metric > best } else { metric < best }
    })
}

/// The number of the epoch, from 1, after which early stopping with `patience` ends a training whose whole epochs have these
/// validation metrics.
pub(crate) fn patience_ends(metrics: impl IntoIterator<Item = f64>, higher: bool, patience: u32) -> Option<u64> {
    let (mut best, mut stale) = (None, 0);
    for (index, metric) in metrics.into_iter().enumerate() {
        if is_better(best, metric, higher) {
            (best, stale) = (Some(metric), 0);
        } else {
            stale += 1;
        }
        if stale >= patience {
            return Some(index as u64 + 1);
        }
    }
    None
}

/// Move on to the next epoch.
fn count_epoch(settings: &Training, progress: &mut Progress, better: bool) {
    progress.epoch += 1;
    progress.step_in_epoch = 0;
    if better {
        (progress.stale_epochs, progress.plateau_epochs) = (0, 0);
    } else {
        progress.stale_epochs += 1;
        progress.plateau_epochs += 1;
    }
    if settings.schedule == Schedule::Plateau && progress.plateau_epochs > settings.plateau_patience {
        progress.plateau_scale *= settings.plateau_factor;
        progress.plateau_epochs = 0;
    }
}

/// Score of `model` on a whole split, in evaluation mode; what it makes of every sample is added to `outcomes`.
///
/// # Errors
/// [`TrainError::Stopped`] where the watcher does not want to wait for the end.
pub(in crate::training) fn evaluate(
    job: &Job<'_>,
    model: &dyn Model,
    split: Split,
    watch: &dyn Watch,
    outcomes: Option<&mut Vec<SampleOutcome>>,
) -> Result<Score, TrainError> {
    let size = job.settings.eval_batch_size.unwrap_or(job.settings.batch_size);
    let (workers, precision) = (job.settings.workers, job.settings.precision);
    let pass = Pass { spec: job.spec, split, size, workers, device: job.device, resolution: 1.0, precision };
    score(model, job.dataset, &pass, &|| watch.wants_to_stop(), outcomes)
}
