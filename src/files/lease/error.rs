//! Why a run is not worked on, or not any longer.

use std::path::PathBuf;

/// Why a run is not worked on, or not any longer.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "lease-")]
pub(crate) enum LeaseError {
    /// Another process works on it.
    #[error("{path} is held by {holder}")]
    Held { path: PathBuf, holder: String },
    /// The lease was written by a newer program, which may renew it in another way.
    #[error(
        "{path} has version {version}, and this program reads up to {}; wait for the program that wrote it, or remove the file \
         if that is gone",
        vocabulary::record::LEASE_SCHEMA
    )]
    Newer { path: PathBuf, version: u32 },
    /// It was held, and is not any longer.
    #[error("{path} is not this process's any longer: {reason}; nothing more is written into its folder")]
    Lost { path: PathBuf, reason: String },
    /// A file cannot be read, written or named.
    #[error("cannot {action} {path}: {source}")]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    /// The environment variable is no number of seconds.
    #[error("BENCH_LEASE_SECONDS is `{value}`; it must be a whole number of seconds from 1 to 86400")]
    Seconds { value: String },
}
