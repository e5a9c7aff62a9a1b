//! `bench submit` and `bench cancel`: runs as jobs of a cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use vocabulary::record::State;

use super::{CliError, DeviceArgs, Exit, ExperimentArgs, Global};
use crate::experiment::{Plan, Run};
use crate::files::{atomic, run_folder};
use crate::registry::Registry;
use crate::runner::{self, initial_weights};
use crate::submit::{
    ArrayJob, Engine, Resources, Script, Slurm, Submission, SubmitError, array_script, queue, report_script, stages,
};
use crate::terminal::{self, Level};

/// Time between two looks at the queue.
const PAUSE: Duration = Duration::from_secs(5);

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
    /// GPUs of one job
    #[arg(long, value_name = "N")]
    gpus: Option<String>,
    /// CPUs of one job
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    cpus: Option<u16>,
    /// Memory of one job, e.g. 16G
    #[arg(long, value_name = "SIZE")]
    mem: Option<String>,
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

/// `bench cancel`
#[derive(Debug, Clone, Args)]
pub struct CancelArgs {
    /// Run folder of an experiment
    #[arg(value_name = "DIR")]
    dir: PathBuf,
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
    if plan.search.as_ref().is_some_and(|search| search.halving.is_some()) {
        // Whether a trial goes on is decided between all of them, which tasks of an array do not wait for.
        let remedy = "run it as one job with `bench run --jobs N`, or take `halving` out";
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
    let earlier: Vec<Submission> = Submission::all(&out)?.into_iter().map(|(_, submission)| submission).collect();
    let queued = match queue(&earlier) {
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
    let stages = stages(open.iter().copied());
    let job = Job { args, global, plan: &plan, out: &out };
    if args.dry_run {
        let (scripts, submission) = job.described(&stages)?;
        let text = || format!("{}\n{}", scripts.join("\n"), summary(&submission, left_out));
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
    global.print(json, || format!("{}\nscripts and logs: {}", summary(&submission, left_out), folder.display()))?;
    if args.wait && args.engine == Engine::Slurm {
        return wait(&submission, &out);
    }
    Ok(Exit::Done)
}

/// A submission in words.
fn summary(submission: &Submission, left_out: LeftOut) -> String {
    let arrays = submission.arrays.iter().map(|array| {
        let runs = array.runs.len();
        match &array.job {
            Some(job) => format!("array {job}: {runs} runs"),
            None => format!("an array of {runs} runs"),
        }
    });
    let report = submission.report.as_ref().map(|job| format!("then the report: {job}"));
    let left_out = Some(left_out.text()).filter(|text| !text.is_empty());
    arrays.chain(report).chain(left_out).collect::<Vec<_>>().join("\n")
}

/// One call of `bench submit`.
struct Job<'a> {
    args: &'a SubmitArgs,
    global: &'a Global,
    plan: &'a Plan,
    /// Folder of the experiment.
    out: &'a Path,
}

impl Job<'_> {
    /// The program with all arguments that the tasks share; `file` is the resolved experiment.
    fn command(&self, file: &Path) -> Result<Vec<String>, CliError> {
        let path = |path: &Path| absolute(path).map(|path| path.display().to_string()).map_err(CliError::failed);
        let program = std::env::current_exe().map_err(CliError::failed)?;
        let out = self.out.parent().unwrap_or(self.out);
        let mut command = vec![path(&program)?, "run".into(), path(file)?, "--out".into(), path(out)?];
        command.extend(["--device".into(), self.args.device.choice.to_string(), "--quiet".into()]);
        command.extend(["--data".into(), path(self.global.library()?.root())?]);
        if let Some(cache) = &self.global.cache {
            command.extend(["--cache".into(), path(cache)?]);
        }
        if let Some(cpus) = self.args.cpus.or(self.global.threads) {
            command.extend(["--threads".into(), cpus.to_string()]);
        }
        Ok(command)
    }

    fn resources(&self) -> Resources {
        let SubmitArgs { partition, account, time, gpus, cpus, mem, extra, .. } = self.args.clone();
        Resources { partition, account, time, gpus, cpus, mem, extra }
    }

    /// The scripts of `stages` in the folder `folder`, that of the report last where there is one.
    fn scripts(&self, stages: &[Vec<&Run>], file: &Path, folder: &Path) -> Result<Vec<String>, CliError> {
        let (command, resources) = (self.command(file)?, self.resources());
        let here = std::env::current_dir().map_err(CliError::failed)?;
        let logs = folder.join("logs");
        let script = Script {
            name: &self.plan.name,
            folder: &here,
            logs: &logs,
            command: &command,
            resources: &resources,
            parallel: self.args.parallel,
            max_requeues: self.args.max_requeues,
            again: Exit::StartAgain as u8,
            template: self.args.template.as_deref(),
        };
        let whole = self.args.engine == Engine::Template;
        let array =
            |(number, runs): (usize, &Vec<&Run>)| array_script(&script, &list_path(folder, number), runs.len(), whole);
        let mut scripts = stages.iter().enumerate().map(array).collect::<Result<Vec<_>, _>>()?;
        if !whole {
            scripts.push(report_script(&script)?);
        }
        Ok(scripts)
    }

    /// What would be submitted.
    fn described(&self, stages: &[Vec<&Run>]) -> Result<(Vec<String>, Submission), CliError> {
        let (file, folder) = (self.out.join("experiment.yaml"), self.out.join("submissions/NUMBER"));
        let mut submission = Submission::new(self.args.engine);
        submission.arrays = stages.iter().map(|runs| ArrayJob { job: None, runs: ids(runs) }).collect();
        Ok((self.scripts(stages, &file, &folder)?, submission))
    }

    /// Write the scripts and give them to the scheduler.
    fn submit(&self, stages: &[Vec<&Run>]) -> Result<(PathBuf, Vec<String>, Submission), CliError> {
        let out = self.out;
        std::fs::create_dir_all(out)
            .map_err(|error| CliError::failed(format!("cannot create {}: {error}", out.display())))?;
        let resolved = serde_yaml::to_string(&self.plan.resolved).map_err(CliError::failed)?;
        let file = out.join(run_folder::keep_plan(out, &resolved)?);
        let folder = Submission::folder(out)?;
        let scripts = self.scripts(stages, &file, &folder)?;
        let mut submission = Submission::new(self.args.engine);
        for (number, (runs, script)) in stages.iter().zip(&scripts).enumerate() {
            let list: String = ids(runs).iter().map(|id| format!("{id}\n")).collect();
            write(&list_path(&folder, number), &list)?;
            let path = folder.join(format!("array-{number}.sh"));
            write(&path, script)?;
            let before = submission.arrays.last().and_then(|array| array.job.clone());
            let job = self.give(&path, before.as_deref())?;
            submission.arrays.push(ArrayJob { job, runs: ids(runs) });
            // What the scheduler has is known, whatever comes.
            submission.write(&folder)?;
        }
        if let Some(script) = scripts.get(stages.len()) {
            let path = folder.join("report.sh");
            write(&path, script)?;
            let before = submission.arrays.last().and_then(|array| array.job.clone());
            submission.report = self.give(&path, before.as_deref())?;
            submission.write(&folder)?;
        }
        Ok((folder, scripts, submission))
    }

    /// Give the script at `path` to the scheduler, after the job `before`; the name of its job.
    fn give(&self, path: &Path, before: Option<&str>) -> Result<Option<String>, CliError> {
        match (self.args.engine, &self.args.submit_with) {
            (Engine::Slurm, _) => Ok(Some(Slurm.submit(path, before.as_slice())?)),
            (Engine::Template, None) => Ok(None),
            (Engine::Template, Some(program)) => {
                let failed = |source| SubmitError::NoScheduler { program: program.clone(), source };
                let answer = Command::new(program).arg(path).output().map_err(failed)?;
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
                if !answer.status.success() {
                    let message = text(&answer.stderr);
                    return Err(SubmitError::Refused { program: program.clone(), message }.into());
                }
                Ok(Some(text(&answer.stdout)))
            }
        }
    }
}

fn ids(runs: &[&Run]) -> Vec<String> {
    runs.iter().map(|run| run.id.clone()).collect()
}

/// The list of the runs of array `number`.
fn list_path(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("runs-{number}.txt"))
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let failed = |source| SubmitError::Io { action: "write", path: path.to_owned(), source };
    Ok(atomic::replace(path, text.as_bytes()).map_err(failed)?)
}

