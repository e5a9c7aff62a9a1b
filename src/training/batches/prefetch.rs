//! Batches made ahead of their use, on threads of their own.
//!
//! Worker w of n makes the batches w, w + n, w + 2n, … one after the other, and hands them over through a channel of its
//! own that holds [`AHEAD`] of them; the consumer takes from the channels in turn. The order is therefore that of the
//! indices, whatever the threads do, and the same without any worker. Beside the batch in use, at most n · ([`AHEAD`] + 1)
//! exist. A worker is a plain thread: the pool that kernels compute on is left alone.

use std::ops::Range;
use std::sync::mpsc::{Receiver, RecvError, RecvTimeoutError, sync_channel};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

/// Finished batches that wait in the channel of one worker.
const AHEAD: usize = 2;

/// How long the consumer sleeps before it looks whether the pool, of which it may be the only thread, has work for it.
const PATIENCE: Duration = Duration::from_millis(1);

/// The batches of one pass, in order.
pub(crate) struct Batches<'scope, T, E> {
    source: Source<'scope, T, E>,
    left: Range<u64>,
    taken: usize,
    waited: Duration,
}

enum Source<'scope, T, E> {
    /// Made when asked for.
    Here(&'scope (dyn Fn(u64) -> Result<T, E> + Sync)),
    /// Taken from the workers in turn.
    Workers(Vec<Worker<'scope, T, E>>),
}

struct Worker<'scope, T, E> {
    finished: Receiver<Result<T, E>>,
    /// Present until it was found to have panicked.
    thread: Option<ScopedJoinHandle<'scope, ()>>,
}

/// Let `consume` take what `make` makes of every index, in order, while `workers` threads make it ahead; with 0 workers
/// it is made when it is asked for. A worker stops at its first error, which the consumer meets in its place, and all stop
/// when the consumer returns, at the latest after the batch they are at. A panic of a worker goes on in the consumer.
pub(crate) fn ahead<T: Send, E: Send, R>(
    workers: usize,
    indices: Range<u64>,
    make: &(dyn Fn(u64) -> Result<T, E> + Sync),
    consume: impl FnOnce(&mut Batches<'_, T, E>) -> R,
) -> R {
    if workers == 0 {
        return consume(&mut Batches::new(Source::Here(make), indices));
    }
    std::thread::scope(|scope| {
        let end = indices.end;
        let started = indices.clone().take(workers).map(|first| {
            let (sender, finished) = sync_channel(AHEAD);
            let thread = scope.spawn(move || {
                for index in (first..end).step_by(workers) {
                    let made = make(index);
                    let failed = made.is_err();
                    // A consumer that has left wants no more.
                    if sender.send(made).is_err() || failed {
                        return;
                    }
                }
            });
            Worker { finished, thread: Some(thread) }
        });
        consume(&mut Batches::new(Source::Workers(started.collect()), indices))
    })
}

impl<'scope, T, E> Batches<'scope, T, E> {
    fn new(source: Source<'scope, T, E>, left: Range<u64>) -> Self {
        Self { source, left, taken: 0, waited: Duration::ZERO }
    }

    /// The next batch; `None` after the last one.
    pub(crate) fn next(&mut self) -> Option<Result<T, E>> {
        let index = self.left.next()?;
        let begun = Instant::now();
        let made = match &mut self.source {
            Source::Here(make) => make(index),
            Source::Workers(workers) => {
                let turn = self.taken % workers.len();
                let worker = &mut workers[turn];
                match (receive(&worker.finished), worker.thread.take()) {
                    (Ok(made), thread) => {
                        worker.thread = thread;
                        made
                    }
                    // It is gone before its last batch: by a panic, or after the error that the consumer has seen.
                    (Err(_), Some(thread)) => match thread.join() {
                        Err(panic) => std::panic::resume_unwind(panic),
                        Ok(()) => return None,
                    },
                    (Err(_), None) => return None,
                }
            }
        };
        self.taken += 1;
        self.waited += begun.elapsed();
        Some(made)
    }

    /// Time that the consumer has spent in [`next`](Self::next).
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }
}

/// Workers end before the consumer goes on. One of them may be at a batch whose parts the pool has to make, so that waiting for
/// it must not keep the pool's thread.
impl<T, E> Drop for Batches<'_, T, E> {
    fn drop(&mut self) {
        let Source::Workers(workers) = &mut self.source else { return };
        // Without the receivers, every worker stops after its batch.
        let threads: Vec<_> = workers.drain(..).filter_map(|worker| worker.thread).collect();
        while !threads.iter().all(ScopedJoinHandle::is_finished) {
            help();
            std::thread::sleep(PATIENCE / 10);
        }
    }
}

