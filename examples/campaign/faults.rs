//! The faults.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use nix::sys::signal::Signal;
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use crate::process::{Bench, Running, children, send};
use crate::scratch::Scratch;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// SIGKILL to `bench run`
    Kill,
    /// SIGKILL to one of its workers
    KillWorker,
    /// SIGKILL to `bench submit`
    KillSubmit,
    /// A signal that asks it to end
    Signal,
    /// A file system that is full
    FullDisk,
    /// A folder that nothing can be written to
    ReadOnly,
    /// A clock that is set back or forward
    Clock,
    /// Two processes that run the same
    TwoWriters,
    /// A checkpoint that is cut off, or has lost a bit
    Checkpoint,
    /// Less memory than it takes
    Memory,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned()).as_str())
    }
}

/// Where Debian has the library that gives a process another clock.
const CLOCK: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

impl Kind {
    /// What it is, for the table.
    pub fn about(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL of `bench run`",
            Self::KillWorker => "SIGKILL of a worker",
            Self::KillSubmit => "SIGKILL of `bench submit`",
            Self::Signal => "SIGTERM, SIGINT, SIGHUP, SIGUSR1",
            Self::FullDisk => "disk full",
            Self::ReadOnly => "file system read-only",
            Self::Clock => "clock set back or forward",
            Self::TwoWriters => "two processes on one folder",
            Self::Checkpoint => "checkpoint cut off, or a bit of it flipped",
            Self::Memory => "memory limit",
        }
    }

    pub fn needs_a_file_system(self) -> bool {
        matches!(self, Self::FullDisk | Self::ReadOnly)
    }

    /// What it needs and this machine lacks.
    pub fn missing(self) -> Option<&'static str> {
        if self.needs_a_file_system() && !Scratch::can_mount() {
            return Some("nothing may be mounted here");
        }
        (self == Self::Clock && !Path::new(CLOCK).exists()).then_some("libfaketime is not installed")
    }
}

/// Strikes at the runs in a scratch folder.
pub struct Blow<'a> {
    pub bench: &'a Bench,
    pub scratch: &'a Scratch,
    pub random: &'a mut ChaCha8Rng,
    /// How long the experiment takes undisturbed.
    pub time: Duration,
}

