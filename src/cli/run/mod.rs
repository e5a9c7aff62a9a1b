//! `bench run`, and `bench worker`: the process that trains runs as it orders.

mod budget;
mod dry_run;
mod line;
mod summary;

use std::path::PathBuf;
use std::time::Duration;

use baselines::device::DeviceChoice;
use clap::Args;
use datasets::Library;

use super::{CliError, DeviceArgs, Exit, ExperimentArgs, Global};
use crate::experiment::{Plan, Run, with_suggestion};
use crate::measure::{diagnose, estimate};
use crate::registry::Registry;
use crate::runner::{self, MemoryLimit, Options, initial_weights};

/// `bench run`
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,
    /// Where run folders go
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
    /// Runs that train at the same time [default: 1, or as many as --gpus]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Train on so many GPUs of CUDA, one run at a time on each
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    gpus: Option<u16>,
    /// Of the runs that --jobs allows, train no more at a time than fit into this much memory, e.g. 16G, or `auto` for what is
    /// free; each is measured for a few steps first
    #[arg(long, value_name = "SIZE")]
    memory: Option<MemoryLimit>,
    /// Train this run only (an id of --dry-run)
    #[arg(long, value_name = "ID")]
    cell: Option<String>,
    /// Train the runs only that this file lists, an id per line
    #[arg(long, value_name = "FILE", conflicts_with = "cell")]
    cells: Option<PathBuf>,
    /// Stop after this time, e.g. 30m; the next run resumes
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_time: Option<Duration>,
    /// Print the runs and stop
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: leave out the estimates, which time a few steps per pair of task and baseline
    #[arg(long, requires = "dry_run")]
    no_time: bool,
    /// Train nothing: measure what `diagnose` asks for, record the runs that do not apply, and write the report
    #[arg(long, conflicts_with_all = ["cell", "fresh", "dry_run"])]
    report_only: bool,
    /// Discard earlier results of these runs
    #[arg(long)]
    fresh: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| format!("{error}; write e.g. 30m or 1h 30m"))?;
    if time.is_zero() { Err("must be longer than 0s".into()) } else { Ok(time) }
}

/// Run an experiment, or describe what would run.
pub fn execute(args: &RunArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let mut plan = args.experiment.plan(registry)?;
    if let Some(id) = &args.cell {
        keep_runs(&mut plan, &[id.as_str()])?;
        refuse_alone(&plan)?;
    }
    if let Some(list) = &args.cells {
        let text =
            std::fs::read_to_string(list).map_err(|error| CliError::usage(format!("{}: {error}", list.display())))?;
        let before = plan.runs.len();
        keep_runs(&mut plan, &text.lines().filter(|id| !id.is_empty()).collect::<Vec<_>>())?;
        if plan.runs.len() < before {
            refuse_alone(&plan)?;
        }
    }
    let jobs = jobs(args, &plan)?;
    let out = args.out.join(&plan.name);
    initial_weights::place(&mut plan, &out);
    if args.report_only {
        plan.runs.retain(|run| run.not_applicable.is_some());
    }
    let library = global.library()?;
    if args.dry_run {
        return dry_run(&plan, args, &library, global);
    }
    let options = Options {
        out: args.out.clone(),
        device: args.device.choice,
        library,
        jobs,
        gpus: args.gpus,
        memory: args.memory,
        single_run: args.cell.is_some(),
        max_time: args.max_time,
        added: registry.added_settings(),
        fresh: args.fresh,
        quiet: global.quiet,
    };
    if let Some(diagnosis) = plan.diagnosis.as_ref().filter(|_| !options.single_run) {
        let device = plan.open(options.device)?;
        if !diagnose::is_done(&plan, diagnosis, &device, &options.out) {
            let on_start = |what: &str| global.notify(&format!("at initialisation: {what}"));
            diagnose::run(&plan, diagnosis, &device, &options.out, on_start).map_err(CliError::failed)?;
        }
    }
    let finished = runner::execute(&plan, &options)?;
    let searched = plan.search.is_some() && !options.single_run;
    let selected = match searched.then(|| runner::write_selected(&plan, &finished.folder, &options.added, registry)) {
        None => Ok(None),
        Some(written) => written.map_err(CliError::from),
    };
    Ok(summary::conclude(&plan, &finished, &selected, global.json))
}

fn dry_run(plan: &Plan, args: &RunArgs, library: &Library, global: &Global) -> Result<Exit, CliError> {
    let device = plan.open(args.device.choice)?;
    let estimate = |run: &Run| {
        if args.no_time {
            return None;
        }
        global.notify(&format!("timing {} on {}", run.baseline.label, run.task.label));
        estimate::measure(run, &device).inspect_err(|error| tracing::warn!("{}: no estimate: {error}", run.id)).ok()
    };
    let out = args.out.join(&plan.name);
    let unfit = |run: &Run| initial_weights::problem(run, &out, args.fresh, &device);
    let described = dry_run::describe(plan, &args.out, library, &estimate, &unfit);
    global.print(|| &described, || described.text())
}

/// How many runs train at a time.
fn jobs(args: &RunArgs, plan: &Plan) -> Result<usize, CliError> {
    let Some(gpus) = args.gpus else { return Ok(args.jobs.unwrap_or(1).into()) };
    if args.device.choice.settled() != DeviceChoice::Cuda(0) {
        return Err(CliError::usage("--gpus goes with --device cuda, and chooses among its GPUs itself"));
    }
    // The last of them is there, or none of the runs begins.
    plan.open(DeviceChoice::Cuda(usize::from(gpus) - 1))?;
    match args.jobs {
        Some(jobs) if jobs > gpus => {
            Err(CliError::usage(format!("--jobs {jobs} is more than --gpus {gpus}: a GPU trains one run at a time")))
        }
        jobs => Ok(jobs.unwrap_or(gpus).into()),
    }
}

/// Leave the runs `ids` in the plan.
fn keep_runs(plan: &mut Plan, ids: &[&str]) -> Result<(), CliError> {
    if let Some(unknown) = ids.iter().find(|id| plan.runs.iter().all(|run| run.id != **id)) {
        let message = format!("experiment `{}` has no run `{unknown}`", plan.name);
        let message = with_suggestion(message, unknown, plan.runs.iter().map(|run| run.id.as_str()));
        return Err(CliError::usage(format!("{message}\n  = `bench run … --dry-run` lists the runs")));
    }
    plan.runs.retain(|run| ids.contains(&run.id.as_str()));
    Ok(())
}

/// Refuse a trial by itself whose end depends on the others.
fn refuse_alone(plan: &Plan) -> Result<(), CliError> {
    let Some(trial) = plan.runs.iter().find(|run| run.trial.as_ref().is_some_and(|t| !t.record.rungs.is_empty()))
    else {
        return Ok(());
    };
    Err(CliError::usage(format!(
        "`{}` is a trial of a search with `halving`: how far it goes depends on the others\n  = run the whole file, choose pairs by \
         --only, or remove `halving`",
        trial.id
    )))
}

/// `bench worker`
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Run folder of the experiment
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Where to compute
    #[arg(long, value_name = "DEVICE")]
    device: DeviceChoice,
    /// Messages end on a terminal that shows colours
    #[arg(long)]
    pub colour: bool,
}

/// Train runs as `bench run` orders.
pub fn work(args: &WorkerArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    runner::serve(args.folder.clone(), args.device, &global.library()?, registry)?;
    Ok(Exit::Done)
}
