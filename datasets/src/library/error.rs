//! What can go wrong with data.

use std::{io, path::PathBuf};

use crate::formats::archives::archive::ArchiveError;
use crate::library::fetch::refusal::Refused;
use crate::library::verify::checksum::Checksum;

/// What can go wrong with data. Every message names the file and the remedy.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "data-")]
#[non_exhaustive]
pub enum DataError {
    /// Files that are not there.
    #[error("{what} is missing in {}; fetch it with `{command}`", folder.display())]
    Missing {
        /// What is missing.
        what: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// The command that fetches it.
        command: String,
    },
    /// A file whose contents are not the official ones.
    #[error(
        "{}: expected {expected} ({expected_bytes} bytes), found {} ({found_bytes} bytes); {remedy}",
        path.display(), found.hex()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Checksum in the catalogue.
        expected: Box<Checksum>,
        /// Size in the catalogue.
        expected_bytes: u64,
        /// Checksum of the file.
        found: Box<Checksum>,
        /// Size of the file.
        found_bytes: u64,
        /// What to do about it.
        remedy: String,
    },
    /// A file whose contents make no sense.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, where, and the remedy.
        message: String,
    },
    /// An archive that is damaged or that holds what it should not.
    #[error("{}: {reason}; {remedy}", path.display())]
    Unpack {
        /// The archive.
        path: PathBuf,
        /// What is wrong, and with which member.
        reason: Box<ArchiveError>,
        /// What to do about it.
        remedy: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}{}", path.display(), hint(source))]
    Io {
        /// Verb, e.g. `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A link that leads nowhere, where a folder is needed.
    #[error(
        "{} is a link to {}, which does not exist; create that folder (or mount its disk), or remove the link",
        path.display(), target.display()
    )]
    DanglingLink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// Too little room on the disk, noticed before writing.
    #[error(
        "{} needs {needed} bytes and the disk has {available} free; free some space or choose another data folder with \
         --data",
        path.display()
    )]
    NoSpace {
        /// The file to be written.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes available.
        available: u64,
    },
    /// No source of a download answered with the right bytes.
    #[error("cannot get {what}: {}; {remedy}", joined(reasons))]
    Download {
        /// File that was wanted.
        what: String,
        /// Why each source does not give it.
        reasons: Vec<Refused>,
        /// What to do about it.
        remedy: String,
    },
    /// Files on this machine that are not those of the data set.
    #[error("cannot take {set} from {}: {reasons}; {remedy}", path.display())]
    Import {
        /// The data set.
        set: String,
        /// Where it was looked for.
        path: PathBuf,
        /// What is wrong, file by file, joined.
        reasons: String,
        /// What to do about it.
        remedy: String,
    },
    /// A generator that cannot make what its settings ask for.
    #[error("{what}: {message}")]
    Generation {
        /// The data set.
        what: String,
        /// Which settings do not fit, and the remedy.
        message: String,
    },
    /// A data set, or a task, that does not exist.
    #[error("there is no data set or task `{name}`; known are {known}")]
    Unknown {
        /// Name that was asked for.
        name: String,
        /// Names there are.
        known: String,
    },
    /// Settings that do not hold.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// Whoever asked for the samples wants them no longer, see [`Progress::stopped`](crate::progress::Progress::stopped).
    #[error("stopped before the samples were ready")]
    Stopped,
    /// A position outside a split.
    #[error("{what} has {len} samples in its {split} split; there is no position {position}")]
    Position {
        /// The data set.
        what: String,
        /// Name of the split.
        split: &'static str,
        /// Position that was asked for.
        position: usize,
        /// Samples in the split.
        len: usize,
    },
    /// There is no place for the data folder.
    #[error("this platform names no data directory; say where the data is with --data DIR or BENCH_DATA")]
    NoHome,
}

impl DataError {
    /// An operating system error on `path`, as a closure for `map_err`.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// Whether the disk (or a quota) is full.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::NoSpace { .. } => true,
            Self::Io { source, .. } => is_full(source),
            _ => false,
        }
    }

    /// Whether the folder or the disk may be read only.
    pub(crate) fn is_read_only(&self) -> bool {
        let kinds = [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem];
        matches!(self, Self::Io { source, .. } if kinds.contains(&source.kind()))
    }

    /// Whether files are simply not there yet (recipes may say `missing: skip`).
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// What the tests of tasks ask of an error.
#[cfg(test)]
impl DataError {
    /// Whether the file or folder `name` makes no sense, at `place` (a line, a record, …; empty for the whole).
    pub(crate) fn is_malformed(&self, name: &str, place: &str) -> bool {
        matches!(self, Self::Malformed { path, message } if path.ends_with(name) && message.starts_with(place))
    }

    /// Whether files are missing that the data set `set` has.
    pub(crate) fn is_missing_from(&self, set: &str) -> bool {
        matches!(self, Self::Missing { command, .. } if command.starts_with(&format!("bench data fetch {set}")))
    }
}

/// The reasons of all sources, one after the other.
pub(crate) fn joined(reasons: &[Refused]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space or choose another data folder with --data, then run the command again"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; choose a data folder that can be written with --data or BENCH_DATA, or another folder for the cache alone \
             with --cache or BENCH_CACHE"
        }
        _ => "",
    }
}
