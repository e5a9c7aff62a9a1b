//! Peak resident memory of this process.

use burn::tensor::Device;

/// Peak resident set size in bytes since the last [`restart`]; `None` where the system does not tell.
pub(crate) fn peak_bytes() -> Option<u64> {
    status("VmHWM:")
}

/// Resident set size in bytes; `None` where the system does not tell.
fn resident_bytes() -> Option<u64> {
    status("VmRSS:")
}

fn status(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Give back what earlier runs have left in allocators and start a new peak, so that the memory of a run does not depend on
/// those before it in the same process. The peak stays that of the whole process where the system cannot start another.
pub(crate) fn restart(device: &Device) {
    release(device);
    // Linux: writing 5 resets VmHWM to the current size.
    if let Err(error) = std::fs::write("/proc/self/clear_refs", "5") {
        tracing::debug!("peak memory cannot be reset: {error}; runs report the peak of the whole process");
    }
}

fn release(device: &Device) {
    device.memory_cleanup();
    baselines::kernels::release_idle();
}

/// What of this process's memory belongs to no run: parts of the program that an earlier run was the first to use stay
/// resident.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Resident before the first run.
    first: Option<u64>,
    /// Of the samples that are there now.
    samples: u64,
}

impl Ledger {
    /// Look before the attempt at a run; `kept` says that the samples of the run before are still there. Bytes that earlier
    /// runs have left.
    pub(crate) fn left_over(&mut self, device: &Device, kept: bool) -> u64 {
        release(device);
        let Some(now) = resident_bytes() else { return 0 };
        if !kept {
            self.samples = 0;
        }
        let own = now.saturating_sub(self.samples);
        own.saturating_sub(*self.first.get_or_insert(own))
    }

    /// Look before and after samples are made ready, with what this took in bytes.
    pub(crate) fn samples<T>(&mut self, device: &Device, prepare: impl FnOnce() -> T) -> T {
        let before = resident_bytes();
        let prepared = prepare();
        release(device);
        self.samples = resident_bytes().zip(before).map_or(0, |(after, before)| after.saturating_sub(before));
        prepared
    }
}
