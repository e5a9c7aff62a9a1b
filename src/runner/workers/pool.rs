//! The pool of worker processes that train the runs of an experiment.
//!
//! What ends a worker (want of memory, an instruction that the processor does not have) ends its run alone, and the others go
//! on. Without `--jobs` there is one worker, which keeps what it has prepared from run to run.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use super::death::{self, Death};
use super::{Display, MemoryBudget};
use crate::experiment::Run;
use crate::runner::search::{Passed, Queue};
use crate::runner::{Event, Inputs, Interrupt, Options, Order, Outcome, Part, Request, Setup};
use crate::terminal::{self, LogForm};

/// Time between two looks at signals and deadline.
const PAUSE: Duration = Duration::from_millis(50);

/// Names the GPUs that a process sees.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";
/// How threads of OpenMP, which LibTorch computes with, wait.
const WAIT_POLICY: &str = "OMP_WAIT_POLICY";

/// Lines of a worker's log that are kept for the case of its death.
const KEPT_LINES: usize = 50;

/// The workers of one experiment.
pub(crate) struct WorkerPool<'a> {
    /// What holds for every run.
    pub(crate) setup: Setup,
    /// The files that each run is made of.
    pub(crate) inputs: &'a [Inputs],
    /// Folder of the experiment.
    pub(crate) folder: &'a Path,
    /// How the plan is executed.
    pub(crate) options: &'a Options,
    /// What decides how many runs fit into memory; absent where nobody looks.
    pub(crate) memory: Option<MemoryBudget>,
    pub(crate) display: &'a Display,
}

/// What came of the work.
pub(crate) struct Work {
    /// One for each run.
    pub(crate) outcomes: Vec<Outcome>,
    /// Whether the user wanted to leave at once.
    pub(crate) left_at_once: bool,
}

/// Something that a worker has sent.
enum Message {
    /// A line of its standard output.
    Event(Event),
    /// A line of its standard error.
    Log(String),
    /// One of the two has ended.
    Closed,
}

struct Worker {
    child: Child,
    /// Its orders; dropped, they end, and it leaves.
    orders: Option<ChildStdin>,
    /// The run that it trains.
    run: Option<usize>,
    /// Its outputs that have not ended.
    open: usize,
    /// The last lines of its log.
    log: VecDeque<String>,
    /// Processes that the system had killed for want of memory before.
    killed_before: Option<u64>,
}

/// Number of workers for so many runs.
pub(crate) fn workers(jobs: usize, runs: usize) -> usize {
    jobs.min(runs).max(1)
}

