//! The data folder: original files, downloads, checksums, cache.
use std::path::PathBuf;

/// The data folder.
#[derive(Debug, Clone)]
pub struct Library {
    root: PathBuf,
}

/// What can go wrong with data. (to be completed)
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Files that are not there.
    #[error("{what} is missing in {folder}; fetch it with `{command}`")]
    Missing {
        /// What is missing.
        what: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// The command that fetches it.
        command: String,
    },
}