/// Wait until the queue has none of the jobs left; what came of the runs decides the exit code.
fn wait(submission: &Submission, out: &Path) -> Result<Exit, CliError> {
    let jobs: Vec<&str> = submission.jobs().collect();
    while !Slurm.queue(&jobs)?.is_empty() {
        std::thread::sleep(PAUSE);
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

/// End the jobs of every submission of an experiment.
pub fn cancel(args: &CancelArgs, global: &Global) -> Result<Exit, CliError> {
    let submissions = Submission::all(&args.dir)?;
    let mut ended = Vec::new();
    for (folder, mut submission) in submissions.into_iter().filter(|(_, submission)| !submission.cancelled) {
        let jobs: Vec<String> = submission.jobs().map(str::to_owned).collect();
        if submission.engine == Engine::Slurm {
            Slurm.cancel(&jobs.iter().map(String::as_str).collect::<Vec<_>>())?;
        } else if !jobs.is_empty() {
            let message = format!(
                "{} was not submitted to Slurm: end its jobs ({}) by the scheduler's own program",
                folder.display(),
                jobs.join(", ")
            );
            return Err(CliError::usage(message));
        }
        submission.cancelled = true;
        submission.write(&folder)?;
        ended.extend(jobs);
    }
    global.print(
        || serde_json::json!({"schema": 1, "jobs": ended}),
        || if ended.is_empty() { "no job is left".to_owned() } else { format!("ended: {}", ended.join(", ")) },
    )
}
