//! Data sets with official files: what the catalogue says about each of them.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use crate::formats::archives::archive::Limits;
use crate::library::verify::checksum::Checksum;

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
    /// SHA-256 (hex) of its content as `verify` computes it, where it is known. Otherwise its form identifies it.
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
    pub layout: ArchiveLayout,
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
pub enum ArchiveLayout {
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
    pub(crate) fn unpacked_from(&self, bytes: u64) -> u64 {
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
    pub(crate) fn choice(&self, archive: &Archive) -> Option<&[String]> {
        self.choices.iter().find(|group| group.contains(&archive.name)).map(Vec::as_slice)
    }

    /// Bounds for unpacking `archive`.
    pub(crate) fn limits(&self, archive: &Archive) -> Limits {
        archive.limits_of(self.whole.get(&archive.name).copied().unwrap_or(archive.unpacked))
    }

    /// What a file or folder called `name` is that is often taken for this set.
    pub(crate) fn lookalike(&self, name: &str) -> Option<&str> {
        self.lookalikes.iter().find(|other| WildMatch::new(&other.name).matches(name)).map(|other| other.what.as_str())
    }
}
