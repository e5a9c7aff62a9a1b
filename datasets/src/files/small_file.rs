//! Files that settings name, read as a whole.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::library::DataError;

/// The content of the file at `path`, of at most `limit` bytes. A pipe or a device may have no end, and is refused unread.
///
/// # Errors
/// The file cannot be read, is none, or is larger; `what` says what is read at most, e.g. `texts`.
pub(crate) fn read(path: &Path, limit: u64, what: &str) -> Result<Vec<u8>, DataError> {
    let malformed = |message: String| DataError::Malformed { path: path.to_path_buf(), message };
    let about = fs::metadata(path).map_err(DataError::io("read", path))?;
    if about.is_dir() {
        return Err(DataError::io("read", path)(ErrorKind::IsADirectory.into()));
    }
    if !about.is_file() {
        return Err(malformed("this is a pipe or a device; name a file".to_owned()));
    }
    let too_large = |size: u64| malformed(format!("{size} bytes; {what} of at most {limit} bytes are read"));
    if about.len() > limit {
        return Err(too_large(about.len()));
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile, and some files say that they are empty.
    let file = File::open(path).map_err(DataError::io("read", path))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(DataError::io("read", path))?;
    if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_has_no_end_or_is_too_long_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5, "texts").unwrap(), b"12345");
        let malformed =
            |file: &Path| matches!(read(file, 4, "texts"), Err(DataError::Malformed { path, .. }) if path == file);
        let unread = |file: &Path| match read(file, 4, "texts") {
            Err(DataError::Io { source, .. }) => Some(source.kind()),
            _ => None,
        };
        assert!(malformed(&path));
        assert_eq!(unread(folder.path()), Some(ErrorKind::IsADirectory));
        assert_eq!(unread(&folder.path().join("b.txt")), Some(ErrorKind::NotFound));
        #[cfg(unix)]
        {
            let pipe = folder.path().join("pipe");
            let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
            assert!(made.success());
            for endless in [Path::new("/dev/zero"), &pipe] {
                assert!(malformed(endless), "{}", endless.display());
            }
        }
    }
}
