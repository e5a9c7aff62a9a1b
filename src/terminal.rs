//! Standard error: what people, and programs that watch a command, read while it runs.
//!
//! Nothing here fails. A reader that has gone (`| head`, a closed terminal) or a full disk behind a redirection takes nothing
//! but messages away: what is computed stands in files. Nor does a command that trains wait for a reader that has stalled (a
//! pager, a stopped terminal, a connection that hangs): see [`never_wait`].

use std::any::Any;
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use serde_json::{Value, json};
pub use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogForm {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

static FORM: OnceLock<LogForm> = OnceLock::new();
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Messages that wait for a slow reader before further ones are left out.
const MOST_WAITING: usize = 1024;

/// How long a command that ends waits for a slow reader.
const AT_THE_END: Duration = Duration::from_secs(1);

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
            std::panic::set_hook(Box::new(|panic| say(Level::ERROR, &describe(panic))));
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
    write(&in_form(level, text, json!({})));
}

/// The message of an error that ends the command. As JSON it has the error's `kind` beside it, which stays when the words
/// change.
pub fn fail(kind: &str, text: &str) {
    write(&in_form(Level::ERROR, text, json!({ "kind": kind })));
}

fn in_form(level: Level, text: &str, mut fields: Value) -> String {
    match form() {
        LogForm::Text => text.to_owned(),
        LogForm::Json => {
            let time = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
            fields["message"] = text.trim().into();
            json!({ "timestamp": time, "level": level.as_str(), "fields": fields, "target": "bench" }).to_string()
        }
    }
}

/// A line that another process of this program wrote: as it is where it has the form of ours.
pub fn pass_on(line: &str) {
    let is_object = || serde_json::from_str::<serde_json::Map<String, Value>>(line).is_ok();
    if form() == LogForm::Text || is_object() { write(line) } else { say(Level::WARN, line) }
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
    hand_over(bytes);
}

/// Write what is drawn on a terminal, as it is.
pub fn draw(text: String) {
    hand_over(text.into_bytes());
}

/// Write in one call, so that lines of several processes do not mix. A failure to write has no reader.
fn write_now(bytes: &[u8]) {
    let _ = io::stderr().lock().write_all(bytes);
}

fn hand_over(bytes: Vec<u8>) {
    match QUEUE.get() {
        Some(queue) => queue.put(bytes),
        None => write_now(&bytes),
    }
}

/// From here on messages are written by a thread of their own, and whoever has one goes on at once: a command that trains must
/// heed signals and its deadline whether or not anybody reads. Where more than [`MOST_WAITING`] of them wait, further ones are
/// left out, and their number is said when the reader goes on.
pub fn never_wait() {
    let (queue, messages) = Queue::new(MOST_WAITING);
    let writing = std::thread::Builder::new().spawn(move || {
        // The queue is there as long as the process.
        while let (Ok(bytes), Some(queue)) = (messages.recv(), QUEUE.get()) {
            write_now(&bytes);
            queue.one_is_written();
        }
    });
    // Without a thread, or called again, it stays as it was.
    if writing.is_ok() {
        let _ = QUEUE.set(queue);
    }
}

/// Wait for what has been said to be written: a moment, where the reader has stalled.
pub fn settle() {
    if let Some(queue) = QUEUE.get() {
        queue.settle(AT_THE_END);
    }
}

/// Messages on their way to standard error.
struct Queue {
    sender: SyncSender<Vec<u8>>,
    /// Handed over and not yet written.
    waiting: Mutex<usize>,
    fewer: Condvar,
    left_out: AtomicU64,
}

impl Queue {
    fn new(most: usize) -> (Self, Receiver<Vec<u8>>) {
        let (sender, messages) = mpsc::sync_channel(most);
        (Self { sender, waiting: Mutex::new(0), fewer: Condvar::new(), left_out: AtomicU64::new(0) }, messages)
    }

    fn put(&self, bytes: Vec<u8>) {
        let left_out = self.left_out.swap(0, Ordering::SeqCst);
        if left_out > 0 {
            let text = format!("{left_out} messages were left out, since nobody was reading");
            let taken = self.offer((in_form(Level::WARN, &text, json!({})) + "\n").into_bytes());
            if !taken {
                self.left_out.fetch_add(left_out, Ordering::SeqCst);
            }
        }
        if !self.offer(bytes) {
            self.left_out.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Whether there was room.
    fn offer(&self, bytes: Vec<u8>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = match self.sender.try_send(bytes) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => false,
            // The writer has gone: messages are dropped.
            Err(TrySendError::Disconnected(_)) => return true,
        };
        *waiting += usize::from(taken);
        taken
    }

    fn one_is_written(&self) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.fewer.notify_all();
    }

    /// Whether everything was written within `limit`.
    fn settle(&self, limit: Duration) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.fewer.wait_timeout_while(waiting, limit, |waiting| *waiting > 0);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

/// The message of a panic with this payload, if it has one.
pub fn panic_text(payload: &(dyn Any + Send)) -> Option<&str> {
    payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
    format!("the program failed{place}: {}", panic.payload_as_str().unwrap_or("unknown panic"))
}

/// Standard error for the log, which would panic over an error.
struct Unfailing;

impl Write for Unfailing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        hand_over(bytes.to_vec());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_stalled_holds_nobody_up_and_learns_how_much_it_has_missed() {
        let (queue, messages) = Queue::new(3);
        let put = |range: std::ops::Range<u32>| range.for_each(|number| queue.put(number.to_string().into_bytes()));
        let read = || {
            let text =
                messages.try_recv().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
            queue.one_is_written();
            text
        };
        put(0..10);
        assert!(!queue.settle(Duration::from_millis(1)), "three are still to be written");
        assert_eq!([read(), read()], ["0", "1"]);
        put(10..12);
        assert_eq!(read(), "2");
        assert_eq!(read(), "7 messages were left out, since nobody was reading\n");
        assert_eq!(read(), "10");
        // The last one found no room again.
        put(12..13);
        assert_eq!(read(), "1 messages were left out, since nobody was reading\n");
        assert_eq!(read(), "12");
        assert!(queue.settle(Duration::ZERO));
    }
}
