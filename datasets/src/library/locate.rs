//! Where the original files of a data set lie that comes as an archive: under the name its authors gave the folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::library::catalogue::manifest::{MANIFEST, Manifest};
use crate::library::data_folder::Library;
use crate::library::error::DataError;

impl Library {
    /// The first of `folders` (relative to the data folder) in which every one of `needed` exists.
    ///
    /// # Errors
    /// [`DataError::Missing`] naming what the most complete of them lacks, with the command that fetches `set`.
    pub(crate) fn locate_files(&self, set: &str, folders: &[&str], needed: &[&str]) -> Result<PathBuf, DataError> {
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

    /// What the manifest of `set` says about its files, of which those in `folder` are read, if there is one: that they are
    /// not the official ones. It lies there, or above, up to the folder of the set.
    ///
    /// # Errors
    /// A manifest that cannot be read.
    pub(crate) fn reconstruction(&self, set: &str, folder: &Path) -> Result<Option<String>, DataError> {
        let own = self.folder(set);
        let above = folder.ancestors().take_while(|above| above.starts_with(self.root()) && *above != self.root());
        for folder in above.chain([own.as_path()]) {
            if let Some(manifest) = Manifest::read(&folder.join(MANIFEST), "correct it, or remove it")? {
                return Ok(Some(manifest.reconstructed));
            }
        }
        Ok(None)
    }

    /// What a reader of results must know about files of `set` in `folder` that have a manifest.
    ///
    /// # Errors
    /// A manifest that cannot be read.
    pub(crate) fn not_official(&self, set: &str, folder: &Path) -> Result<Option<String>, DataError> {
        let note = self.reconstruction(set, folder)?;
        Ok(note.map(|note| format!("reconstructed: {note}; results are not comparable with published ones")))
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
        let missing = |files: &str, place: &str| {
            let error = library.locate_files("set", &["outer", "inner"], &["a", "b"]).unwrap_err();
            assert!(error.is_missing_from("set"), "{error}");
            assert!(
                matches!(&error, DataError::Missing { what, folder, .. } if what == files && folder.ends_with(place)),
                "{error}"
            );
        };
        missing("set (a, b)", "outer");
        fs::create_dir_all(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("inner/a"), "").unwrap();
        missing("set (b)", "inner");
        fs::write(folder.path().join("inner/b"), "").unwrap();
        assert_eq!(library.locate_files("set", &["outer", "inner"], &["a", "b"]).unwrap(), folder.path().join("inner"));
    }

    #[test]
    fn files_have_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
        assert!(read_bounded(&path, 4).unwrap_err().is_malformed("file", ""));
    }

    #[test]
    fn manifests_say_how_files_differ() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let set = library.folder("fsdd");
        let inner = set.join("recordings");
        fs::create_dir_all(&inner).unwrap();
        let reconstruction = |folder: &Path| library.reconstruction("fsdd", folder);
        // That of the whole data folder would be about all sets, and there is no such thing.
        fs::write(folder.path().join(MANIFEST), "{").unwrap();
        assert_eq!((reconstruction(&set).unwrap(), reconstruction(&inner).unwrap()), (None, None));
        let text = r#"{"schema":1,"reconstructed":"from JPEG","files":{}}"#;
        for text in [text.to_owned(), format!("\u{feff}{text}")] {
            fs::write(set.join(MANIFEST), text).unwrap();
            for folder in [&set, &inner, &folder.path().join("elsewhere")] {
                assert_eq!(reconstruction(folder).unwrap().unwrap(), "from JPEG");
            }
            assert_eq!(library.data_set("fsdd").unwrap().1.unwrap(), "from JPEG");
        }
        let note = library.not_official("fsdd", &inner).unwrap().unwrap();
        assert!(note.starts_with("reconstructed: from JPEG; "), "{note}");
        for wrong in ["{", r#"{"schema":2,"reconstructed":"x","files":{}}"#] {
            fs::write(set.join(MANIFEST), wrong).unwrap();
            assert!(reconstruction(&inner).unwrap_err().is_malformed(MANIFEST, ""));
            assert!(library.data_set("fsdd").unwrap_err().is_malformed(MANIFEST, ""));
        }
    }
}
