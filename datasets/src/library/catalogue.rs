//! Data sets with official files: what the catalogue says about each of them.

use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use super::{Library, checksum::Checksum, error::DataError};
use crate::formats::archive::Limits;

/// Name of the file that may replace the catalogue's checksums for one folder; see [`Manifest`].
pub const MANIFEST: &str = "bench-data.json";

/// A data set with official files. It consists of files that are kept as they are ([`files`](Self::files)), or of
/// archives that are unpacked ([`archives`](Self::archives)); [`members`](Self::members) says what has to be there then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSet {
    /// Name on the command line.
    pub name: String,
    /// Its folder in the data folder, under the name that its authors gave it.
    pub folder: String,
    /// One line.
    pub summary: String,
    /// Page of the authors.
    pub origin: String,
    /// Licence of the data.
    pub licence: String,
    /// How to cite it.
    pub citation: String,
    /// Tasks that need it.
    pub tasks: Vec<String>,
    /// Tasks that read it with `source: lra` and generate their samples otherwise.
    pub optional_for: Vec<String>,
    /// Folders on the network that hold [`files`](Self::files), best first.
    pub mirrors: Vec<String>,
    /// Files that are kept under their original names.
    pub files: Vec<DataFile>,
    /// What is downloaded and unpacked.
    pub archives: Vec<Archive>,
    /// What makes the set complete.
    pub members: Vec<Members>,
    /// Folders within [`folder`](Self::folder) in which members may lie, best first; none means the folder itself.
    pub roots: Vec<String>,
    /// Official checksums of unpacked files, where they are known, by path.
    pub sums: BTreeMap<String, Checksum>,
    /// SHA-256 (hex) of the complete unpacked content as `verify` computes it, where it is known.
    pub content: Option<String>,
    /// Files that are empty in the official data, too, by path.
    pub known_empty: Vec<String>,
    /// Names of files and folders that are often taken for this data set.
    pub lookalikes: Vec<Lookalike>,
    /// Names of archives that hold the same files: of each group, the first that is to be had is taken.
    pub choices: Vec<Vec<String>>,
    /// About how many bytes all members of an archive have, by its name, where [`Archive::only`] takes a small part of them.
    pub whole: BTreeMap<String, u64>,
    /// Versions of the set under the same name, where its authors changed it; that of the published results first.
    pub versions: Vec<Version>,
}

/// Something that is often taken for a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookalike {
    /// Pattern of its name.
    pub name: String,
    /// What it is, e.g. `the version for Python`.
    pub what: String,
}

/// One of several versions of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its name, e.g. `2018`.
    pub name: String,
    /// SHA-256 (hex) of its content as `verify` computes it, where it is known. Otherwise it is told by its form.
    pub content: Option<String>,
    /// What has to be said where results with it are shown; nothing for the version of the published results.
    pub note: Option<String>,
}

/// An official file that is kept as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Original name.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Checksum of the file as it is stored.
    pub checksum: Checksum,
}

/// Something that is downloaded as one file and unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// Its original name.
    pub name: String,
    /// Its format.
    pub format: Format,
    /// Addresses, best first.
    pub sources: Vec<String>,
    /// Its size.
    pub size: Size,
    /// Its official checksum; none where its authors publish none, or where the archive is made on request (GitHub).
    pub checksum: Option<Checksum>,
    /// About how many bytes it unpacks to.
    pub unpacked: u64,
    /// Most members; an archive with more is refused.
    pub most_members: u64,
    /// Folder within the data set's in which its files belong; empty for that folder itself.
    pub into: String,
    /// What becomes of the paths in it.
    pub layout: Layout,
    /// Pattern that paths within the archive have to fit to be unpacked, such as `recordings/*`; none for all.
    pub only: Option<String>,
}

/// Format of an [`Archive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// tar, packed by gzip.
    TarGz,
    /// zip.
    Zip,
    /// One file that is kept as it is.
    Plain,
}

/// Size of an [`Archive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// This many bytes.
    Exact(u64),
    /// About this many bytes; up to twice as many are accepted.
    About(u64),
}

impl Size {
    /// The number.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Exact(bytes) | Self::About(bytes) => bytes,
        }
    }
}

/// What becomes of the paths in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// This many leading folders are left out.
    Strip(usize),
    /// All folders are left out.
    Flat,
}

impl Archive {
    /// Bounds for unpacking: twice what the catalogue expects.
    pub fn limits(&self) -> Limits {
        self.limits_of(self.unpacked)
    }

    /// The same where all its members have about `unpacked` bytes.
    fn limits_of(&self, unpacked: u64) -> Limits {
        let bytes = unpacked.saturating_mul(2);
        Limits { bytes, members: self.most_members, file: bytes }
    }

    /// About how many bytes it unpacks to if it has `bytes` bytes: a part of a set needs a part of the room.
    pub(super) fn unpacked_from(&self, bytes: u64) -> u64 {
        let share = u128::from(self.unpacked) * u128::from(bytes) / u128::from(self.size.bytes().max(1));
        u64::try_from(share).unwrap_or(u64::MAX).min(self.unpacked)
    }
}

