//! Archives of run folders: one file in the place of thousands.
//!
//! An archive is a ZIP file, which any program unpacks. Its first entry, `bench-pack.json`, says what it is and which of its folders
//! `bench pack` was called with; the rest are the files of run folders under their own names. The same files give the same bytes.
//!
//! Whoever reads run folders reads an archive as well: it is unpacked, without checkpoints, into a folder that lasts as long as
//! the runs that were read from it.

mod pack;
#[cfg(test)]
mod tests;
mod unpack;

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

pub use pack::{PackOptions, Packed, pack};
pub(crate) use unpack::{Unpacked, unpack};

/// Name of the first entry.
const MANIFEST: &str = "bench-pack.json";
/// What it says an archive is.
const FORMAT: &str = "bench-pack";
/// Version of what stands in it.
const VERSION: u32 = 1;
/// Folder of weights, in that of a run.
const CHECKPOINTS: &str = "checkpoints";

/// The first entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    /// [`FORMAT`].
    format: String,
    /// [`VERSION`].
    version: u32,
    /// The folder that was packed, within the archive.
    folder: String,
    /// Number of runs.
    runs: usize,
    /// Whether their weights are in it.
    checkpoints: bool,
}

/// Whether `name` is that of a file within the folder that an archive is unpacked into, on any system.
fn is_inside(name: &str) -> bool {
    let normal = |part| matches!(part, Component::Normal(_));
    // What `Path` leaves out of its components is refused, too: `a//b`, `./a`, `a/.`.
    let exact = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    exact && !name.contains(['\\', '\0']) && Path::new(name).components().all(normal)
}
