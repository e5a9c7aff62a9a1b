//! `bench cancel`: the end of what was submitted.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::{CliError, Exit, Global};
use crate::submit::{Engine, Local, Slurm, Submission};

/// How long the process of this machine is waited for, which saves what it has.
const FOR_SAVING: Duration = Duration::from_secs(60);
/// Time between two looks at it.
const LOOK: Duration = Duration::from_millis(50);

/// `bench cancel`
#[derive(Debug, Clone, Args)]
pub struct CancelArgs {
    /// Run folder of an experiment
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// End the jobs of every submission of an experiment.
pub fn execute(args: &CancelArgs, global: &Global) -> Result<Exit, CliError> {
    let submissions = Submission::all(&args.dir)?;
    let mut ended = Vec::new();
    // The script of a local one may have been started again.
    let open = |submission: &Submission| !submission.cancelled || submission.engine == Engine::Local;
    for (folder, mut submission) in submissions.into_iter().filter(|(_, submission)| open(submission)) {
        let jobs: Vec<String> = submission.jobs().map(str::to_owned).collect();
        match submission.engine {
            Engine::Slurm => {
                Slurm.cancel(&jobs.iter().map(String::as_str).collect::<Vec<_>>())?;
                ended.extend(jobs);
            }
            Engine::Local => {
                let process = Local.cancel(&folder)?;
                ended.extend(process.map(|process| format!("process {process}")));
                wait_for_saving(&folder);
            }
            Engine::Template if !jobs.is_empty() => {
                let message = format!(
                    "{} was not submitted to Slurm: end its jobs ({}) by the scheduler's own program",
                    folder.display(),
                    jobs.join(", ")
                );
                return Err(CliError::usage(message));
            }
            Engine::Template => {}
        }
        submission.cancelled = true;
        submission.write(&folder)?;
    }
    global.print(
        || serde_json::json!({"schema": 1, "jobs": ended}),
        || if ended.is_empty() { "no job is left".to_owned() } else { format!("ended: {}", ended.join(", ")) },
    )
}

/// Wait until the process of the submission in `folder` has left; one that takes long saves all the same.
fn wait_for_saving(folder: &Path) {
    let begun = Instant::now();
    while Local.is_there(folder) && begun.elapsed() < FOR_SAVING {
        std::thread::sleep(LOOK);
    }
}
