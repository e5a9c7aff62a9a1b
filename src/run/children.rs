//! Several cells at the same time, each in a child process of its own.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reports::record::State;

use super::cell::{Bench, Outcome};
use super::{Options, folder};
use crate::exit::Stop;
use crate::experiment::Cell;

/// Run `cells`, at most `options.jobs` at a time; the CPU threads are shared out among them.
pub(super) fn run(bench: &Bench<'_>, cells: &[&Cell], options: &Options) -> Result<Vec<Outcome>, Stop> {
    let program = std::env::current_exe().map_err(Stop::failed)?;
    let threads = (rayon::current_num_threads() / options.jobs).max(1);
    let mut waiting: Vec<usize> = (0..cells.len()).rev().collect();
    let mut running: Vec<(usize, Child)> = Vec::new();
    let mut outcomes = vec![Outcome::Interrupted; cells.len()];
    let mut told = false;
    while !(waiting.is_empty() && running.is_empty()) {
        if bench.interrupt.requested() {
            waiting.clear();
            if !told {
                running.iter().for_each(|(_, child)| terminate(child));
                told = true;
            }
        }
        while running.len() < options.jobs
            && let Some(index) = waiting.pop()
        {
            let mut command = Command::new(&program);
            command
                .arg("run")
                .args(&options.plan_arguments)
                .args(["--cell", &cells[index].id, "--device", &options.device.to_string(), "--quiet"])
                .args(["--threads", &threads.to_string()])
                .arg("--out")
                .arg(&options.out)
                .arg("--data")
                .arg(options.library.root());
            if options.fresh {
                command.arg("--fresh");
            }
            let child = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .map_err(|error| Stop::failed(format!("cannot start {}: {error}", program.display())))?;
            bench.display.line(&format!("{}: started as process {}", cells[index].id, child.id()));
            running.push((index, child));
        }
        std::thread::sleep(Duration::from_millis(50));
        let mut still = Vec::new();
        for (index, mut child) in running {
            match child.try_wait().map_err(Stop::failed)? {
                None => still.push((index, child)),
                Some(status) => {
                    let id = &cells[index].id;
                    outcomes[index] = outcome(bench, id, status.code());
                    bench.display.cell_ends(id, &describe(&outcomes[index]));
                }
            }
        }
        running = still;
    }
    Ok(outcomes)
}

/// What the child's exit code and the cell's status file say together.
fn outcome(bench: &Bench<'_>, id: &str, code: Option<i32>) -> Outcome {
    let status = folder::read_status(&bench.out.join(id)).ok().flatten();
    let message = status.as_ref().and_then(|status| status.message.clone());
    match (code, status.map(|status| status.state)) {
        (Some(0), Some(State::Skipped)) => Outcome::Skipped,
        (Some(0), _) => Outcome::Done,
        (Some(130), _) => Outcome::Interrupted,
        (Some(code), _) => Outcome::Failed(message.unwrap_or_else(|| format!("its process ended with code {code}"))),
        (None, _) => Outcome::Failed("its process was killed; run again to resume".into()),
    }
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".into(),
        Outcome::Skipped => "skipped".into(),
        Outcome::Failed(message) => format!("failed: {message}"),
        Outcome::Locked(message) => message.clone(),
        Outcome::Interrupted => "interrupted; run again to go on".into(),
    }
}

/// Ask a child to save and leave.
fn terminate(child: &Child) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw)
        && let Err(error) = rustix::process::kill_process(pid, rustix::process::Signal::TERM)
    {
        tracing::warn!("process {} cannot be stopped: {error}", child.id());
    }
    #[cfg(not(unix))]
    tracing::warn!("process {} ends with its cell", child.id());
}
