//! Time spent in each kernel, for `bench speed --profile`.
//!
//! Off, a kernel pays one load of a flag. On a GPU, kernels wait for the device while they are counted, so that a profiled
//! step takes longer than another. What Burn's own operations take is not counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

static ENABLED: AtomicBool = AtomicBool::new(false);
static TIMES: Mutex<BTreeMap<&str, Time>> = Mutex::new(BTreeMap::new());

/// Calls of a kernel and the time they took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Time {
    /// Number of calls.
    pub calls: u64,
    /// Wall time of all calls together.
    pub total: Duration,
}

/// Counts from zero.
pub fn start() {
    TIMES.lock().unwrap_or_else(PoisonError::into_inner).clear();
    ENABLED.store(true, Ordering::Relaxed);
}

/// Stops counting; returns what every kernel took since [`start`], by name.
pub fn stop() -> BTreeMap<&'static str, Time> {
    ENABLED.store(false, Ordering::Relaxed);
    std::mem::take(&mut *TIMES.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Counts from its creation to its end.
pub(crate) struct Scope {
    name: &'static str,
    begun: Instant,
}

/// Counts the rest of the caller's block as kernel `name`, where it has one.
pub(crate) fn scope(name: Option<&'static str>) -> Option<Scope> {
    let name = name.filter(|_| ENABLED.load(Ordering::Relaxed))?;
    Some(Scope { name, begun: Instant::now() })
}

/// `run`, counted as kernel `name`, on a device whose kernels run on after their call: while counting, the device finishes
/// before and after. (A device that fails here fails again where its results are read.)
#[cfg(any(feature = "cube", feature = "tch"))]
pub(crate) fn timed<B: burn::backend::Backend, R>(
    name: Option<&'static str>,
    device: &B::Device,
    run: impl FnOnce() -> R,
) -> R {
    if name.is_none() || !ENABLED.load(Ordering::Relaxed) {
        return run();
    }
    let _ = B::sync(device);
    let _scope = scope(name);
    let result = run();
    let _ = B::sync(device);
    result
}

impl Drop for Scope {
    fn drop(&mut self) {
        let mut times = TIMES.lock().unwrap_or_else(PoisonError::into_inner);
        let time = times.entry(self.name).or_default();
        time.calls += 1;
        time.total += self.begun.elapsed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_while_counting_is_counted() {
        drop(scope(Some("before")));
        start();
        drop(scope(None));
        drop(scope(Some("a")));
        drop(scope(Some("a")));
        let times = stop();
        drop(scope(Some("after")));
        assert_eq!(times["a"].calls, 2);
        assert!(!times.contains_key("before") && stop().is_empty());
    }
}
