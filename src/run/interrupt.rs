//! Ctrl-C and termination: the first asks the run to save and leave, the second leaves at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A request to stop, by signal or by deadline.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    flag: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Interrupt {
    /// Listen for signals, and stop at `deadline` where given. Call once per process.
    ///
    /// # Errors
    /// The system does not let the program listen.
    pub(crate) fn install(deadline: Option<Instant>) -> Result<Self, ctrlc::Error> {
        let flag = Arc::new(AtomicBool::new(false));
        let seen = flag.clone();
        ctrlc::set_handler(move || {
            if seen.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            eprintln!("\ninterrupted: saving a checkpoint (again to leave at once)");
        })?;
        Ok(Self { flag, deadline })
    }

    /// Whether a signal came.
    pub(crate) fn signalled(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// Whether the deadline of the whole command has passed.
    pub(crate) fn past_deadline(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether to stop, for either reason.
    pub(crate) fn requested(&self) -> bool {
        self.signalled() || self.past_deadline()
    }
}
