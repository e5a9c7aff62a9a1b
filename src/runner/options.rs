//! How a plan is executed.

use std::path::PathBuf;
use std::time::Duration;

use baselines::device::DeviceChoice;
use datasets::Library;
use reports::AddedSettings;

/// How a plan is executed.
pub(crate) struct Options {
    /// Folder of all experiments.
    pub(crate) out: PathBuf,
    /// Where to compute.
    pub(crate) device: DeviceChoice,
    /// Data folder.
    pub(crate) library: Library,
    /// Runs that train at the same time.
    pub(crate) jobs: usize,
    /// The plan is one run of a larger one: no report is written.
    pub(crate) single_run: bool,
    /// Bound of the whole command.
    pub(crate) max_time: Option<Duration>,
    /// Settings that baselines gained, for the report.
    pub(crate) added: AddedSettings,
    /// Discard earlier results.
    pub(crate) fresh: bool,
    /// No progress.
    pub(crate) quiet: bool,
}
