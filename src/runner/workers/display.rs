//! Progress for people: bars on a terminal (experiment; run and epoch of every worker), plain lines elsewhere.

use std::time::Duration;
#[cfg(unix)]
use std::{
    io,
    sync::{Mutex, PoisonError},
};

#[cfg(unix)]
use indicatif::TermLike;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::runner::Event;
use crate::terminal::{self, Level};

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bars,
    Lines,
    Silent,
}

/// Most workers that have bars: more do not fit below each other.
const MOST_SLOTS: usize = 8;

/// Progress of a whole command.
pub(crate) struct Display {
    mode: Mode,
    bars: MultiProgress,
    experiment: ProgressBar,
    slots: Vec<Slot>,
}

/// The bars of one worker.
struct Slot {
    run: ProgressBar,
    epoch: ProgressBar,
    data: ProgressBar,
}

impl Display {
    /// A display for `runs` runs of `experiment`, of which `workers` train at the same time.
    pub(crate) fn new(experiment: &str, runs: usize, workers: usize, quiet: bool) -> Self {
        let mode = match (quiet, terminal::can_draw()) {
            (true, _) => Mode::Silent,
            (false, true) => Mode::Bars,
            (false, false) => Mode::Lines,
        };
        let bars = MultiProgress::with_draw_target(match mode {
            Mode::Bars => canvas(),
            Mode::Lines | Mode::Silent => ProgressDrawTarget::hidden(),
        });
        let bar = |template: &str| {
            let bar = bars.add(ProgressBar::new(0));
            // The templates are constants; a broken one falls back to indicatif's default bar.
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        };
        let display = Self {
            mode,
            experiment: bar("{prefix:28!} {bar:24.cyan} {pos}/{len} runs    {elapsed_precise} elapsed"),
            slots: (0..workers.min(MOST_SLOTS))
                .map(|_| Slot {
                    run: bar("{prefix:28!} {bar:24.green} {pos}/{len} epochs  {wide_msg}"),
                    epoch: bar("{prefix:28!} {bar:24.yellow} {pos}/{len} steps   {wide_msg}"),
                    data: bar("{prefix:28!} {bar:24.magenta} {percent:>3} %  {wide_msg}"),
                })
                .collect(),
            bars,
        };
        display.experiment.set_prefix(experiment.to_owned());
        display.experiment.set_length(runs as u64);
        if mode == Mode::Bars {
            display.experiment.enable_steady_tick(Duration::from_millis(500));
        }
        display
    }

    /// A line that stays.
    pub(crate) fn line(&self, text: &str) {
        match self.mode {
            Mode::Bars => self.above(text),
            Mode::Lines => terminal::say(Level::INFO, text),
            Mode::Silent => {}
        }
    }

    /// What the user must see, whether or not progress is wanted.
    pub(crate) fn warn(&self, text: &str) {
        match self.mode {
            Mode::Bars => self.above(text),
            Mode::Lines | Mode::Silent => terminal::say(Level::WARN, text),
        }
    }

    /// A line of a worker's log.
    pub(crate) fn pass_on(&self, line: &str) {
        match self.mode {
            Mode::Bars => self.above(line),
            Mode::Lines | Mode::Silent => terminal::pass_on(line),
        }
    }

    /// Print above the bars. Where the terminal is gone, nothing is printed.
    fn above(&self, text: &str) {
        let _ = self.bars.println(text);
    }

    /// A run is over, or was skipped.
    pub(crate) fn run_ends(&self, worker: usize, id: &str, outcome: &str) {
        if let Some(slot) = self.slots.get(worker) {
            slot.epoch.set_length(0);
            slot.epoch.set_message("");
            slot.data.set_length(0);
        }
        self.passed_over(id, outcome);
    }

    /// A run is over without a worker.
    pub(crate) fn passed_over(&self, id: &str, outcome: &str) {
        self.experiment.inc(1);
        self.line(&format!("{id}: {outcome}"));
    }

