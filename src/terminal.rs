//! Standard error: what people, and programs that watch a command, read while it runs.
//!
//! Nothing here fails. A reader that has gone (`| head`, a closed terminal) or a full disk behind a redirection takes nothing
//! but messages away: what is computed stands in files.

use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::SystemTime;

use serde_json::json;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::cli::LogForm;

static FORM: OnceLock<LogForm> = OnceLock::new();

/// How serious a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Progress.
    Info,
    /// Something that a reader of the result should know.
    Warning,
    /// What ends the command.
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warning => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// Write every message in `form` from here on: those of this program, its log, and panics.
///
/// # Errors
/// A log was started before.
pub fn start(form: LogForm, level: &str, colour: bool) -> Result<(), String> {
    set_form(form);
    let filter = EnvFilter::try_from_env("BENCH_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Unfailing);
    match form {
        LogForm::Json => {
            std::panic::set_hook(Box::new(|panic| say(Level::Error, &describe(panic))));
            log.json().try_init()
        }
        LogForm::Text => log.with_ansi(colour).with_target(false).try_init(),
    }
    .map_err(|error| format!("cannot start the log: {error}"))
}

/// The form of messages that come before [`start`], or instead of it.
pub fn set_form(form: LogForm) {
    // Set once; a second call has nothing to add.
    let _ = FORM.set(form);
}

/// The form of messages.
pub fn form() -> LogForm {
    FORM.get().copied().unwrap_or_default()
}

/// One message: as it is, or as a JSON object on a line of its own.
pub fn say(level: Level, text: &str) {
    match form() {
        LogForm::Text => write(text),
        LogForm::Json => {
            let time = humantime::format_rfc3339_micros(SystemTime::now());
            let line = json!({
                "timestamp": time.to_string(), "level": level.name(), "fields": { "message": text.trim() }, "target": "bench",
            });
            write(&line.to_string());
        }
    }
}

/// A line that another process of this program wrote: as it is where it has the form of ours.
pub fn pass_on(line: &str) {
    let is_object = || serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line).is_ok();
    if form() == LogForm::Text || is_object() { write(line) } else { say(Level::Warning, line) }
}

/// Whether messages may be coloured: a terminal that can, and nobody who wants none (<https://no-color.org>).
pub fn has_colour() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    can_draw() && !unwanted
}

/// Whether lines of the terminal can be drawn over, for bars.
pub fn can_draw() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    form() == LogForm::Text && io::stderr().is_terminal() && (!dumb || cfg!(windows))
}

fn write(line: &str) {
    let mut bytes = line.as_bytes().to_vec();
    bytes.push(b'\n');
    // One call for a line: those of several processes do not mix. Nobody is left to be told of a failure.
    let _ = io::stderr().lock().write_all(&bytes);
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
    format!("the program failed{place}: {}", panic.payload_as_str().unwrap_or("unknown panic"))
}

/// Standard error for the log, which would panic over an error.
struct Unfailing;

impl Write for Unfailing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Unfailing {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
