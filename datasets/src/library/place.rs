//! Where the original files of a data set lie that comes as an archive: under the name its authors gave the folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{DataError, Library, MANIFEST, Manifest};

impl Library {
    /// The first of `folders` (relative to the data folder) in which every one of `needed` exists.
    ///
    /// # Errors
    /// [`DataError::Missing`] naming what the most complete of them lacks, with the command that fetches `set`.
    pub(crate) fn place(&self, set: &str, folders: &[&str], needed: &[&str]) -> Result<PathBuf, DataError> {
        let lacking = |folder: &PathBuf| -> Vec<&str> {
            needed.iter().copied().filter(|name| !folder.join(name).exists()).collect()
        };
        let places: Vec<PathBuf> = folders.iter().map(|folder| self.root().join(folder)).collect();
        let mut fewest: Option<(PathBuf, Vec<&str>)> = None;
        for place in places {
            let lacks = lacking(&place);
            if lacks.is_empty() {
                return Ok(place);
            }
            if fewest.as_ref().is_none_or(|(_, known)| lacks.len() < known.len()) {
                fewest = Some((place, lacks));
            }
        }
        let (folder, lacks) = fewest.unwrap_or_else(|| (self.root().to_path_buf(), needed.to_vec()));
        Err(self.absent(set, folder, &lacks.join(", ")))
    }

    /// The error for files of `set` that are not in `folder`.
    pub(crate) fn absent(&self, set: &str, folder: impl Into<PathBuf>, files: &str) -> DataError {
        DataError::Missing { what: format!("{set} ({files})"), folder: folder.into(), command: self.fetch_command(set) }
    }

    /// What the manifest of `folder` says about its files, if there is one: that they are not the official ones.
    ///
    /// # Errors
    /// A manifest that cannot be read.
    pub(crate) fn reconstruction(&self, folder: &Path) -> Result<Option<String>, DataError> {
        let path = folder.join(MANIFEST);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DataError::io("read", &path)(error)),
        };
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|error| DataError::Malformed { path, message: format!("{error}; correct it, or remove it") })?;
        Ok(Some(manifest.reconstructed))
    }
}

/// A file of the data folder, read whole, up to `most` bytes.
pub(crate) fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, DataError> {
    let mut file = fs::File::open(path).map_err(DataError::io("read", path))?;
    let size = file.metadata().map_err(DataError::io("read", path))?.len();
    let too_large = |size: u64| DataError::Malformed {
        path: path.to_path_buf(),
        message: format!(
            "it has {size} bytes or more and no file of this data set has more than {most}; fetch the data again"
        ),
    };
    if size > most {
        return Err(too_large(size));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    // The file may grow while it is read.
    io::Read::read_to_end(&mut io::Read::take(&mut file, most + 1), &mut bytes).map_err(DataError::io("read", path))?;
    if bytes.len() as u64 > most { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_first_complete_folder_is_taken_and_the_most_complete_named() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let error = library.place("set", &["outer", "inner"], &["a", "b"]).unwrap_err();
        assert!(error.is_missing());
        let error = error.to_string();
        assert!(error.contains("set (a, b) is missing") && error.contains("bench data fetch set"), "{error}");
        fs::create_dir_all(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("inner/a"), "").unwrap();
        let error = library.place("set", &["outer", "inner"], &["a", "b"]).unwrap_err().to_string();
        assert!(error.contains("set (b) is missing in") && error.contains("inner"), "{error}");
        fs::write(folder.path().join("inner/b"), "").unwrap();
        assert_eq!(library.place("set", &["outer", "inner"], &["a", "b"]).unwrap(), folder.path().join("inner"));
    }

    #[test]
    fn files_have_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
        assert!(read_bounded(&path, 4).unwrap_err().to_string().contains("file: it has 5 bytes or more"));
    }

    #[test]
    fn manifests_say_how_files_differ() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        assert_eq!(library.reconstruction(folder.path()).unwrap(), None);
        fs::write(folder.path().join(MANIFEST), r#"{"schema":1,"reconstructed":"from JPEG","files":{}}"#).unwrap();
        assert_eq!(library.reconstruction(folder.path()).unwrap().unwrap(), "from JPEG");
        fs::write(folder.path().join(MANIFEST), "{").unwrap();
        assert!(library.reconstruction(folder.path()).unwrap_err().to_string().contains(MANIFEST));
    }
}