    /// Show what a worker tells.
    pub(crate) fn show(&self, worker: usize, event: &Event) {
        let said = match event {
            Event::Line { text } => Some(text.clone()),
            Event::RunBegins { id, epochs, done: 0 } => Some(format!("{id}: training for {epochs} epochs")),
            Event::RunBegins { id, epochs, done } => Some(format!("{id}: going on after epoch {done} of {epochs}")),
            // On a terminal the bar of the run says it.
            Event::EpochEnded { id, name, message, .. } if self.mode == Mode::Lines => {
                Some(format!("{id}: {name}: {message}"))
            }
            Event::DataBegins { what, total } if self.mode == Mode::Lines => Some(format!("{what}: {total} to go")),
            Event::RunEnds { id, outcome } => return self.run_ends(worker, id, outcome),
            _ => None,
        };
        if let Some(said) = said {
            self.line(&said);
        }
        if self.mode == Mode::Bars
            && let Some(slot) = self.slots.get(worker)
        {
            slot.show(event);
        }
    }

    /// Everything is over.
    pub(crate) fn finish(&self) {
        for slot in &self.slots {
            [&slot.epoch, &slot.run, &slot.data].iter().for_each(|bar| bar.finish_and_clear());
        }
        self.experiment.finish_and_clear();
    }
}

/// Where bars are drawn.
#[cfg(unix)]
fn canvas() -> ProgressDrawTarget {
    const PER_SECOND: u8 = 20;
    let canvas = Canvas { terminal: console::Term::stderr(), drawn: Mutex::new(String::new()) };
    ProgressDrawTarget::term_like_with_hz(Box::new(canvas), PER_SECOND)
}

/// Where bars are drawn.
#[cfg(not(unix))]
fn canvas() -> ProgressDrawTarget {
    ProgressDrawTarget::stderr()
}

/// The terminal, as indicatif draws on it: each drawing is handed over as a whole, and nobody waits until it is shown.
#[cfg(unix)]
#[derive(Debug)]
struct Canvas {
    terminal: console::Term,
    drawn: Mutex<String>,
}

#[cfg(unix)]
impl Canvas {
    fn add(&self, text: &str) -> io::Result<()> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        Ok(())
    }

    /// Move the cursor `n` places towards `direction`, the last letter of the sequence for it.
    fn go(&self, n: usize, direction: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.add(&format!("\x1b[{n}{direction}")) }
    }
}

#[cfg(unix)]
impl TermLike for Canvas {
    fn width(&self) -> u16 {
        self.terminal.size().1
    }

    fn height(&self) -> u16 {
        self.terminal.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.go(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.go(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.go(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.go(n, 'D')
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.add(line)?;
        self.add("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner));
        if !drawn.is_empty() {
            terminal::draw(drawn);
        }
        Ok(())
    }
}

impl Slot {
    fn show(&self, event: &Event) {
        match event {
            Event::RunBegins { id, epochs, done } => {
                self.run.set_prefix(shorten(id));
                self.run.set_length(*epochs);
                self.run.set_position(*done);
                self.run.set_message("");
            }
            Event::EpochBegins { epoch, done, steps } => {
                self.epoch.set_prefix(format!("  epoch {epoch}"));
                self.epoch.reset();
                self.epoch.set_length(*steps);
                self.epoch.set_position(*done);
            }
            Event::Steps { done, message } => {
                self.epoch.set_position(*done);
                let left = indicatif::HumanDuration(self.epoch.eta());
                self.epoch.set_message(format!("{message}, {left:#} left"));
            }
            Event::EpochEnded { done, message, .. } => {
                self.run.set_position(*done);
                self.run.set_message(message.clone());
            }
            Event::DataBegins { what, total } => {
                self.data.reset();
                self.data.set_prefix(shorten(what));
                self.data.set_length(*total);
            }
            Event::DataAdvanced { done } => self.data.inc(*done),
            Event::DataEnded => self.data.set_length(0),
            Event::Line { .. } | Event::RunEnds { .. } | Event::Ended { .. } => {}
        }
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(27) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
