//! `bench submit` and `bench cancel`: runs as jobs of a cluster, or of this machine.

mod cancel;
mod job;
pub mod keep;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf, absolute};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use vocabulary::record::State;

pub use self::cancel::{CancelArgs, execute as cancel};
use self::job::Job;
use super::{CliError, DeviceArgs, Exit, ExperimentArgs, Global};
use crate::experiment::Run;
use crate::files::run_folder;
use crate::registry::Registry;
use crate::runner::{self, MemoryLimit, initial_weights};
use crate::submit::{Engine, Local, Slurm, Submission, queue, stages};
use crate::terminal::{self, Level};

/// Time between two looks at the queue.
const PAUSE: Duration = Duration::from_secs(5);

/// The same where nobody has to be asked over a network.
const SHORT_PAUSE: Duration = Duration::from_millis(200);

/// `bench submit`
#[derive(Debug, Clone, Args)]
pub struct SubmitArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,
    /// Where run folders go: a folder that all machines see
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
    /// Who runs the jobs
    #[arg(long, value_enum, default_value = "slurm")]
    engine: Engine,
    /// Of Slurm: lines that make the environment of a job (modules, a container), a template of minijinja. Of `template`: the
    /// whole script
    #[arg(long, value_name = "FILE", required_if_eq("engine", "template"))]
    template: Option<PathBuf>,
    /// Of `template`: the program that submits the script, whose path follows; what it prints is the name of the job
    #[arg(long, value_name = "PROGRAM")]
    submit_with: Option<String>,
    /// Partition of the jobs
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// Account that the jobs are charged to
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Time of one job, as Slurm writes it, e.g. 4:00:00; a run that takes longer is saved and started again
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// GPUs of one job; of local: GPUs of this machine, each of which trains one run at a time
    #[arg(long, value_name = "N")]
    gpus: Option<String>,
    /// CPUs of one job
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    cpus: Option<u16>,
    /// Memory of one job, e.g. 16G; of local: of all that train at the same time [default of local: what is free]
    #[arg(long, value_name = "SIZE")]
    mem: Option<String>,
    /// Of local: runs that train at the same time [default: 1, or as many as --gpus]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Jobs that run at the same time [default: as many as the cluster lets]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    parallel: Option<u32>,
    /// How often a run is started again for want of time
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_requeues: u32,
    /// Come back when all jobs are over
    #[arg(long)]
    wait: bool,
    /// Print the scripts, submit and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Further options of sbatch
    #[arg(last = true, value_name = "OPTION")]
    extra: Vec<String>,
}

impl SubmitArgs {
    /// Refuse options that the engine has no use for: whoever gives them expects something of them.
    fn check(&self) -> Result<(), CliError> {
        let local = self.engine == Engine::Local;
        let of_clusters = [
            ("--partition", self.partition.is_some()),
            ("--account", self.account.is_some()),
            ("--time", self.time.is_some()),
            ("--parallel", self.parallel.is_some()),
            ("--submit-with", self.submit_with.is_some()),
            ("options after --", !self.extra.is_empty()),
        ];
        if let Some((option, _)) = of_clusters.into_iter().find(|(_, given)| local && *given) {
            return Err(CliError::usage(format!(
                "{option}: there is no scheduler with `--engine local`; leave it out"
            )));
        }
        if !local && self.jobs.is_some() {
            return Err(CliError::usage("--jobs is of `--engine local`; jobs of a cluster are bounded by --parallel"));
        }
        if local && self.mem.as_ref().is_some_and(|size| size.parse::<MemoryLimit>().is_err()) {
            return Err(CliError::usage("--mem: write `auto`, or e.g. 16G"));
        }
        if let (true, Some(gpus)) = (local, &self.gpus) {
            let number: u16 = gpus.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
                CliError::usage(format!("--gpus {gpus}: with `--engine local` it is the number of GPUs, from 1"))
            })?;
            if self.jobs.is_some_and(|jobs| jobs > number) {
                let text = format!("--jobs is more than --gpus {number}: a GPU trains one run at a time");
                return Err(CliError::usage(text));
            }
        }
        Ok(())
    }

    /// Of local: how many runs train at the same time, where that is chosen.
    fn at_a_time(&self) -> Option<u16> {
        self.jobs.or_else(|| self.gpus.as_ref()?.parse().ok())
    }
}

/// What a submission was.
#[derive(Debug, Serialize)]
struct Submitted<'a> {
    schema: u32,
    experiment: &'a str,
    /// Folder of scripts and logs; absent of a dry run.
    folder: Option<&'a Path>,
    /// The scripts, in order.
    scripts: &'a [String],
    #[serde(flatten)]
    left_out: LeftOut,
    submission: &'a Submission,
}

/// Runs that are not submitted.
#[derive(Debug, Clone, Copy, Serialize)]
struct LeftOut {
    /// They are done.
    done: usize,
    /// An earlier submission has them in the queue.
    queued: usize,
}

