//! Peak resident memory of this process.

/// Peak resident set size in bytes since the last [`reset`]; `None` where the system does not tell.
pub(crate) fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Start a new peak, so that one cell's memory is not charged to the next. Without effect where the system cannot.
pub(crate) fn reset() {
    // Linux: writing 5 resets VmHWM to the current size.
    if let Err(error) = std::fs::write("/proc/self/clear_refs", "5") {
        tracing::debug!("peak memory cannot be reset: {error}; cells report the peak of the whole process");
    }
}
