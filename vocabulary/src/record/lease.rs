//! `.lease`: the process that works on a run.

use serde::{Deserialize, Serialize};

/// Its name in the folder of a run.
pub const LEASE: &str = ".lease";

/// Version of the record.
pub const LEASE_SCHEMA: u32 = 1;

/// A process and its right to write into the folder of a run. The file is there as long as the process works on the run, and changes
/// whenever it says that it still does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// [`LEASE_SCHEMA`].
    pub schema: u32,
    /// Drawn at random for every time that a run is worked on.
    pub token: String,
    /// Where the process is.
    pub machine: Machine,
    /// Id of the process that writes into the folder.
    pub process: u32,
    /// When it started, in clock ticks since the machine did; another process that was given the same id has another start.
    /// Absent where the system does not tell.
    #[serde(default)]
    pub started: Option<u64>,
    /// Id of the `bench run` that the process works for.
    pub command: u32,
    /// When the work began, RFC 3339 UTC, by the clock of its machine.
    pub since: String,
    /// Seconds without a change after which others may take the run over.
    pub seconds: u32,
    /// Times that the process has said that it still works on the run.
    pub renewals: u64,
    /// The last of those times, RFC 3339 UTC, by the clock of its machine.
    pub renewed: String,
}

/// What the id of a process is to be read with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Host name, or what the environment variable `BENCH_HOST` says instead.
    pub host: String,
    /// Which start of the machine, as Linux names it; absent elsewhere.
    #[serde(default)]
    pub boot: Option<String>,
    /// Which space of process ids, as Linux names it: containers have their own. Absent elsewhere.
    #[serde(default)]
    pub processes: Option<String>,
}
