//! The program under test, as a process among others.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::scratch::Scratch;

/// Longest time that anything may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks at a process.
const PAUSE: Duration = Duration::from_millis(10);
/// How often a run is started that another process still holds.
const HELD: u32 = 240;

/// The program, and what it is to run.
pub struct Bench {
    pub program: PathBuf,
    pub experiment: PathBuf,
    pub data: PathBuf,
}

impl Bench {
    /// `bench <subcommand>` with the experiment, whose runs go into `scratch`.
    pub fn command(&self, subcommand: &str, scratch: &Scratch) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(subcommand).arg(&self.experiment).arg("--out").arg(scratch.runs()).env("BENCH_DATA", &self.data);
        command.current_dir(scratch.folder()).env_remove("BENCH_LOG").stdin(Stdio::null());
        command
    }

    /// `bench run`, two runs at a time.
    pub fn run(&self, scratch: &Scratch) -> Command {
        let mut command = self.command("run", scratch);
        command.args(["--jobs", "2", "--quiet"]);
        command
    }

    /// The folder of the runs in `scratch`.
    pub fn runs(&self, scratch: &Scratch) -> PathBuf {
        let name = self.experiment.file_stem().unwrap_or_default();
        scratch.runs().join(name)
    }

    /// Run what is left, until nothing is.
    pub fn run_to_the_end(&self, scratch: &Scratch) -> Result<()> {
        for _ in 0..HELD {
            let mut running = Running::start(self.run(scratch))?;
            let status = running.wait()?;
            let said = running.said()?;
            if status.success() {
                return Ok(());
            }
            // What was killed may leave a worker that notices a moment later.
            if !said.contains("locked") {
                bail!("`bench run` ended with {status}: {}", last_lines(&said));
            }
            std::thread::sleep(50 * PAUSE);
        }
        bail!("runs are still locked after {HELD} attempts")
    }
}

/// The end of what a program said.
fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(6)..].join(" / ")
}

/// A process whose words go to a file, and which does not outlive this program.
pub struct Running {
    child: Child,
    words: File,
}

impl Running {
    pub fn start(mut command: Command) -> Result<Self> {
        let words = tempfile::tempfile()?;
        command.stdout(words.try_clone()?).stderr(words.try_clone()?);
        // A group of its own, to be ended as a whole.
        command.process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child, words })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Let it run for `time`; whether it still does.
    pub fn runs_for(&mut self, time: Duration) -> Result<bool> {
        let begun = Instant::now();
        while begun.elapsed() < time {
            if self.has_ended()? {
                return Ok(false);
            }
            std::thread::sleep(PAUSE.min(time.saturating_sub(begun.elapsed())));
        }
        Ok(!self.has_ended()?)
    }

    pub fn wait(&mut self) -> Result<ExitStatus> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if begun.elapsed() > PATIENCE {
                bail!("a process has not ended within {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Send `signal` to the process alone.
    pub fn signal(&self, signal: Signal) {
        send(self.id(), signal);
    }

    /// What it has said so far.
    pub fn said(&mut self) -> Result<String> {
        self.words.rewind()?;
        let mut bytes = Vec::new();
        self.words.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(group) = i32::try_from(self.id()) {
            let _ = nix::sys::signal::killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// Send `signal` to a process, if it is there.
pub fn send(process: u32, signal: Signal) {
    if let Ok(process) = i32::try_from(process) {
        let _ = kill(Pid::from_raw(process), signal);
    }
}

/// The processes that `process` has started.
pub fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}
