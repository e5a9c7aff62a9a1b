//! Size and checksums of files.

use std::{fs, io::Read, path::Path};

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::library::error::DataError;
use crate::library::verify::checksum::Checksum;
use crate::progress::Progress;

/// Size and checksums of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    md5: Option<String>,
}

impl Sums {
    /// Of the file at `path`; MD5 only where `kind` asks for it.
    pub(crate) fn of(path: &Path, kind: Option<&Checksum>, progress: &dyn Progress) -> Result<Self, DataError> {
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
    pub(crate) fn checksum(&self, like: Option<&Checksum>) -> Checksum {
        match (like, &self.md5) {
            (Some(Checksum::Md5(_)), Some(md5)) => Checksum::Md5(md5.clone()),
            _ => Checksum::Sha256(self.sha256.clone()),
        }
    }
}

/// Computes [`Sums`] piece by piece.
pub(crate) struct Summing {
    bytes: u64,
    sha256: Sha256,
    md5: Option<Md5>,
}

impl Summing {
    pub(crate) fn new(kind: Option<&Checksum>) -> Self {
        Self { bytes: 0, sha256: Sha256::new(), md5: matches!(kind, Some(Checksum::Md5(_))).then(Md5::new) }
    }

    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.sha256.update(piece);
        if let Some(md5) = &mut self.md5 {
            md5.update(piece);
        }
    }

    pub(crate) fn finish(self) -> Sums {
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