impl LeftOut {
    fn text(self) -> String {
        let counted = [(self.done, "done already"), (self.queued, "in the queue already")];
        let parts = counted.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(count, what)| format!("{count} runs are {what}")).collect();
        parts.join(", ")
    }
}

/// Submit what is not done and not in the queue.
pub fn execute(args: &SubmitArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let mut plan = args.experiment.plan(registry)?;
    args.check()?;
    let halving = plan.search.as_ref().is_some_and(|search| search.halving.is_some());
    if halving && args.engine != Engine::Local {
        // Whether a trial goes on is decided between all of them, which tasks of an array do not wait for.
        let remedy =
            "run it as one job with `bench run --jobs N`, submit it with `--engine local`, or take `halving` out";
        return Err(CliError::usage(format!(
            "the trials of a search with `halving` cannot be tasks of an array: {remedy}"
        )));
    }
    let out = absolute(&args.out).map_err(CliError::failed)?.join(&plan.name);
    initial_weights::place(&mut plan, &out);
    let library = global.library()?;
    runner::check_data(&plan, &out, &library)?;
    let mut open: Vec<&Run> = runner::not_done(&plan, &out);
    let done = plan.runs.iter().filter(|run| run.not_applicable.is_none()).count() - open.len();
    // A run has one job at a time.
    let queued = match queue(&Submission::all(&out)?) {
        // Scripts can be looked at where no scheduler is.
        Err(error) if args.dry_run => {
            terminal::say(Level::WARN, &format!("runs that are in the queue are not left out: {error}"));
            BTreeMap::new()
        }
        queued => queued?,
    };
    let all = open.len();
    open.retain(|run| !queued.contains_key(&run.id));
    let left_out = LeftOut { done, queued: all - open.len() };
    if open.is_empty() {
        let json = || serde_json::json!({"schema": 1, "done": left_out.done, "queued": left_out.queued});
        return global.print(json, || format!("nothing to submit: {}", left_out.text()));
    }
    let stages = match args.engine {
        // The one process sees to it what comes after what.
        Engine::Local => vec![open],
        Engine::Slurm | Engine::Template => stages(open),
    };
    let job = Job { args, global, plan: &plan, out: &out };
    if args.dry_run {
        let (scripts, submission) = job.described(&stages)?;
        let text = || format!("{}\n{}", scripts.join("\n"), summary(&submission, left_out, args));
        let json = || Submitted {
            schema: 1,
            experiment: &plan.name,
            folder: None,
            scripts: &scripts,
            left_out,
            submission: &submission,
        };
        return global.print(json, text);
    }
    let (folder, scripts, submission) = job.submit(&stages)?;
    let json = || Submitted {
        schema: 1,
        experiment: &plan.name,
        folder: Some(&folder),
        scripts: &scripts,
        left_out,
        submission: &submission,
    };
    global
        .print(json, || format!("{}\nscripts and logs: {}", summary(&submission, left_out, args), folder.display()))?;
    if args.wait && args.engine != Engine::Template {
        return wait(&folder, &submission, &out);
    }
    Ok(Exit::Done)
}

/// A submission in words.
fn summary(submission: &Submission, left_out: LeftOut, args: &SubmitArgs) -> String {
    let arrays = submission.arrays.iter().map(|array| {
        let runs = array.runs.len();
        match &array.job {
            _ if submission.engine == Engine::Local => {
                let process = array.job.as_ref().map_or_else(|| "a process".to_owned(), |id| format!("process {id}"));
                let at_a_time = args.at_a_time().map_or_else(|| "1".to_owned(), |jobs| jobs.to_string());
                format!("{process}: {runs} runs, {at_a_time} at a time")
            }
            Some(job) => format!("array {job}: {runs} runs"),
            None => format!("an array of {runs} runs"),
        }
    });
    let report = submission.report.as_ref().map(|job| format!("then the report: {job}"));
    let left_out = Some(left_out.text()).filter(|text| !text.is_empty());
    arrays.chain(report).chain(left_out).collect::<Vec<_>>().join("\n")
}

/// Wait until the queue has none of the jobs left; what came of the runs decides the exit code.
fn wait(folder: &Path, submission: &Submission, out: &Path) -> Result<Exit, CliError> {
    let jobs: Vec<&str> = submission.jobs().collect();
    while match submission.engine {
        Engine::Local => Local.is_there(folder),
        Engine::Slurm | Engine::Template => !Slurm.queue(&jobs)?.is_empty(),
    } {
        std::thread::sleep(if submission.engine == Engine::Local { SHORT_PAUSE } else { PAUSE });
    }
    let is_over = |id: &String| {
        let status = run_folder::read_status(&out.join(id)).ok().flatten();
        status.is_some_and(|status| matches!(status.state, State::Done | State::Skipped))
    };
    let open = submission.arrays.iter().flat_map(|array| &array.runs).filter(|id| !is_over(id)).count();
    if open == 0 {
        Ok(Exit::Done)
    } else {
        Err(CliError::failed(format!("{open} runs are not done; see `bench status {}`", out.display())))
    }
}
