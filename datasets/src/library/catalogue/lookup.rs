//! Data sets by name, and their files in the data folder.

use std::{fs, path::PathBuf};

use crate::library::catalogue::data_set::{DataFile, DataSet};
use crate::library::catalogue::manifest::{MANIFEST, Manifest};
use crate::library::data_folder::Library;
use crate::library::error::DataError;
use crate::library::verify::checksum::Checksum;

impl Library {
    /// The entry of `name`, as the catalogue has it.
    ///
    /// # Errors
    /// An unknown name.
    pub fn entry(&self, name: &str) -> Result<&DataSet, DataError> {
        self.catalogue().iter().find(|set| set.name == name).ok_or_else(|| DataError::Unknown {
            name: name.to_owned(),
            known: self.catalogue().iter().map(|set| set.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The data set `name`, and the note of its folder's [`Manifest`] if it has one, whose checksums then replace the
    /// official ones.
    ///
    /// # Errors
    /// An unknown name; a manifest that cannot be read.
    pub fn data_set(&self, name: &str) -> Result<(DataSet, Option<String>), DataError> {
        let mut set = self.entry(name)?.clone();
        let path = self.manifest(name);
        const REMEDY: &str = "correct it, or remove it to go by the official checksums";
        let Some(manifest) = Manifest::read(&path, REMEDY)? else { return Ok((set, None)) };
        let malformed =
            |message: String| DataError::Malformed { path: path.clone(), message: format!("{message}; {REMEDY}") };
        for file in &mut set.files {
            let other = manifest
                .files
                .get(&file.name)
                .ok_or_else(|| malformed(format!("`files` does not name {}", file.name)))?;
            file.bytes = other.bytes;
            file.checksum = Checksum::Sha256(other.sha256.to_lowercase());
        }
        if set.files.is_empty() {
            let named = manifest.files.iter();
            set.sums = named.map(|(path, file)| (path.clone(), Checksum::Sha256(file.sha256.to_lowercase()))).collect();
        }
        set.content = None;
        Ok((set, Some(manifest.reconstructed)))
    }

    /// Where the manifest of `set` is, if it has one.
    pub(crate) fn manifest(&self, set: &str) -> PathBuf {
        self.folder(set).join(MANIFEST)
    }

    /// The folder of the data set `set`.
    pub fn folder(&self, set: &str) -> PathBuf {
        let folder = self.catalogue().iter().find(|known| known.name == set).map(|known| known.folder.as_str());
        self.root().join(folder.filter(|folder| !folder.is_empty()).unwrap_or(set))
    }

    /// The command that fetches `set` into this folder.
    pub fn fetch_command(&self, set: &str) -> String {
        let default = Self::locate(None).is_ok_and(|library| library.root() == self.root());
        if default {
            format!("bench data fetch {set}")
        } else {
            format!("bench data fetch {set} --data {}", self.root().display())
        }
    }

    /// Whether every file of `set` is there; reads no contents.
    ///
    /// # Errors
    /// [`DataError::Missing`] with the command that fetches them; an unknown name.
    pub fn check_files(&self, set: &str) -> Result<(), DataError> {
        let (data, _) = self.data_set(set)?;
        let missing: Vec<&str> = data
            .files
            .iter()
            .map(|file| file.name.as_str())
            .filter(|name| !self.folder(set).join(name).is_file())
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(self.missing(set, &missing.join(", "))) }
    }

    /// The error that says that nothing, or not everything, of `set` is here.
    pub fn incomplete(&self, set: &str) -> DataError {
        let what = self.entry(set).map(|data| {
            let members = data.members.iter().filter(|members| members.needed);
            members.map(|members| members.what.as_str()).collect::<Vec<_>>().join(", ")
        });
        self.missing(set, &what.unwrap_or_default())
    }

    /// The bytes of an official file, after its checksum has been found right.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Checksum`].
    pub fn read_file(&self, set: &str, name: &str) -> Result<Vec<u8>, DataError> {
        let (data, _) = self.data_set(set)?;
        let file = data.files.iter().find(|file| file.name == name).ok_or_else(|| DataError::Unknown {
            name: format!("{set}/{name}"),
            known: data.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        let path = self.folder(set).join(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(self.missing(set, name)),
            Err(error) => return Err(DataError::io("read", &path)(error)),
        };
        let found = file.checksum.of(&bytes);
        self.compare(set, file, &path, bytes.len() as u64, &found)?;
        Ok(bytes)
    }

    /// Whether the file at `path` is what `file` says.
    pub(crate) fn compare(
        &self,
        set: &str,
        file: &DataFile,
        path: &std::path::Path,
        bytes: u64,
        found: &Checksum,
    ) -> Result<(), DataError> {
        if *found == file.checksum && bytes == file.bytes {
            return Ok(());
        }
        Err(DataError::Checksum {
            path: path.to_path_buf(),
            expected: Box::new(file.checksum.clone()),
            expected_bytes: file.bytes,
            found: Box::new(found.clone()),
            found_bytes: bytes,
            remedy: format!("fetch it again with `{}`", self.fetch_command(set)),
        })
    }

    /// The error for `files` of `set` that are not there.
    pub(crate) fn missing(&self, set: &str, files: &str) -> DataError {
        DataError::Missing {
            what: format!("{set} ({files})"),
            folder: self.folder(set),
            command: self.fetch_command(set),
        }
    }
}
