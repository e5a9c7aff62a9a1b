//! A run between the lease of its folder and its final status.

use std::panic::AssertUnwindSafe;

use datasets::DataError;
use vocabulary::record::{State, Status, StopReason};

use super::attempt::{Attempt, NOT_FURTHER};
use super::context::RunContext;
use super::evaluations::evaluate;
use super::failure::RunFailure;
use crate::experiment::Run;
use crate::files::{FolderError, Patience, RunFolder, run_folder};
use crate::runner::{Inputs, Outcome};

/// Perform one run. Every error ends in its status file (where that can be written) and in the outcome.
pub(crate) fn perform(context: &mut RunContext<'_>, run: &Run, inputs: &Inputs) -> Outcome {
    let interrupt = context.interrupt.clone();
    let stop = || interrupt.requested();
    let folder = match RunFolder::lock(&context.out.join(&run.id), context.setup.process, Patience::Until(&stop)) {
        Ok(folder) => folder,
        Err(error @ FolderError::Locked { .. }) => {
            context.reporter.run_ends(&run.id, &error.to_string());
            return Outcome::Locked(error.to_string());
        }
        Err(error) => {
            context.reporter.run_ends(&run.id, &format!("failed: {error}"));
            return failed(&error.into());
        }
    };
    if let Some(before) = folder.taken_over() {
        let text = format!("taken over: {before}");
        context.reporter.line(&format!("{}: {text}", run.id));
        // What cannot be logged cannot be gone on with either, which is said below.
        let _ = folder.log(&text);
    }
    let mut status = match run_folder::read_status(folder.path()) {
        Ok(found) => found.unwrap_or_else(Status::pending),
        Err(error) => {
            // The checkpoint decides where the run goes on; what the status said is lost.
            context.reporter.line(&format!("{}: its status counts as new: {error}", run.id));
            Status::pending()
        }
    };
    status.kind = None;
    // A panic inside a numerical library must not take the other runs along.
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
        Attempt { context: &mut *context, run, folder: &folder, status: &mut status }.make(inputs)
    }))
    .unwrap_or_else(|panic| Err(RunFailure::from_panic(panic.as_ref())));
    if let Some(left) = left(context, run, &folder) {
        return left;
    }
    let (outcome, text) = match result {
        Ok((Outcome::Done, text)) => evaluate(context, run, &folder, &mut status, text),
        Ok(ended) => ended,
        Err(error) => record_failure(&error, &mut status),
    };
    if let Some(left) = left(context, run, &folder) {
        return left;
    }
    status.updated = Some(run_folder::now());
    let written = folder.write_status(&status).and_then(|()| folder.log(&text));
    if outcome == Outcome::Paused {
        context.reporter.line(&format!("{}: {text}", run.id));
    } else {
        context.reporter.run_ends(&run.id, &text);
    }
    match written {
        Err(error) if !matches!(outcome, Outcome::Failed { .. }) => {
            context.reporter.line(&format!("{}: {error}", run.id));
            failed(&error.into())
        }
        _ => outcome,
    }
}

/// The outcome of a run that is somebody else's now, whatever it has come to: what stands in its folder is theirs.
fn left(context: &RunContext<'_>, run: &Run, folder: &RunFolder) -> Option<Outcome> {
    let lost = folder.lost()?;
    context.reporter.run_ends(&run.id, &format!("left to another process: {lost}"));
    Some(Outcome::Locked(lost))
}

fn failed(error: &RunFailure) -> Outcome {
    Outcome::failed(error.reason(), error.to_string())
}

/// Note in `status` why the attempt failed; the outcome, and what is said of it.
fn record_failure(error: &RunFailure, status: &mut Status) -> (Outcome, String) {
    if matches!(error, RunFailure::Data(DataError::Stopped)) {
        if status.state == State::Running {
            // By a process that is gone.
            status.state = State::Interrupted;
            status.reason = Some(StopReason::Interrupted);
        }
        return (Outcome::Interrupted, Outcome::Interrupted.text());
    }
    if status.state == State::Done || matches!(error, RunFailure::Longer(_)) {
        // Training has not begun anew: what was measured stands, and what was begun goes on when it is asked for.
        status.message = Some(format!("{NOT_FURTHER}: {error}"));
    } else {
        status.state = State::Failed;
        status.reason = Some(error.reason());
        status.message = Some(error.to_string());
    }
    status.kind = Some(<&str>::from(error).to_owned());
    (failed(error), format!("failed: {error}"))
}