impl WorkerPool<'_> {
    /// Train `runs`, at most `jobs` at a time; the CPU threads are shared out among them.
    pub(crate) fn run(&self, runs: &[Run], mut queue: Queue<'_>, interrupt: &mut Interrupt) -> Work {
        let number = workers(self.options.jobs, runs.len());
        let threads = (rayon::current_num_threads() / number).max(1);
        let (sender, messages) = mpsc::channel();
        let mut work = Work { outcomes: vec![Outcome::Interrupted; runs.len()], left_at_once: false };
        self.pass_over(queue.begin(), &mut work);
        let firsts = firsts(runs);
        let mut slots: Vec<Option<Worker>> = (0..number).map(|_| None).collect();
        loop {
            match interrupt.take() {
                Request::Nothing => {}
                Request::Stop => self.display.warn("interrupted: saving a checkpoint (again to leave at once)"),
                Request::AtOnce => {
                    slots.iter_mut().flatten().for_each(|worker| _ = worker.child.kill());
                    work.left_at_once = true;
                }
            }
            if interrupt.requested() {
                queue.close();
                slots.iter_mut().flatten().for_each(|worker| worker.orders = None);
            }
            for slot in 0..slots.len() {
                while slots[slot].as_ref().is_none_or(|worker| worker.run.is_none() && worker.orders.is_some())
                    && let Some((index, part)) = self.next(&mut queue, &firsts, &slots)
                {
                    let place = &mut slots[slot];
                    let order = Order::new(&runs[index], &self.inputs[index], part);
                    let given = match place {
                        Some(worker) => worker.assign(index, &order),
                        None => self
                            .start(slot, threads, &sender)
                            .map(|worker| place.insert(worker))
                            .and_then(|worker| worker.assign(index, &order)),
                    };
                    if let Err(message) = given {
                        let outcome = self.record_death(slot, &runs[index], &Death::NeverStarted(message));
                        self.ends(index, outcome, &mut queue, &mut work);
                    }
                }
                // Nothing is left to do for a worker without a run.
                let idle = slots[slot].as_mut().filter(|worker| worker.run.is_none() && queue.is_empty());
                if let Some(worker) = idle {
                    worker.orders = None;
                }
            }
            if slots.iter().all(Option::is_none) {
                return work;
            }
            if let Ok((slot, message)) = messages.recv_timeout(PAUSE) {
                self.receive(slot, message, &mut slots[slot], runs, &mut queue, &mut work);
            }
        }
    }

    /// The first of the runs in `queue` that waits for no other any longer, and fits beside those that train.
    fn next(&self, queue: &mut Queue<'_>, firsts: &[Option<usize>], slots: &[Option<Worker>]) -> Option<(usize, Part)> {
        let in_training = || slots.iter().flatten().filter_map(|worker| worker.run);
        queue.take(|index, waiting| {
            let waits = |first: usize| waiting.contains(&first) || in_training().any(|run| run == first);
            let fits = |memory: &MemoryBudget| memory.lets(index, in_training());
            !firsts[index].is_some_and(waits) && self.memory.as_ref().is_none_or(fits)
        })
    }

    /// Start a worker.
    fn start(&self, slot: usize, threads: usize, sender: &Sender<(usize, Message)>) -> Result<Worker, String> {
        let log = match terminal::form() {
            LogForm::Json => "json",
            LogForm::Text => "text",
        };
        let mut command = Command::new(program().map_err(|error| format!("this program is not found: {error}"))?);
        command
            .args(["worker", "--threads", &threads.to_string(), "--log", log])
            .args(["--device", &self.options.device.to_string(), "--folder"])
            .arg(self.folder)
            .arg("--data")
            .arg(self.options.library.root());
        if let Some(cache) = self.options.library.chosen_cache() {
            command.arg("--cache").arg(cache);
        }
        if self.options.quiet {
            command.arg("--quiet");
        }
        if terminal::has_colour() {
            command.arg("--colour");
        }
        if self.options.gpus.is_some() {
            command.env(VISIBLE, gpu(slot, std::env::var(VISIBLE).ok().as_deref()));
        }
        // LibTorch's threads spin while they wait, unless told otherwise before the program starts: other workers, and the
        // threads that read ahead, have better use for the processor.
        if cfg!(feature = "tch") && std::env::var_os(WAIT_POLICY).is_none() {
            command.env(WAIT_POLICY, "passive");
        }
        let killed_before = death::killed_for_memory();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("no process can be started for it: {error}"))?;
        let mut orders = child.stdin.take();
        let mut worker = Worker { orders: None, run: None, open: 0, log: VecDeque::new(), killed_before, child };
        let event = |line: String| serde_json::from_str(&line).ok().map(Message::Event);
        let heard = match (worker.child.stdout.take(), worker.child.stderr.take()) {
            (Some(out), Some(log)) => listen(slot, out, sender.clone(), event)
                .and_then(|()| listen(slot, log, sender.clone(), |line| Some(Message::Log(line)))),
            _ => Err(std::io::Error::other("it has no output")),
        };
        if let Err(error) = heard {
            // Without orders it leaves by itself; its outputs close with it.
            let _ = worker.child.kill().and_then(|()| worker.child.wait());
            return Err(format!("no process can be started for it: {error}"));
        }
        worker.open = 2;
        let setup = serde_json::to_string(&self.setup).map_err(|error| error.to_string())?;
        // A worker that has died meanwhile is noticed by the end of its output.
        let _ = orders.as_mut().map(|orders| writeln!(orders, "{setup}"));
        worker.orders = orders;
        Ok(worker)
    }

    /// Take in what a worker has sent.
    fn receive(
        &self,
        slot: usize,
        message: Message,
        place: &mut Option<Worker>,
        runs: &[Run],
        queue: &mut Queue<'_>,
        work: &mut Work,
    ) {
        let Some(worker) = place.as_mut() else { return };
        match message {
            Message::Event(Event::Ended { outcome }) => {
                if let Some(index) = worker.run.take() {
                    self.ends(index, outcome, queue, work);
                }
            }
            Message::Event(event) => self.display.show(slot, &event),
            Message::Log(line) => {
                self.display.pass_on(&line);
                worker.log.push_back(line);
                if worker.log.len() > KEPT_LINES {
                    worker.log.pop_front();
                }
            }
            Message::Closed => {
                worker.open -= 1;
                if worker.open == 0
                    && let Some(worker) = place.take()
                {
                    self.reap(slot, worker, runs, queue, work);
                }
            }
        }
    }

    /// A worker has left, or died.
    fn reap(&self, slot: usize, mut worker: Worker, runs: &[Run], queue: &mut Queue<'_>, work: &mut Work) {
        worker.orders = None;
        let status = worker.child.wait();
        let Some(index) = worker.run else { return };
        let log = worker.log.make_contiguous();
        let death = match status {
            _ if work.left_at_once => Death::LeftAtOnce,
            // It was asked to leave before it took the order: another one takes it.
            Ok(status) if status.success() => return queue.put_back(index),
            Ok(status) => Death::of(status, log, worker.killed_before),
            Err(error) => Death::NeverStarted(format!("what became of its process is not known: {error}")),
        };
        let outcome = self.record_death(slot, &runs[index], &death);
        self.ends(index, outcome, queue, work);
    }

    /// A run, or a part of it, is over; others may not go on for it.
    fn ends(&self, index: usize, outcome: Outcome, queue: &mut Queue<'_>, work: &mut Work) {
        let others = queue.ended(index, &outcome);
        work.outcomes[index] = outcome;
        self.pass_over(others, work);
    }

    /// Runs end that were not ordered.
    fn pass_over(&self, runs: Vec<Passed>, work: &mut Work) {
        for Passed { index, id, outcome } in runs {
            self.display.passed_over(&id, &outcome.text());
            work.outcomes[index] = outcome;
        }
    }

    /// Record the end of a run whose worker cannot.
    fn record_death(&self, slot: usize, run: &Run, death: &Death) -> Outcome {
        let outcome = death::record(&self.folder.join(&run.id), self.setup.process, death);
        self.display.run_ends(slot, &run.id, &outcome.text());
        outcome
    }
}

