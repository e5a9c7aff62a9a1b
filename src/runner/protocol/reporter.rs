//! A worker's progress, reported to the process that gives it orders.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use datasets::{Metric, Progress as DataProgress};

use super::Event;
use crate::runner::{Interrupt, Outcome};
use crate::training::Progress;

/// Shortest time between two events of the same work: nobody reads faster.
const PAUSE: Duration = Duration::from_millis(100);

/// Sends events to standard output.
pub(crate) struct Reporter {
    /// Ends the preparation of samples.
    interrupt: Interrupt,
    last: Mutex<Instant>,
    data: AtomicU64,
}

impl Reporter {
    /// A reporter that has sent nothing yet. Samples are prepared until `interrupt` asks to stop.
    pub(crate) fn new(interrupt: Interrupt) -> Self {
        Self { interrupt, last: Mutex::new(Instant::now()), data: AtomicU64::new(0) }
    }

    fn send(&self, event: &Event) {
        // Where nobody listens any longer, the end of orders stops this process; what it computes stands in files.
        if let Ok(mut line) = serde_json::to_vec(event) {
            line.push(b'\n');
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(&line).and_then(|()| out.flush());
        }
    }

    /// Whether the last event of the kind that comes often is long enough ago.
    fn is_due(&self) -> bool {
        let Ok(mut last) = self.last.lock() else { return false };
        let due = last.elapsed() >= PAUSE;
        if due {
            *last = Instant::now();
        }
        due
    }

    /// A line that stays.
    pub(crate) fn line(&self, text: &str) {
        self.send(&Event::Line { text: text.to_owned() });
    }

    /// A run begins.
    pub(crate) fn run_begins(&self, id: &str, epochs: u64, done: u64) {
        self.send(&Event::RunBegins { id: id.to_owned(), epochs, done });
    }

    /// A run is over, or was skipped.
    pub(crate) fn run_ends(&self, id: &str, outcome: &str) {
        self.send(&Event::RunEnds { id: id.to_owned(), outcome: outcome.to_owned() });
    }

    /// The order is carried out.
    pub(crate) fn ended(&self, outcome: Outcome) {
        self.send(&Event::Ended { outcome });
    }

    /// An epoch begins at step `done` of `steps`.
    pub(crate) fn epoch_begins(&self, progress: &Progress, steps: u64) {
        self.send(&Event::EpochBegins { epoch: progress.epoch + 1, done: progress.step_in_epoch, steps });
    }

    /// A step was taken.
    pub(crate) fn step_taken(&self, progress: &Progress, metric: Metric, samples_per_second: f64) {
        if !self.is_due() {
            return;
        }
        let train = match metric {
            // To rank all samples of the epoch at every step would cost more than the step.
            Metric::AreaUnderRoc => format!("loss {:.4}", progress.train.mean_loss()),
            _ => progress.train.describe(metric),
        };
        let message = format!("{train}, {samples_per_second:.0} samples/s");
        self.send(&Event::Steps { done: progress.step_in_epoch, message });
    }

    /// The epoch called `name` is over, `done` have been taken whole, and it gave `scores`.
    pub(crate) fn epoch_ended(&self, id: &str, name: &str, done: u64, scores: &str, left: Duration) {
        let message = format!("{scores}, {:#} left", indicatif::HumanDuration(left));
        self.send(&Event::EpochEnded { id: id.to_owned(), name: name.to_owned(), done, message });
    }
}

impl DataProgress for Reporter {
    fn begin(&self, what: &str, total: u64) {
        self.data.store(0, Ordering::Relaxed);
        self.send(&Event::DataBegins { what: what.to_owned(), total });
    }

    fn advance(&self, done: u64) {
        self.data.fetch_add(done, Ordering::Relaxed);
        if self.is_due() {
            self.send(&Event::DataAdvanced { done: self.data.swap(0, Ordering::Relaxed) });
        }
    }

    fn finish(&self) {
        self.send(&Event::DataEnded);
    }

    fn stopped(&self) -> bool {
        self.interrupt.requested()
    }
}
