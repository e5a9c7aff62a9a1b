//! The scripts of a submission: written, and given to whoever runs them.

use std::path::{Path, PathBuf, absolute};
use std::process::Command;
use std::time::{Duration, Instant};

use super::SubmitArgs;
use crate::cli::{CliError, Exit, Global};
use crate::experiment::{Plan, Run};
use crate::files::{atomic, run_folder};
use crate::submit::{
    ArrayJob, Engine, Local, Resources, Script, Slurm, Submission, SubmitError, array_script, local_script,
    report_script,
};

/// How long a process of this machine is waited for until it is at work.
const FOR_START: Duration = Duration::from_secs(60);
/// Time between two looks at it.
const LOOK: Duration = Duration::from_millis(20);

/// One call of `bench submit`.
pub(super) struct Job<'a> {
    pub(super) args: &'a SubmitArgs,
    pub(super) global: &'a Global,
    pub(super) plan: &'a Plan,
    /// Folder of the experiment.
    pub(super) out: &'a Path,
}

impl Job<'_> {
    /// The program with all arguments that the tasks share; `file` is the resolved experiment.
    fn command(&self, file: &Path) -> Result<Vec<String>, CliError> {
        let path = |path: &Path| absolute(path).map(|path| path.display().to_string()).map_err(CliError::failed);
        let program = std::env::current_exe().map_err(CliError::failed)?;
        let out = self.out.parent().unwrap_or(self.out);
        let mut command = vec![path(&program)?, "run".into(), path(file)?, "--out".into(), path(out)?];
        command.extend(["--device".into(), self.args.device.choice.to_string()]);
        if self.args.engine != Engine::Local {
            command.push("--quiet".into());
        }
        command.extend(["--data".into(), path(self.global.library()?.root())?]);
        if let Some(cache) = &self.global.cache {
            command.extend(["--cache".into(), path(cache)?]);
        }
        // Those of one job, which one process shares out among as many as train at the same time.
        let cpus = self.args.cpus.map(|cpus| match self.args.engine {
            Engine::Local => cpus.saturating_mul(self.args.at_a_time().unwrap_or(1)).min(1024),
            Engine::Slurm | Engine::Template => cpus,
        });
        if let Some(cpus) = cpus.or(self.global.threads) {
            command.extend(["--threads".into(), cpus.to_string()]);
        }
        Ok(command)
    }

    /// The command of the process of this machine, which trains the runs in the file `list`.
    fn local_command(&self, file: &Path, folder: &Path, list: &Path) -> Result<Vec<String>, CliError> {
        let args = self.args;
        let run = self.command(file)?;
        let (program, run) = run.split_first().ok_or_else(|| CliError::failed("this program has no name"))?;
        let mut command = vec![program.clone(), "keep".into(), folder.display().to_string()];
        command.extend(["--max-requeues".into(), args.max_requeues.to_string(), "--".into()]);
        command.extend(run.iter().cloned());
        command.extend(["--cells".into(), list.display().to_string()]);
        let jobs = args.jobs.map(|jobs| jobs.to_string());
        let memory = args.mem.clone().or_else(|| Some("auto".into()));
        for (option, value) in [("--jobs", jobs), ("--gpus", args.gpus.clone()), ("--memory", memory)] {
            command.extend(value.into_iter().flat_map(|value| [option.to_owned(), value]));
        }
        Ok(command)
    }

    fn resources(&self) -> Resources {
        let SubmitArgs { partition, account, time, gpus, cpus, mem, extra, .. } = self.args.clone();
        Resources { partition, account, time, gpus, cpus, mem, extra }
    }

    /// The scripts of `stages` in the folder `folder`, that of the report last where there is one.
    fn scripts(&self, stages: &[Vec<&Run>], file: &Path, folder: &Path) -> Result<Vec<String>, CliError> {
        let resources = self.resources();
        let command = match self.args.engine {
            Engine::Local => self.local_command(file, folder, &list_path(folder, 0))?,
            Engine::Slurm | Engine::Template => self.command(file)?,
        };
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
        if self.args.engine == Engine::Local {
            return Ok(vec![local_script(&script)?]);
        }
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
    pub(super) fn described(&self, stages: &[Vec<&Run>]) -> Result<(Vec<String>, Submission), CliError> {
        let (file, folder) = (self.out.join("experiment.yaml"), self.out.join("submissions/NUMBER"));
        let mut submission = Submission::new(self.args.engine);
        submission.arrays = stages.iter().map(|runs| ArrayJob { job: None, runs: ids(runs) }).collect();
        Ok((self.scripts(stages, &file, &folder)?, submission))
    }

    /// Write the scripts and give them to the scheduler, or start the process that is in its place.
    pub(super) fn submit(&self, stages: &[Vec<&Run>]) -> Result<(PathBuf, Vec<String>, Submission), CliError> {
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
            let name =
                if self.args.engine == Engine::Local { "local.sh".to_owned() } else { format!("array-{number}.sh") };
            let path = folder.join(name);
            write(&path, script)?;
            let before = submission.arrays.last().and_then(|array| array.job.clone());
            let job = match self.args.engine {
                Engine::Local => Some(start(&path, &folder)?),
                Engine::Slurm | Engine::Template => self.give(&path, before.as_deref())?,
            };
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
            (_, None) => Ok(None),
            (_, Some(program)) => {
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

/// Start the script at `path` in the background; the id of its process, once that is at work.
fn start(path: &Path, folder: &Path) -> Result<String, CliError> {
    let log = folder.join("logs/local.txt");
    let mut process = Local.start(path, &log)?;
    let begun = Instant::now();
    loop {
        if Local.is_there(folder) {
            return Ok(process.id().to_string());
        }
        match process.try_wait().map_err(CliError::failed)? {
            // It may have been too quick to be seen.
            Some(status) if status.success() => return Ok(process.id().to_string()),
            Some(status) => return Err(CliError::failed(format!("ended with {status}; see {}", log.display()))),
            None if begun.elapsed() > FOR_START => {
                return Err(CliError::failed(format!("the process does not begin; see {}", log.display())));
            }
            None => std::thread::sleep(LOOK),
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
