//! Threads of the pool that stay awake for a step.
//!
//! A step is hundreds of short kernels with a little serial work between them. In each such gap the other threads of the
//! pool would fall asleep, and waking one takes as long as a small kernel: they look out for work instead, unless there is
//! none for a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a thread looks out for work before it may sleep.
const PATIENCE: Duration = Duration::from_micros(500);
/// Pauses between two looks, about a microsecond.
const PAUSES: u32 = 32;

/// Run `work` while the other threads of this thread's pool stay awake. Outside a pool they are left alone.
pub(crate) fn keep_workers_awake<R>(work: impl FnOnce() -> R) -> R {
    let Some(caller) = rayon::current_thread_index().filter(|_| rayon::current_num_threads() > 1) else {
        return work();
    };
    let over = AtomicBool::new(false);
    rayon::in_place_scope(|scope| {
        scope.spawn_broadcast(|_, thread| {
            // The caller may come by here while it waits for a part of its work.
            if thread.index() != caller {
                stay_awake(&over);
            }
        });
        let _end = End(&over);
        work()
    })
}

fn stay_awake(over: &AtomicBool) {
    let mut idle_since = Instant::now();
    while !over.load(Ordering::Relaxed) {
        if rayon::yield_now() == Some(rayon::Yield::Executed) {
            idle_since = Instant::now();
        } else if idle_since.elapsed() > PATIENCE {
            return;
        } else {
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
        }
    }
}

/// Says that the work is over, also when it panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use rayon::prelude::*;

    use super::*;

    /// A sum that takes a task per term.
    fn sum(n: usize) -> usize {
        (0..n).into_par_iter().with_max_len(1).sum()
    }

    #[test]
    fn work_is_done_whatever_the_threads_and_however_long_the_gaps() {
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let sums = pool.install(|| {
                keep_workers_awake(|| {
                    let short = (0..50).map(|_| sum(20)).sum::<usize>();
                    std::thread::sleep(2 * PATIENCE);
                    // From within, too.
                    short + keep_workers_awake(|| sum(1000))
                })
            });
            assert_eq!(sums, 50 * 190 + 499_500, "{threads} threads");
        }
        assert_eq!(keep_workers_awake(|| sum(10)), 45, "outside a pool");
    }

    #[test]
    fn a_panic_releases_the_threads() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let fails = || {
            pool.install(|| {
                keep_workers_awake(|| {
                    if sum(3) == 3 {
                        panic!("as expected")
                    }
                })
            })
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(fails)).is_err());
        assert_eq!(pool.install(|| sum(10)), 45);
    }
}
