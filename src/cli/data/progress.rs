//! Progress of work on data sets.

use datasets::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::{self, Level};

/// One bar on a terminal, a line at the beginning of each piece of work elsewhere.
pub(super) struct Bar {
    bar: ProgressBar,
    lines: bool,
}

impl Bar {
    /// A bar that is `quiet` shows nothing.
    pub(super) fn new(quiet: bool) -> Self {
        let terminal = terminal::can_draw();
        let bar = ProgressBar::with_draw_target(
            Some(0),
            if quiet || !terminal { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() },
        );
        let style = ProgressStyle::with_template("{msg:32} {bar:30} {percent:>3} %  {eta} left");
        // The template is a constant; a broken one falls back to indicatif's default bar.
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, lines: !quiet && !terminal }
    }
}

impl Progress for Bar {
    fn begin(&self, what: &str, total: u64) {
        self.bar.reset();
        self.bar.set_length(total);
        self.bar.set_message(what.to_owned());
        if self.lines {
            terminal::say(Level::INFO, what);
        }
    }

    fn advance(&self, done: u64) {
        self.bar.inc(done);
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
