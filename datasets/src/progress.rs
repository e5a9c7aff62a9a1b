//! Progress of work that takes a while.

/// Receives the progress of a download or a generation.
pub trait Progress: Send + Sync {
    /// Work of `total` units (samples or bytes) begins.
    fn begin(&self, what: &str, total: u64);
    /// `done` further units are finished (an increment, not a total); called from any thread.
    fn advance(&self, done: u64);
    /// The work is over.
    fn finish(&self);
    /// Whether the work is no longer wanted: it then ends with [`DataError::Stopped`](crate::DataError::Stopped), soon.
    fn stopped(&self) -> bool {
        false
    }
}

/// Ignores all progress.
impl Progress for () {
    fn begin(&self, _what: &str, _total: u64) {}
    fn advance(&self, _done: u64) {}
    fn finish(&self) {}
}
