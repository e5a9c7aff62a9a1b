//! Progress for people: three bars on a terminal (experiment, cell, epoch), plain lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use datasets::{Metric, Progress as DataProgress};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::train::objective::Score;
use crate::train::progress::Progress;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bars,
    Lines,
    Silent,
}

/// Progress of a whole command.
pub(crate) struct Display {
    mode: Mode,
    bars: MultiProgress,
    experiment: ProgressBar,
    cell: ProgressBar,
    epoch: ProgressBar,
    data: ProgressBar,
}

impl Display {
    /// A display for `cells` cells of `experiment`.
    pub(crate) fn new(experiment: &str, cells: usize, quiet: bool) -> Self {
        let mode = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Mode::Silent,
            (false, true) => Mode::Bars,
            (false, false) => Mode::Lines,
        };
        let bars = MultiProgress::new();
        if mode != Mode::Bars {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        let bar = |template: &str| {
            let bar = bars.add(ProgressBar::new(0));
            // The templates are constants; a broken one falls back to indicatif's default bar.
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        };
        let display = Self {
            mode,
            experiment: bar("{prefix:28!} {bar:24.cyan} {pos}/{len} cells   {elapsed_precise} elapsed"),
            cell: bar("{prefix:28!} {bar:24.green} {pos}/{len} epochs  {wide_msg}"),
            epoch: bar("{prefix:28!} {bar:24.yellow} {pos}/{len} steps   {wide_msg}"),
            data: bar("{prefix:28!} {bar:24.magenta} {percent:>3} %  {wide_msg}"),
            bars,
        };
        display.experiment.set_prefix(experiment.to_owned());
        display.experiment.set_length(cells as u64);
        if mode == Mode::Bars {
            display.experiment.enable_steady_tick(Duration::from_millis(500));
        }
        display
    }

    /// A line that stays.
    pub(crate) fn line(&self, text: &str) {
        match self.mode {
            // A terminal that is gone cannot be told so.
            Mode::Bars => drop(self.bars.println(text)),
            Mode::Lines => eprintln!("{text}"),
            Mode::Silent => {}
        }
    }

    /// A cell begins.
    pub(crate) fn cell_begins(&self, id: &str, epochs: u64, done: u64) {
        self.cell.set_prefix(shorten(id));
        self.cell.set_length(epochs);
        self.cell.set_position(done);
        self.cell.set_message("");
        self.line(&match done {
            0 => format!("{id}: training for {epochs} epochs"),
            _ => format!("{id}: going on after epoch {done} of {epochs}"),
        });
    }

    /// A cell is over, or was skipped.
    pub(crate) fn cell_ends(&self, id: &str, outcome: &str) {
        self.epoch.set_length(0);
        self.epoch.set_message("");
        self.experiment.inc(1);
        self.line(&format!("{id}: {outcome}"));
    }

    /// An epoch begins at step `done` of `steps`.
    pub(crate) fn epoch_begins(&self, progress: &Progress, steps: u64) {
        self.epoch.set_prefix(format!("  epoch {}", progress.epoch + 1));
        self.epoch.reset();
        self.epoch.set_length(steps);
        self.epoch.set_position(progress.step_in_epoch);
    }

    /// A step was taken.
    pub(crate) fn step_taken(&self, progress: &Progress, metric: Metric, samples_per_second: f64) {
        if self.mode == Mode::Bars {
            self.epoch.set_position(progress.step_in_epoch);
            let train = match metric {
                // To rank all samples of the epoch at every step would cost more than the step.
                Metric::AreaUnderRoc => format!("loss {:.4}", progress.train.mean_loss()),
                _ => describe(&progress.train, metric),
            };
            let left = indicatif::HumanDuration(self.epoch.eta());
            self.epoch.set_message(format!("{train}, {samples_per_second:.0} samples/s, {left:#} left"));
        }
    }

    /// An epoch is over.
    pub(crate) fn epoch_ended(
        &self,
        id: &str,
        progress: &Progress,
        metric: Metric,
        train: &Score,
        validation: &Score,
        left: Duration,
    ) {
        self.cell.set_position(progress.epoch);
        let left = indicatif::HumanDuration(left);
        let message =
            format!("train {}, validation {}, {left:#} left", describe(train, metric), describe(validation, metric),);
        self.cell.set_message(message.clone());
        if self.mode == Mode::Lines {
            eprintln!("{id}: epoch {}: {message}", progress.epoch);
        }
    }

    /// Everything is over.
    pub(crate) fn finish(&self) {
        for bar in [&self.epoch, &self.cell, &self.data, &self.experiment] {
            bar.finish_and_clear();
        }
    }
}

impl DataProgress for Display {
    fn begin(&self, what: &str, total: u64) {
        self.data.reset();
        self.data.set_prefix(shorten(what));
        self.data.set_length(total);
        if self.mode == Mode::Lines {
            eprintln!("{what}: {total} to go");
        }
    }

    fn advance(&self, done: u64) {
        self.data.inc(done);
    }

    fn finish(&self) {
        self.data.set_length(0);
    }
}

/// Loss and metric in words.
pub(crate) fn describe(score: &Score, metric: Metric) -> String {
    match metric {
        Metric::Accuracy => {
            format!("loss {:.4}, accuracy {:.2} %", score.mean_loss(), 100.0 * score.metric(metric))
        }
        Metric::AreaUnderRoc => format!("loss {:.4}, AUC {:.4}", score.mean_loss(), score.metric(metric)),
        Metric::BitsPerCharacter => format!("{:.4} bits per character", score.metric(metric)),
        Metric::MeanSquaredError => format!("mean squared error {:.5}", score.mean_loss()),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(27) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
