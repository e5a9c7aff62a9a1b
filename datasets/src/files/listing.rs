//! Files of a data set that consists of many: which there are, what they hold, and whether they have changed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::library::{DataError, FileState, Sources};

/// Largest file that is read into memory.
const LARGEST: u64 = 64 << 20;

/// One file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundFile {
    /// Below the data set's folder, with `/` between its parts.
    pub(crate) name: String,
    /// The file.
    pub(crate) path: PathBuf,
    state: FileState,
}

/// The files of `folder` whose names end in `.extension`, sorted by name, each called `prefix` + its name; none where there
/// is no such folder.
pub(crate) fn list(folder: &Path, prefix: &str, extension: &str) -> Result<Vec<FoundFile>, DataError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(DataError::io("read", folder)(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(DataError::io("read", folder))?;
        let path = entry.path();
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        if path.extension().is_none_or(|found| found != extension) {
            continue;
        }
        let about = fs::metadata(&path).map_err(DataError::io("read", &path))?;
        files.push(FoundFile { name: format!("{prefix}{name}"), path, state: FileState::of(&about) });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// `files`, which lie below `folder`, as what a cached set is made of.
pub(crate) fn sources<'a>(folder: &Path, files: impl IntoIterator<Item = &'a FoundFile>) -> Sources {
    let name = |path: &Path| {
        let inner = path.strip_prefix(folder).unwrap_or(path);
        inner.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
    };
    Sources::known(folder, files.into_iter().map(|file| (name(&file.path), file.state)).collect())
}

/// The bytes of a file of at most 64 MiB.
pub(crate) fn read(file: &FoundFile) -> Result<Vec<u8>, DataError> {
    if file.state.bytes() > LARGEST {
        let message = format!("{} bytes are too many for one sample; remove the file", file.state.bytes());
        return Err(malformed(&file.path, message));
    }
    fs::read(&file.path).map_err(DataError::io("read", &file.path))
}

pub(crate) fn malformed(path: &Path, message: impl Into<String>) -> DataError {
    DataError::Malformed { path: path.to_path_buf(), message: message.into() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_are_sorted_and_a_change_shows() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.wav", "a.wav", ".hidden.wav", "c.txt"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let files = list(folder.path(), "yes/", "wav").unwrap();
        assert_eq!(files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["yes/a.wav", "yes/b.wav"]);
        let print = || sources(folder.path(), &list(folder.path(), "yes/", "wav").unwrap()).fingerprint();
        let before = print();
        assert_eq!(before, print());
        fs::write(folder.path().join("a.wav"), "longer than before").unwrap();
        assert_ne!(before, print());
        assert_eq!(list(&folder.path().join("absent"), "", "wav").unwrap(), []);
    }
}
