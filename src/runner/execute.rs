//! Execution of a plan: checks before anything starts, then the runs in processes of their own, then the report.

use std::path::PathBuf;
use std::time::Instant;

use reports::{AddedSettings, Formats, ReportError};

use super::search::Queue;
use super::workers::{Display, MemoryBudget, WorkerPool, workers};
use super::{Inputs, Interrupt, Options, Outcome, RunnerError, Setup, checks, identity};
use crate::experiment::{Plan, Run};
use crate::files::lease::Wanted;
use crate::files::{FolderError, run_folder};
use crate::terminal::{self, Level};

/// What came of a plan.
pub(crate) struct Finished {
    /// Folder of the experiment.
    pub(crate) folder: PathBuf,
    /// One for each run, in the order of the plan.
    pub(crate) outcomes: Vec<Outcome>,
    /// Whether SIGUSR1 has stopped what was not done.
    pub(crate) warned: bool,
    /// The page of the report; none where the plan is a single run.
    pub(crate) report: Result<Option<PathBuf>, ReportError>,
}

/// Execute `plan`.
///
/// # Errors
/// The device is missing or cannot compute in a run's precision; data are missing; a folder holds a run of other settings, or
/// cannot be written. Nothing has started then, except under [`RunnerError::LeftAtOnce`].
pub(crate) fn execute(plan: &Plan, options: &Options) -> Result<Finished, RunnerError> {
    let runs = &plan.runs;
    // What every run would fail for.
    Wanted::new(std::process::id()).map_err(FolderError::from)?;
    let device = plan.open(options.device)?;
    let device_name = options.device.settled().to_string();
    let out = options.out.join(&plan.name);
    if options.fresh {
        checks::data_of_all(plan, &options.library)?;
    } else {
        checks::data(plan, &out, &options.library)?;
        checks::unchanged(plan, &out, &device_name, &options.library)?;
    }
    checks::initial_weights(runs, &out, options.fresh, &device)?;
    std::fs::create_dir_all(&out).map_err(|source| RunnerError::Create { path: out.clone(), source })?;
    let plan_file = run_folder::keep_plan(&out, &serde_yaml::to_string(&plan.resolved)?)?;
    for run in runs {
        let mut record = identity::record(run, &plan.name, &device_name, None)?;
        record.plan = Some(plan_file.clone());
        run_folder::enlist(&out.join(&run.id), &record)?;
    }

    let inputs = Inputs::of(runs, &out);
    // A limit beyond the clock is none.
    let deadline = options.max_time.and_then(|limit| Instant::now().checked_add(limit));
    let mut interrupt = Interrupt::install(deadline)?;
    terminal::never_wait();
    let memory = options.memory.filter(|_| workers(options.jobs, runs.len()) > 1).and_then(|limit| {
        let open: Vec<&str> = checks::not_done(plan, &out).iter().map(|run| run.id.as_str()).collect();
        let will_train = |run: &Run| run.not_applicable.is_none() && (options.fresh || open.contains(&run.id.as_str()));
        MemoryBudget::measure(runs, will_train, &device, limit, options.quiet)
    });
    let display = Display::new(&plan.name, runs.len(), workers(options.jobs, runs.len()), options.quiet);
    let setup = Setup {
        experiment: plan.name.clone(),
        missing: plan.missing,
        plan: Some(plan_file),
        fresh: options.fresh,
        process: std::process::id(),
    };
    let pool = WorkerPool { setup, inputs: &inputs, folder: &out, options, memory, display: &display };
    let work = pool.run(runs, Queue::new(plan, &out, options.fresh), &mut interrupt);
    display.finish();
    interrupt.let_go();
    let warned = interrupt.warned();
    if work.left_at_once {
        return Err(RunnerError::LeftAtOnce);
    }
    let report = if options.single_run { Ok(None) } else { report(&out, &options.added) };
    Ok(Finished { folder: out, outcomes: work.outcomes, warned, report })
}

/// Write the report of the experiment in `folder`; its page.
fn report(folder: &PathBuf, added: &AddedSettings) -> Result<Option<PathBuf>, ReportError> {
    let paths = reports::write(std::slice::from_ref(folder), &folder.join("report"), Formats::ALL, None, added)?;
    // Damage elsewhere is not this command's failure, but whoever reads of its runs must know.
    for line in &paths.left_out {
        terminal::say(Level::WARN, line);
    }
    Ok(paths.index)
}
