//! Checksums of files.

use std::{fmt, fs, io::Read, path::Path};

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::DataError;
use crate::task::Progress;

/// A checksum as the authors of a data set publish it, in lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    /// SHA-256.
    Sha256(String),
    /// MD5, where nothing better is published: it guards against damage, not against forgery.
    Md5(String),
}

impl Checksum {
    /// The checksum of `bytes`, of the same kind as this one.
    pub fn of(&self, bytes: &[u8]) -> Self {
        match self {
            Self::Sha256(_) => Self::Sha256(format!("{:x}", Sha256::digest(bytes))),
            Self::Md5(_) => Self::Md5(format!("{:x}", Md5::digest(bytes))),
        }
    }

    /// The hexadecimal digits.
    pub fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::Md5(hex) => hex,
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hex) => write!(f, "SHA-256 {hex}"),
            Self::Md5(hex) => write!(f, "MD5 {hex}"),
        }
    }
}

/// Size and checksums of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) bytes: u64,
    pub(super) sha256: String,
    md5: Option<String>,
}

impl Sums {
    /// Of the file at `path`; MD5 only where `kind` asks for it.
    pub(super) fn of(path: &Path, kind: Option<&Checksum>, progress: &dyn Progress) -> Result<Self, DataError> {
        let mut summing = Summing::new(kind);
        let mut file = fs::File::open(path).map_err(DataError::io("read", path))?;
        let mut room = vec![0; 1 << 18];
        loop {
            match file.read(&mut room) {
                Ok(0) => return Ok(summing.finish()),
                Ok(count) => {
                    summing.update(&room[..count]);
                    progress.advance(count as u64);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(DataError::io("read", path)(error)),
            }
        }
    }

    /// The checksum of the kind of `like`.
    pub(super) fn checksum(&self, like: Option<&Checksum>) -> Checksum {
        match (like, &self.md5) {
            (Some(Checksum::Md5(_)), Some(md5)) => Checksum::Md5(md5.clone()),
            _ => Checksum::Sha256(self.sha256.clone()),
        }
    }
}

/// Computes [`Sums`] piece by piece.
pub(super) struct Summing {
    bytes: u64,
    sha256: Sha256,
    md5: Option<Md5>,
}

impl Summing {
    pub(super) fn new(kind: Option<&Checksum>) -> Self {
        Self { bytes: 0, sha256: Sha256::new(), md5: matches!(kind, Some(Checksum::Md5(_))).then(Md5::new) }
    }

    pub(super) fn update(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.sha256.update(piece);
        if let Some(md5) = &mut self.md5 {
            md5.update(piece);
        }
    }

    pub(super) fn finish(self) -> Sums {
        Sums {
            bytes: self.bytes,
            sha256: format!("{:x}", self.sha256.finalize()),
            md5: self.md5.map(|md5| format!("{:x}", md5.finalize())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn known_sums_are_met() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        fs::write(&path, "abc").unwrap();
        let md5 = Checksum::Md5("900150983cd24fb0d6963f7d28e17f72".to_owned());
        let sha = Checksum::Sha256("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned());
        assert_eq!(md5.of(b"abc"), md5);
        assert_eq!(sha.of(b"abc"), sha);
        let sums = Sums::of(&path, Some(&md5), &()).unwrap();
        assert_eq!(sums.bytes, 3);
        assert_eq!(sums.checksum(Some(&md5)), md5);
        assert_eq!(sums.checksum(None), sha);
    }
}