/// Files of one kind, and how many of them make the set complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// What they are, e.g. `clips`.
    pub what: String,
    /// Path within the data set's folder; `*` and `?` stand for parts of one name.
    pub pattern: String,
    /// Number of files.
    pub files: u64,
    /// What is counted in them.
    pub count: Count,
    /// How many of those there are in all files together.
    pub total: u64,
    /// Whether tasks need them; others are counted, and do not make the set incomplete.
    pub needed: bool,
}

/// What is counted in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// The files.
    Files,
    /// Records of this many bytes.
    Records(u64),
    /// Lines, without this many at the beginning.
    Lines(u64),
    /// Lines after `@data` of a `.ts` file.
    Series,
    /// The first dimension of an idx file packed by gzip.
    Idx,
    /// Bytes.
    Bytes,
}

/// Replaces the checksums of one folder: `<data>/<set>/bench-data.json`, for subsets and reconstructions. Whatever is
/// read through a manifest carries a note that it is not the official data.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format: 1.
    pub schema: u32,
    /// In which way the files differ from the official ones.
    pub reconstructed: String,
    /// What the files must be instead, by name.
    pub files: BTreeMap<String, ManifestFile>,
}

/// One file of a [`Manifest`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Size.
    pub bytes: u64,
    /// SHA-256 (hex).
    pub sha256: String,
}

/// State of the files of a data set in the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// Every file lies there (contents are checked when the files are read, and by `verify`).
    Present,
    /// Some files are missing or have another size.
    Partial,
    /// No file lies there.
    Absent,
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Present => "complete",
            Self::Partial => "incomplete",
            Self::Absent => "not here",
        })
    }
}

impl DataSet {
    /// Bytes that are downloaded, if the first of several choices is to be had.
    pub fn download_bytes(&self) -> u64 {
        let files: u64 = self.files.iter().map(|file| file.bytes).sum();
        files + self.chosen().map(|archive| archive.size.bytes()).sum::<u64>()
    }

    /// Bytes in the data folder afterwards.
    pub fn stored_bytes(&self) -> u64 {
        let files: u64 = self.files.iter().map(|file| file.bytes).sum();
        files + self.chosen().map(|archive| archive.unpacked).sum::<u64>()
    }

    /// The archives, with the first of each choice.
    fn chosen(&self) -> impl Iterator<Item = &Archive> {
        let later = |archive: &&Archive| {
            self.choices.iter().any(|group| group.iter().skip(1).any(|name| *name == archive.name))
        };
        self.archives.iter().filter(move |archive| !later(archive))
    }

    /// The archives that may be taken instead of `archive`, which is among them; nothing where there is no choice.
    pub(super) fn choice(&self, archive: &Archive) -> Option<&[String]> {
        self.choices.iter().find(|group| group.contains(&archive.name)).map(Vec::as_slice)
    }

    /// Bounds for unpacking `archive`.
    pub(super) fn limits(&self, archive: &Archive) -> Limits {
        archive.limits_of(self.whole.get(&archive.name).copied().unwrap_or(archive.unpacked))
    }

    /// What a file or folder called `name` is that is often taken for this set.
    pub(super) fn lookalike(&self, name: &str) -> Option<&str> {
        self.lookalikes.iter().find(|other| WildMatch::new(&other.name).matches(name)).map(|other| other.what.as_str())
    }
}

impl Library {
    /// Data sets with official files.
    pub fn catalogue(&self) -> &[DataSet] {
        &self.catalogue
    }

    /// The entry of `name`, as the catalogue has it.
    ///
    /// # Errors
    /// An unknown name.
    pub fn entry(&self, name: &str) -> Result<&DataSet, DataError> {
        self.catalogue.iter().find(|set| set.name == name).ok_or_else(|| DataError::Unknown {
            name: name.to_owned(),
            known: self.catalogue.iter().map(|set| set.name.as_str()).collect::<Vec<_>>().join(", "),
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
    pub(super) fn manifest(&self, set: &str) -> PathBuf {
        self.folder(set).join(MANIFEST)
    }

    /// The folder of the data set `set`.
    pub fn folder(&self, set: &str) -> PathBuf {
        let folder = self.catalogue.iter().find(|known| known.name == set).map(|known| known.folder.as_str());
        self.root.join(folder.filter(|folder| !folder.is_empty()).unwrap_or(set))
    }

    /// The command that fetches `set` into this folder.
    pub fn fetch_command(&self, set: &str) -> String {
        let default = Self::locate(None).is_ok_and(|library| library.root == self.root);
        if default {
            format!("bench data fetch {set}")
        } else {
            format!("bench data fetch {set} --data {}", self.root.display())
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
    pub(super) fn compare(
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
    pub(super) fn missing(&self, set: &str, files: &str) -> DataError {
        DataError::Missing {
            what: format!("{set} ({files})"),
            folder: self.folder(set),
            command: self.fetch_command(set),
        }
    }
}
