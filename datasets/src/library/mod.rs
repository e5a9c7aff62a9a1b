//! The data folder: original files, downloads, checksums, cache.
//!
//! `<data>/<data set>/` holds original files under their original names; `<data>/.cache/` holds what was derived from
//! them or generated, and is safe to delete.

mod cache;
mod catalogue;
mod checksum;
mod details;
mod error;
mod fetch;
mod import;
mod members;
mod official;
mod place;
mod record;
mod unpack;
mod verify;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use cache::{CacheKey, CacheWriter, CachedSet, IN_MEMORY_BYTES, SampleStore, sample_stream};
pub use catalogue::{
    Archive, Count, DataFile, DataSet, Format, Layout, MANIFEST, Manifest, ManifestFile, Members, Presence, Size,
};
pub use checksum::Checksum;
pub use error::DataError;
pub use fetch::{Fetched, MIRROR_VARIABLE};
pub use members::Group;
pub use official::official;
pub(crate) use place::{Fingerprint, read_bounded};
pub use record::{RECORD, Record, Source};
pub use verify::{Provenance, Verified};

/// Environment variable that names the data folder.
pub const DATA_VARIABLE: &str = "BENCH_DATA";

/// The data folder.
#[derive(Debug, Clone)]
pub struct Library {
    root: PathBuf,
    catalogue: Arc<[DataSet]>,
}

impl Library {
    /// The data folder at `root`, which need not exist yet.
    pub fn open(root: impl Into<PathBuf>) -> Self {
        Self::with_catalogue(root, official())
    }

    /// The data folder at `root` with other data sets than the official ones.
    pub fn with_catalogue(root: impl Into<PathBuf>, catalogue: Vec<DataSet>) -> Self {
        Self { root: root.into(), catalogue: catalogue.into() }
    }

    /// The data folder: `argument`, else `BENCH_DATA`, else `bench` in the platform's data directory.
    ///
    /// # Errors
    /// [`DataError::NoHome`] when none of the three says where.
    pub fn locate(argument: Option<PathBuf>) -> Result<Self, DataError> {
        let variable = std::env::var_os(DATA_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        argument
            .or(variable)
            .or_else(|| dirs::data_dir().map(|folder| folder.join("bench")))
            .map(Self::open)
            .ok_or(DataError::NoHome)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `<data>/.cache`.
    pub fn cache_folder(&self) -> PathBuf {
        self.root.join(".cache")
    }

    /// Refuses to begin writing `needed` bytes to `path` when the disk has less than that (and a reserve) free.
    pub(crate) fn ensure_space(&self, path: &Path, needed: u64) -> Result<(), DataError> {
        const RESERVE: u64 = 16 << 20;
        let existing = path.ancestors().find(|folder| folder.is_dir()).unwrap_or(&self.root);
        match fs4::available_space(existing) {
            Ok(available) if available < needed.saturating_add(RESERVE) => {
                Err(DataError::NoSpace { path: path.to_path_buf(), needed, available })
            }
            // A file system that does not say is written to; a full disk then shows in the write itself.
            _ => Ok(()),
        }
    }
}

/// A new file in `folder` that is renamed when it is complete; readable for whom the umask allows it, as an ordinary file
/// is, since data folders are shared.
pub(crate) fn temporary_in(folder: &Path, suffix: &str) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-").suffix(suffix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
