//! What archives of every kind have in common: bounds, and which members are accepted.
//!
//! An archive comes from elsewhere, so nothing it says is trusted: no member may leave the folder that it is unpacked into,
//! only plain files and folders are accepted, and their number and sizes have bounds that hold for what is really read, not
//! only for what the headers say.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::files::litter;

/// Bounds for one archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of all files together.
    pub bytes: u64,
    /// Most members, folders included. What operating systems put beside them (`._a`, `__MACOSX`, `.DS_Store`) is left out
    /// and not counted among them; of that there may be as much again, and one member more.
    pub members: u64,
    /// Most bytes of one file.
    pub file: u64,
}

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Another format, cut off, or with a wrong sum.
    #[error("the archive is damaged{}: {reason}", after(.member))]
    Damaged {
        /// The last member that was begun.
        member: Option<String>,
        /// What is wrong.
        reason: String,
    },
    /// A member that would be written outside of the folder.
    #[error("member `{member}` has no path within the folder ({reason}); do not unpack this archive")]
    Path {
        /// Its name.
        member: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A link, a device, a pipe, or a file with holes.
    #[error("member `{member}` is {kind}, and only files and folders are unpacked")]
    Kind {
        /// Its name.
        member: String,
        /// What it is.
        kind: &'static str,
    },
    /// More members than the data set has.
    #[error("the archive has more than {most} members, which this data set does not have")]
    Members {
        /// How many are allowed.
        most: u64,
    },
    /// A file larger than any of the data set.
    #[error("member `{member}` has more than {most} bytes, and no file of this data set is that large")]
    File {
        /// Its name.
        member: String,
        /// How many are allowed.
        most: u64,
    },
    /// More bytes than the data set has.
    #[error("the archive unpacks to more than {most} bytes, which this data set does not have")]
    Bytes {
        /// How many are allowed.
        most: u64,
    },
    /// The receiver of a member could not take it.
    #[error(transparent)]
    Receiver(io::Error),
}

fn after(member: &Option<String>) -> String {
    member.as_ref().map(|member| format!(" at member `{member}`")).unwrap_or_default()
}

/// A plain file of an archive.
pub struct Member<'a> {
    /// Path within the archive: relative, without `.` and `..`.
    pub path: &'a Path,
    /// Its contents; reading more than the bounds allow fails.
    pub contents: &'a mut dyn Read,
}

/// Takes the files of an archive one by one. An error ends the reading with [`ArchiveError::Receiver`], unless it is one
/// that came from reading [`Member::contents`], which is reported as what it is.
pub type Receiver<'a> = dyn FnMut(Member<'_>) -> io::Result<()> + 'a;

const LONGEST_PATH: usize = 1_000;
const LONGEST_NAME: usize = 255;
const DEEPEST: usize = 32;

/// The path of a member, if it stays within the folder: relative, no `..`, no backslash, colon or control character, and
/// not longer than file systems allow. `.` and empty components are left out, so a member for the folder itself is empty.
///
/// # Errors
/// [`ArchiveError::Path`].
pub fn inside(name: &[u8]) -> Result<PathBuf, ArchiveError> {
    let refused = |reason| ArchiveError::Path { member: shown(name), reason };
    let text = std::str::from_utf8(name).map_err(|_| refused("it is not UTF-8"))?;
    if text.len() > LONGEST_PATH {
        return Err(refused("it is longer than 1 000 bytes"));
    }
    if text.starts_with('/') {
        return Err(refused("it begins at the root"));
    }
    // A twin of that name is passed over, and not written.
    let plain = text.strip_suffix(litter::DOWNLOADED).unwrap_or(text);
    if plain.chars().any(|c| c.is_control() || c == '\\' || c == ':') {
        return Err(refused("it has a backslash, a colon or a control character"));
    }
    let mut path = PathBuf::new();
    let mut depth = 0;
    for component in text.split('/').filter(|component| !component.is_empty() && *component != ".") {
        if component == ".." {
            return Err(refused("it goes up with `..`"));
        }
        if component.len() > LONGEST_NAME {
            return Err(refused("a name is longer than 255 bytes"));
        }
        depth += 1;
        path.push(component);
    }
    if depth > DEEPEST { Err(refused("it is deeper than 32 folders")) } else { Ok(path) }
}