/// Do what the pool is asked to do.
fn help() {
    while rayon::yield_now() == Some(rayon::Yield::Executed) {}
}

/// Wait for a message, and meanwhile do what the pool is asked to do, by a worker that decodes in parallel for instance.
fn receive<T>(finished: &Receiver<T>) -> Result<T, RecvError> {
    loop {
        match finished.recv_timeout(PATIENCE) {
            Ok(message) => return Ok(message),
            Err(RecvTimeoutError::Disconnected) => return Err(RecvError),
            Err(RecvTimeoutError::Timeout) => help(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rayon::prelude::*;

    use super::*;

    fn all(workers: usize, indices: Range<u64>, make: &(dyn Fn(u64) -> Result<u64, String> + Sync)) -> Vec<u64> {
        ahead(workers, indices, make, |batches| std::iter::from_fn(|| batches.next()).map(Result::unwrap).collect())
    }

    #[test]
    fn the_order_is_that_of_the_indices_whatever_the_workers_do() {
        // Some batches take much longer than others.
        let make = |index: u64| {
            std::thread::sleep(Duration::from_micros(index * 7919 % 13 * 100));
            Ok(index * index)
        };
        let wanted: Vec<u64> = (5..60).map(|index| index * index).collect();
        for workers in [0, 1, 2, 3, 100] {
            assert_eq!(all(workers, 5..60, &make), wanted, "{workers} workers");
        }
        assert!(all(2, 3..3, &make).is_empty());
    }

    #[test]
    fn workers_may_use_a_pool_whose_only_thread_is_the_consumer() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let make = |index| Ok(pool.install(|| (0..=index).into_par_iter().sum::<u64>()));
        let found = pool.install(|| all(2, 0..20, &make));
        assert_eq!(found, (0..20).map(|index| index * (index + 1) / 2).collect::<Vec<_>>());
        // Also where the consumer leaves early, while workers are at a batch.
        for _ in 0..20 {
            let first = pool.install(|| ahead(2, 0..1000, &make, |batches| batches.next()));
            assert_eq!(first, Some(Ok(0)));
        }
    }

    #[test]
    fn workers_run_ahead_by_a_bounded_number() {
        for workers in [1, 2] {
            let made = AtomicUsize::new(0);
            let make = |index| {
                made.fetch_add(1, Ordering::SeqCst);
                Ok::<u64, String>(index)
            };
            ahead(workers, 0..1000, &make, |batches| {
                for taken in 1..=20 {
                    batches.next().unwrap().unwrap();
                    let limit = taken + workers * (AHEAD + 1);
                    let begun = Instant::now();
                    while made.load(Ordering::SeqCst) < limit && begun.elapsed() < Duration::from_secs(20) {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    std::thread::sleep(Duration::from_millis(3));
                    assert_eq!(made.load(Ordering::SeqCst), limit, "{workers} workers, {taken} taken");
                }
            });
            // The consumer left with most batches unmade, and nobody waits for them.
            assert!(made.load(Ordering::SeqCst) < 40);
        }
    }

    #[test]
    fn an_error_comes_in_its_place() {
        for workers in [0, 1, 3] {
            let make = |index| if index == 7 { Err("unreadable".to_owned()) } else { Ok(index) };
            ahead(workers, 0..50, &make, |batches| {
                (0..7).for_each(|index| assert_eq!(batches.next(), Some(Ok(index))));
                assert_eq!(batches.next(), Some(Err("unreadable".to_owned())));
            });
        }
    }

    #[test]
    fn a_panic_of_a_worker_reaches_the_consumer_with_its_message() {
        let make = |index| if index == 3 { panic!("out of memory") } else { Ok::<u64, String>(index) };
        for workers in [0, 2] {
            let panic = std::panic::catch_unwind(|| all(workers, 0..50, &make)).unwrap_err();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"out of memory"));
        }
    }

    #[test]
    fn waiting_is_what_the_worker_could_not_do_before() {
        let make = |index: u64| {
            std::thread::sleep(Duration::from_millis(5));
            Ok::<u64, String>(index)
        };
        let waited = |workers| {
            ahead(workers, 0..12, &make, |batches| {
                while batches.next().is_some() {
                    std::thread::sleep(Duration::from_millis(15));
                }
                batches.waited()
            })
        };
        let (inline, prefetched) = (waited(0), waited(1));
        assert!(inline >= Duration::from_millis(60) && prefetched < inline / 2, "{inline:?} {prefetched:?}");
    }
}
