//! Requests to stop: signals, the deadline of the whole command, and the end of the process that gave the orders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Signals that come this soon after the first are the same request: `timeout` sends to the process and to its group, a
/// wrapper passes on what the terminal has sent already.
const SAME_REQUEST: Duration = Duration::from_millis(500);

/// A request to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    /// SIGINT or SIGTERM, a wish that can be repeated with more force.
    asked: Arc<AtomicBool>,
    /// Anything else: the terminal is gone, or nobody gives orders any longer.
    left: Arc<AtomicBool>,
    /// SIGUSR1, by which a cluster says that the time is nearly over.
    warned: Arc<AtomicBool>,
    /// Whether SIGINT and SIGTERM end the process at once.
    at_once: Arc<AtomicBool>,
    first: Option<Instant>,
    deadline: Option<Instant>,
}

/// What has come since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Nothing,
    /// Save and leave.
    Stop,
    /// Leave at once.
    AtOnce,
}

impl Interrupt {
    /// Listen for signals, and stop at `deadline` where given. Call once per process. A signal that was ignored when the
    /// program started (`nohup`, a job that a script has put into the background) stays ignored.
    ///
    /// # Errors
    /// The system does not let the program listen.
    pub(crate) fn install(deadline: Option<Instant>) -> std::io::Result<Self> {
        let new = || Arc::new(AtomicBool::new(false));
        let interrupt = Self { asked: new(), left: new(), warned: new(), at_once: new(), first: None, deadline };
        let ignored = ignored_signals();
        let is_ignored = |signal: i32| ignored & (1 << (signal - 1)) != 0;
        for signal in [SIGINT, SIGTERM] {
            if !is_ignored(signal) {
                flag::register_conditional_shutdown(signal, 130, interrupt.at_once.clone())?;
                flag::register(signal, interrupt.asked.clone())?;
            }
        }
        #[cfg(unix)]
        {
            use signal_hook::consts::{SIGHUP, SIGUSR1};
            if !is_ignored(SIGHUP) {
                flag::register(SIGHUP, interrupt.left.clone())?;
            }
            flag::register(SIGUSR1, interrupt.warned.clone())?;
            flag::register(SIGUSR1, interrupt.left.clone())?;
        }
        Ok(interrupt)
    }

    /// Ask from within the program.
    pub(crate) fn request(&self) {
        self.left.store(true, Ordering::SeqCst);
    }

    /// Whether a signal came, or the end of orders.
    pub(crate) fn signalled(&self) -> bool {
        self.asked.load(Ordering::SeqCst) || self.left.load(Ordering::SeqCst)
    }

    /// Whether SIGUSR1 came.
    pub(crate) fn warned(&self) -> bool {
        self.warned.load(Ordering::SeqCst)
    }

    /// Whether the deadline of the whole command has passed.
    pub(crate) fn past_deadline(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether to stop, for either reason.
    pub(crate) fn requested(&self) -> bool {
        self.first.is_some() || self.signalled() || self.past_deadline()
    }

    /// Take in what has come: the first signal asks to save and leave, a later SIGINT or SIGTERM to leave at once.
    pub(crate) fn take(&mut self) -> Request {
        // The terminal may be closed several times over: by the shell, and by the system when the shell has gone.
        let asked = self.asked.swap(false, Ordering::SeqCst);
        let left = self.left.swap(false, Ordering::SeqCst);
        match self.first {
            None if asked || left => {
                self.first = Some(Instant::now());
                Request::Stop
            }
            Some(first) if asked && first.elapsed() > SAME_REQUEST => Request::AtOnce,
            _ => Request::Nothing,
        }
    }

    /// From here on nothing is left to be saved: SIGINT and SIGTERM end the process with code 130.
    pub(crate) fn let_go(&self) {
        self.at_once.store(true, Ordering::SeqCst);
    }
}

/// The signals that this process was started with as ignored, bit `n - 1` for signal `n`.
#[cfg(target_os = "linux")]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// The signals that this process was started with as ignored, bit `n - 1` for signal `n`. To ask the system itself takes
/// unsafe code; where `ps` does not tell, none counts as ignored.
#[cfg(all(unix, not(target_os = "linux")))]
fn ignored_signals() -> u64 {
    let process = std::process::id().to_string();
    let answer = std::process::Command::new("ps").args(["-o", "sigignore=", "-p", &process]).output();
    let mask =
        answer.ok().filter(|answer| answer.status.success()).and_then(|answer| String::from_utf8(answer.stdout).ok());
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(not(unix))]
fn ignored_signals() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Interrupt {
        let new = || Arc::new(AtomicBool::new(false));
        Interrupt { asked: new(), left: new(), warned: new(), at_once: new(), first: None, deadline: None }
    }

    #[test]
    fn signals_that_come_together_are_one_request() {
        let mut interrupt = quiet();
        assert_eq!(interrupt.take(), Request::Nothing);
        interrupt.asked.store(true, Ordering::SeqCst);
        assert_eq!(interrupt.take(), Request::Stop);
        interrupt.asked.store(true, Ordering::SeqCst);
        assert_eq!(interrupt.take(), Request::Nothing);
        assert!(interrupt.requested());
    }

    #[test]
    fn a_later_request_is_to_leave_at_once_but_for_a_closed_terminal() {
        let mut interrupt = quiet();
        interrupt.left.store(true, Ordering::SeqCst);
        assert_eq!(interrupt.take(), Request::Stop);
        interrupt.first = interrupt.first.and_then(|first| first.checked_sub(2 * SAME_REQUEST));
        interrupt.left.store(true, Ordering::SeqCst);
        assert_eq!(interrupt.take(), Request::Nothing);
        interrupt.asked.store(true, Ordering::SeqCst);
        assert_eq!(interrupt.take(), Request::AtOnce);
    }
}