/// For every run the place of that with whose weights it begins, where that is trained, too.
fn firsts(runs: &[Run]) -> Vec<Option<usize>> {
    let places: HashMap<&str, usize> = runs.iter().enumerate().map(|(place, run)| (run.id.as_str(), place)).collect();
    runs.iter().map(|run| places.get(run.after.as_deref()?).copied()).collect()
}

impl Worker {
    /// Train the run of `order`, number `index` of the experiment.
    fn assign(&mut self, index: usize, order: &Order) -> Result<(), String> {
        let order = serde_json::to_string(order).map_err(|error| error.to_string())?;
        self.run = Some(index);
        // A worker that has died meanwhile is noticed by the end of its output.
        let _ = self.orders.as_mut().map(|orders| writeln!(orders, "{order}").and_then(|()| orders.flush()));
        Ok(())
    }
}

/// The GPU of the worker in `slot`, by its name among those that this process is given, or else by its number.
fn gpu(slot: usize, given: Option<&str>) -> String {
    let given = given.and_then(|given| given.split(',').nth(slot)).map(str::trim).filter(|name| !name.is_empty());
    given.map_or_else(|| slot.to_string(), str::to_owned)
}

/// Send the lines of `stream` as messages, from a thread of its own.
fn listen(
    slot: usize,
    stream: impl Read + Send + 'static,
    sender: Sender<(usize, Message)>,
    message: impl Fn(String) -> Option<Message> + Send + 'static,
) -> std::io::Result<()> {
    let read = move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            line.clear();
            if let Some(message) = message(text)
                && sender.send((slot, message)).is_err()
            {
                return;
            }
        }
        // Nobody listens where the command is over.
        let _ = sender.send((slot, Message::Closed));
    };
    std::thread::Builder::new().spawn(read).map(drop)
}

/// This program, even where its file was replaced or removed since it started (a new build).
fn program() -> std::io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt;
        let own = Path::new("/proc/self/exe");
        let same = |a: std::fs::Metadata, b: std::fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        if let Ok(running) = own.metadata()
            && !path.metadata().is_ok_and(|found| same(found, running))
        {
            return Ok(own.to_owned());
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::gpu;

    #[test]
    fn every_worker_has_a_gpu_of_its_own() {
        assert_eq!([0, 1].map(|slot| gpu(slot, None)), ["0", "1"]);
        assert_eq!([0, 1].map(|slot| gpu(slot, Some("5, GPU-8a"))), ["5", "GPU-8a"]);
        assert_eq!(gpu(0, Some("")), "0");
    }
}