impl Blow<'_> {
    /// Start the experiment and disturb it: how many faults have hit it, and whether it came to its end all the same.
    pub fn strike(&mut self, kind: Kind) -> Result<(usize, bool)> {
        match kind {
            Kind::Kill => self.kill(),
            Kind::KillWorker => self.kill_worker(),
            Kind::KillSubmit => self.kill_submit(),
            Kind::Signal => self.signal(),
            Kind::FullDisk => self.fill(),
            Kind::ReadOnly => self.close(),
            Kind::Clock => self.set_clock(),
            Kind::TwoWriters => self.second_writer(),
            Kind::Checkpoint => self.damage(),
            Kind::Memory => self.limit_memory(),
        }
    }

    /// A moment: mostly soon, so that a round takes many faults, and now and then late.
    fn moment(&mut self) -> Duration {
        let mean = (0.15 * self.time.as_secs_f64()).clamp(0.2, 1.5);
        let share: f64 = self.random.random_range(1e-6..1.0);
        Duration::from_secs_f64(-mean * share.ln())
    }

    fn start(&self) -> Result<Running> {
        Running::start(self.bench.run(self.scratch))
    }

    /// Start the experiment and send it `signal` at some moment: how it ended then, or nothing if it had ended before.
    fn signalled(&mut self, signal: Signal) -> Result<Option<ExitStatus>> {
        let mut running = self.start()?;
        if !running.runs_for(self.moment())? {
            return Ok(None);
        }
        running.signal(signal);
        running.wait().map(Some)
    }

    fn kill(&mut self) -> Result<(usize, bool)> {
        Ok(if self.signalled(Signal::SIGKILL)?.is_some() { (1, false) } else { (0, true) })
    }

    fn kill_worker(&mut self) -> Result<(usize, bool)> {
        let mut running = self.start()?;
        let mut struck = 0;
        while running.runs_for(self.moment())? {
            if let Some(worker) = children(running.id()).choose(self.random) {
                send(*worker, Signal::SIGKILL);
                struck += 1;
            }
        }
        // Its run has failed, and is run again with the next attempt.
        Ok((struck, running.wait()?.success()))
    }

    fn kill_submit(&mut self) -> Result<(usize, bool)> {
        const SCRIPT: &str = "cd {{ folder|quoted }} || exit 1\n\
            while read -r run; do {{ command }} --quiet --cell \"$run\" || exit 1; done < {{ runs|quoted }}\n";
        let script = self.scratch.folder().join("array.sh");
        std::fs::write(&script, SCRIPT)?;
        let submit = |with: &str| {
            let mut command = self.bench.command("submit", self.scratch);
            command.args(["--engine", "template", "--template"]).arg(&script).args(["--submit-with", with]);
            command
        };
        // The scheduler runs the array at once, one run after the other: a kill hits the submission, or some run of it.
        let mut running = Running::start(submit(if self.random.random_bool(0.8) { "echo" } else { "sh" }))?;
        let soon = Duration::from_secs_f64(self.random.random_range(0.0..0.4));
        if !running.runs_for(soon)? {
            return Ok((0, false));
        }
        running.signal(Signal::SIGKILL);
        running.wait()?;
        Ok((1, false))
    }

    fn signal(&mut self) -> Result<(usize, bool)> {
        const SIGNALS: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1];
        let signal = *SIGNALS.choose(self.random).unwrap_or(&Signal::SIGTERM);
        Ok(self.signalled(signal)?.map_or((0, true), |status| (1, status.success())))
    }

    fn fill(&mut self) -> Result<(usize, bool)> {
        // Room for a little more than what is there, so that every attempt comes somewhat further.
        let more = self.random.random_range(0..512 * 1024);
        self.scratch.limit(self.scratch.bytes() + 16 * 4096 + more)?;
        let ended = self.start()?.wait()?.success();
        Ok((usize::from(!ended), ended))
    }

    fn close(&mut self) -> Result<(usize, bool)> {
        if self.signalled(Signal::SIGTERM)?.is_none() {
            return Ok((0, true));
        }
        self.scratch.close()?;
        let ended = self.start()?.wait()?.success();
        self.scratch.open()?;
        Ok((usize::from(!ended), ended))
    }

    fn set_clock(&mut self) -> Result<(usize, bool)> {
        let clock = self.scratch.folder().join("clock");
        let shift = |random: &mut ChaCha8Rng| format!("{:+}", random.random_range(-200_000..100_000));
        std::fs::write(&clock, shift(self.random))?;
        let mut command = self.bench.run(self.scratch);
        command.env("LD_PRELOAD", CLOCK).env("FAKETIME_TIMESTAMP_FILE", &clock);
        // Durations are measured by another clock, which nobody sets.
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let mut running = Running::start(command)?;
        let mut struck = 1;
        for _ in 0..2 {
            if !running.runs_for(self.moment())? {
                return Ok((struck, running.wait()?.success()));
            }
            std::fs::write(&clock, shift(self.random))?;
            struck += 1;
        }
        running.signal(Signal::SIGTERM);
        Ok((struck, running.wait()?.success()))
    }

    fn second_writer(&mut self) -> Result<(usize, bool)> {
        let mut first = self.start()?;
        let later = Duration::from_secs_f64(self.random.random_range(0.0..0.3));
        if !first.runs_for(later)? {
            return Ok((0, true));
        }
        let mut second = self.start()?;
        // Either may be the one that is killed.
        let moment = self.moment();
        let killed = if self.random.random_bool(0.5) { &mut first } else { &mut second };
        if killed.runs_for(moment)? {
            killed.signal(Signal::SIGKILL);
        }
        let (first, second) = (first.wait()?, second.wait()?);
        Ok((1, first.success() && second.success()))
    }

    fn damage(&mut self) -> Result<(usize, bool)> {
        if self.signalled(Signal::SIGTERM)?.is_none() {
            return Ok((0, true));
        }
        let mut struck = 0;
        for checkpoints in self.unfinished()? {
            let last = checkpoints.join("last.safetensors");
            let Ok(mut file) = std::fs::read(&last) else { continue };
            if !checkpoints.join("previous.safetensors").exists() || file.is_empty() {
                continue;
            }
            let at = self.random.random_range(0..file.len());
            if self.random.random_bool(0.3) {
                file.truncate(at);
            } else {
                file[at] ^= 1 << self.random.random_range(0..8);
            }
            std::fs::write(&last, file)?;
            struck += 1;
        }
        Ok((struck, false))
    }

    /// The folders of checkpoints of runs that are not over.
    fn unfinished(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(self.bench.runs(self.scratch)).into_iter().flatten() {
            let folder = entry?.path();
            let status = std::fs::read_to_string(folder.join("status.json")).unwrap_or_default();
            if status.contains("\"interrupted\"") {
                found.push(folder.join("checkpoints"));
            }
        }
        found.sort();
        Ok(found)
    }

    fn limit_memory(&mut self) -> Result<(usize, bool)> {
        let run = self.bench.run(self.scratch);
        let kilobytes = self.random.random_range(150_000..1_500_000);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -v {kilobytes}; exec \"$0\" \"$@\"")]).arg(run.get_program());
        command.args(run.get_args()).current_dir(self.scratch.folder());
        for (name, value) in run.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut running = Running::start(command)?;
        let moment = self.moment();
        if running.runs_for(moment)? {
            running.signal(Signal::SIGTERM);
        }
        let ended = running.wait()?.success();
        Ok((1, ended))
    }
}
