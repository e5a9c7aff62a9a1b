//! Whether files are known to be the official ones.

use serde::Serialize;

/// Whether the content is known to be the official one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Provenance {
    /// It is.
    Official {
        /// Which checksums say so.
        by: String,
    },
    /// It is what was once downloaded or imported, and at least a part of it was not checked against an official checksum.
    Recorded {
        /// Where all of it came from.
        source: String,
    },
    /// It is not: a subset, or put together again from other sources. Results with it do not compare with published ones.
    Reconstructed {
        /// What the manifest says, or which checksums differ.
        why: String,
    },
    /// There is nothing to compare it with.
    Unknown,
}

impl std::fmt::Display for Provenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Official { by } => write!(f, "official ({by})"),
            Self::Recorded { source } => {
                write!(f, "as it came from {source}; not checked against an official checksum")
            }
            Self::Reconstructed { why } => write!(f, "reconstructed: {why}"),
            Self::Unknown => f.write_str("origin unknown: no official checksum of the unpacked files is known"),
        }
    }
}
