//! What a run that is done is judged on beside the test split of its task.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use datasets::{DataError, Dataset};
use vocabulary::record::{Evaluated, Evaluations, SCHEMA, State, Status, StopReason, Verdict};

use super::context::RunContext;
use super::failure::RunFailure;
use crate::experiment::{Missing, Run};
use crate::files::{FolderError, RunFolder, run_folder};
use crate::measure::evaluate::{BATCH_SIZE, EvalError, Judging, variants};
use crate::runner::Outcome;
use crate::training::{TrainError, best_path};

/// Beginning of what is said of a run whose evaluations are missing.
const NOT_EVALUATED: &str = "not evaluated";

/// Judge `run`, which is done, on what its experiment asks for, unless that has been done with these weights. The outcome, and
/// what is said of the run beside `text`.
///
/// The status says first that the run is done: whatever becomes of the evaluations, its result stands, and they alone are made
/// when it is started again.
pub(super) fn evaluate(
    context: &mut RunContext<'_>,
    run: &Run,
    folder: &RunFolder,
    status: &mut Status,
    text: String,
) -> (Outcome, String) {
    status.message.take_if(|message| message.starts_with(NOT_EVALUATED));
    if run.evaluate.is_empty() || status.state != State::Done {
        return (Outcome::Done, text);
    }
    // A panic in a kernel is not the end of the run.
    let made = std::panic::catch_unwind(AssertUnwindSafe(|| make(context, run, folder, status)))
        .unwrap_or_else(|panic| Err(RunFailure::from_panic(panic.as_ref())));
    match made {
        Ok(None) => (Outcome::Done, text),
        Ok(Some(made)) => (Outcome::Done, format!("{text}; {made}")),
        Err(error) if is_stop(&error) => {
            (Outcome::Interrupted, format!("{text}; interrupted before it was evaluated, run again for that"))
        }
        Err(error) => {
            let message = format!("{NOT_EVALUATED}: {error}");
            let skipped = error.reason() == StopReason::MissingData && context.setup.missing == Missing::Skip;
            status.message = Some(message.clone());
            if skipped {
                return (Outcome::Done, format!("{text}; {message}"));
            }
            status.kind = Some(<&str>::from(&error).to_owned());
            (Outcome::failed(error.reason(), message.clone()), format!("{text}; {message}"))
        }
    }
}

/// Whether the end of the command is the reason.
fn is_stop(error: &RunFailure) -> bool {
    let RunFailure::Evaluation(error) = error else { return false };
    matches!(error, EvalError::Data(DataError::Stopped) | EvalError::Stopped(TrainError::Stopped))
}

/// Make the evaluations and write them; how many there are, unless they were there.
fn make(
    context: &mut RunContext<'_>,
    run: &Run,
    folder: &RunFolder,
    status: &mut Status,
) -> Result<Option<String>, RunFailure> {
    let Some(record) = run_folder::read_record(folder.path())? else { return Ok(None) };
    let asked = || run.evaluate.iter().map(|asked| &asked.variant);
    match run_folder::read_evaluations(folder.path()) {
        Ok(Some(found)) if found.answer(&record.hash, asked()) => return Ok(None),
        Ok(_) => {}
        Err(FolderError::Record { reason, .. }) => {
            folder.log(&format!("warning: the evaluations are made again, since they cannot be read: {reason}"))?;
        }
        Err(error) => return Err(error.into()),
    }
    status.updated = Some(run_folder::now());
    folder.write_status(status)?;
    let checkpoint = best_path(folder.path());
    let (library, registry, device) = (context.library, context.registry, context.device.clone());
    let own_batch = run.training.eval_batch_size.unwrap_or(run.training.batch_size);
    let reporter = Arc::clone(&context.reporter);
    let judging = Judging {
        checkpoint: &checkpoint,
        // What the memory was large enough for.
        batch_size: own_batch.min(BATCH_SIZE.into()),
        registry,
        library,
        device: &device,
        progress: reporter.as_ref(),
    };
    let mut own = || -> Result<Arc<dyn Dataset>, DataError> { context.prepare(run) };
    let variants = variants(&judging, &run.evaluate, &mut own)?;
    let made = in_words(&variants);
    let metric = run.spec().metric;
    folder.write_evaluations(&Evaluations { schema: SCHEMA, run: record.hash, metric, variants })?;
    Ok(Some(made))
}

/// `evaluated 3 times (1 n/a)`
fn in_words(all: &[Evaluated]) -> String {
    let count = |wanted: fn(&Verdict) -> bool| all.iter().filter(|evaluated| wanted(&evaluated.verdict)).count();
    let refused = count(|verdict| matches!(verdict, Verdict::NotApplicable { .. }));
    let broken = count(|verdict| matches!(verdict, Verdict::NotFinite { .. }));
    let parts = [(refused, "n/a"), (broken, "without a finite loss")];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let times = if all.len() == 1 { "once".to_owned() } else { format!("{} times", all.len()) };
    if parts.is_empty() { format!("evaluated {times}") } else { format!("evaluated {times}, {}", parts.join(", ")) }
}