/// A name for a message.
pub(super) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(80).flat_map(char::escape_debug).collect()
}

/// What has been used of the [`Limits`].
pub(super) struct Used {
    limits: Limits,
    bytes: u64,
    members: u64,
    litter: u64,
}

/// Why a counted read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    File,
    Bytes,
}

impl Used {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, bytes: 0, members: 0, litter: 0 }
    }

    /// A further member.
    pub(super) fn member(&mut self) -> Result<(), ArchiveError> {
        self.members += 1;
        if self.members > self.limits.members {
            return Err(ArchiveError::Members { most: self.limits.members });
        }
        Ok(())
    }

    /// Whether the member at `path`, of `bytes` bytes, is what an operating system has left there: it is skipped. Its bytes
    /// count, since they have to be read.
    pub(super) fn litter(&mut self, name: &[u8], path: &Path, bytes: u64) -> Result<bool, ArchiveError> {
        if !litter::within(path) {
            return Ok(false);
        }
        self.litter += 1;
        if self.litter > self.limits.members.saturating_add(1) {
            return Err(ArchiveError::Members { most: self.limits.members });
        }
        self.announced(name, bytes)?;
        self.bytes += bytes;
        Ok(true)
    }

    /// Refuses a file whose header already says that it is too large.
    pub(super) fn announced(&self, name: &[u8], bytes: u64) -> Result<(), ArchiveError> {
        if bytes > self.limits.file {
            return Err(ArchiveError::File { member: shown(name), most: self.limits.file });
        }
        if bytes > self.limits.bytes - self.bytes {
            return Err(ArchiveError::Bytes { most: self.limits.bytes });
        }
        Ok(())
    }

    /// Hands a file on and reads what the receiver has left of it.
    pub(super) fn file(
        &mut self,
        name: &[u8],
        path: &Path,
        contents: &mut dyn Read,
        receive: &mut Receiver<'_>,
    ) -> Result<(), ArchiveError> {
        let total = self.limits.bytes - self.bytes;
        let mut counted = Counted { contents, left: self.limits.file, total, over: None, failed: None };
        let outcome = receive(Member { path, contents: &mut counted });
        let drained = outcome.and_then(|()| io::copy(&mut counted, &mut io::sink()).map(drop));
        self.bytes += total - counted.total;
        match (counted.over, counted.failed, drained) {
            (Some(Over::File), ..) => Err(ArchiveError::File { member: shown(name), most: self.limits.file }),
            (Some(Over::Bytes), ..) => Err(ArchiveError::Bytes { most: self.limits.bytes }),
            (None, Some(reason), _) => Err(ArchiveError::Damaged { member: Some(shown(name)), reason }),
            (None, None, Err(error)) => Err(ArchiveError::Receiver(error)),
            (None, None, Ok(())) => Ok(()),
        }
    }
}

struct Counted<'a> {
    contents: &'a mut dyn Read,
    left: u64,
    total: u64,
    over: Option<Over>,
    failed: Option<String>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.contents.read(buffer) {
            Ok(count) => count as u64,
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.failed = Some(error.to_string());
                }
                return Err(error);
            }
        };
        if count > self.left {
            self.over = Some(Over::File);
        } else if count > self.total {
            self.over = Some(Over::Bytes);
        }
        if self.over.is_some() {
            return Err(io::Error::other("the member is larger than allowed"));
        }
        self.left -= count;
        self.total -= count;
        Ok(count as usize)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for (name, path) in [("a/b.txt", "a/b.txt"), ("./a//b", "a/b"), ("./", ""), ("a/é", "a/é")] {
            assert_eq!(inside(name.as_bytes()).unwrap(), Path::new(path));
        }
        let long = "x".repeat(256);
        let deep = "d/".repeat(33);
        for name in ["/etc/passwd", "../x", "a/../../x", "a/..", "c:/x", "a\\b", "a\0b", "a\nb", &long, &deep] {
            assert!(matches!(inside(name.as_bytes()), Err(ArchiveError::Path { .. })), "{name}");
        }
        assert!(inside(&[0xff, b'a']).is_err());
        assert!(inside(&vec![b'a'; 5_000]).is_err());
    }
}
