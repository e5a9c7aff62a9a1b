//! What was downloaded or imported into a folder: `<data>/<set>/bench-source.json`.

use std::{collections::HashSet, fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::formats::text::unmarked;
use crate::library::catalogue::data_set::DataSet;
use crate::library::data_folder::Library;
use crate::library::error::DataError;
use crate::library::fetch::unpack::members_in;
use crate::library::folders::temporary_in;
use crate::library::verify::checksum::Checksum;
use crate::library::verify::provenance::Provenance;
use crate::progress::Progress;

/// Name of the file.
pub const RECORD: &str = "bench-source.json";

const SCHEMA: u32 = 1;

/// Where the content of a folder came from, so that it can be verified later without the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of this format: 1.
    pub schema: u32,
    /// The data set.
    pub set: String,
    /// What was unpacked or copied.
    pub sources: Vec<RecordedSource>,
    /// SHA-256 (hex) of the content as `verify` computes it.
    pub content_sha256: String,
}

/// One archive or folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedSource {
    /// Address or path.
    pub from: String,
    /// Size of the archive.
    pub bytes: Option<u64>,
    /// SHA-256 (hex) of the archive.
    pub sha256: Option<String>,
    /// The official checksum that it was found to have; none where none is known.
    pub checked: Option<Checksum>,
}

impl Record {
    /// A record of the present version.
    pub(crate) fn new(set: &str, sources: Vec<RecordedSource>, content_sha256: String) -> Self {
        Self { schema: SCHEMA, set: set.to_owned(), sources, content_sha256 }
    }

    /// The record of `folder`, if it has one.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, DataError> {
        let path = folder.join(RECORD);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DataError::io("read", &path)(error)),
        };
        let malformed = |message: String| DataError::Malformed {
            path: path.clone(),
            message: format!("{message}; remove the file"),
        };
        let record: Self = serde_json::from_slice(unmarked(&text)).map_err(|error| malformed(error.to_string()))?;
        if record.schema != SCHEMA {
            return Err(malformed(format!("schema {} is not known, this program reads {SCHEMA}", record.schema)));
        }
        Ok(Some(record))
    }

    /// Writes the record into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), DataError> {
        let path = folder.join(RECORD);
        let failed = |error| DataError::io("write", &path)(error);
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        let mut part = temporary_in(folder, ".json").map_err(failed)?;
        std::io::Write::write_all(&mut part, &text).map_err(failed)?;
        part.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// What the sources say about the content of `set`.
    pub(crate) fn provenance(&self, set: &DataSet) -> Provenance {
        let official = |source: &RecordedSource| {
            source.checked.is_some() && set.archives.iter().any(|archive| archive.checksum == source.checked)
        };
        if !self.sources.is_empty() && self.sources.iter().all(official) {
            return Provenance::Official { by: "unpacked from archives with the official checksum".to_owned() };
        }
        let mut names: Vec<String> = vec![];
        for source in &self.sources {
            let checked = if official(source) { " (official checksum right)" } else { "" };
            names.push(format!("{}{checked}", source.from));
        }
        Provenance::Recorded { source: names.join(", ") }
    }
}

impl RecordedSource {
    /// Files that lay in `folder` before, and of which nobody knows where they came from.
    fn before(folder: &Path) -> Self {
        Self {
            from: format!("files that were in {} before", folder.display()),
            bytes: None,
            sha256: None,
            checked: None,
        }
    }
}

/// What lies in the folder of a set before more is put there.
pub(crate) struct Standing {
    names: Vec<String>,
    sources: Vec<RecordedSource>,
}

impl Standing {
    /// Where everything comes from once `new` have brought the files `brought`. What stood there keeps its origins unless all
    /// of it was replaced.
    pub(crate) fn joined(self, new: Vec<RecordedSource>, brought: &HashSet<String>) -> Vec<RecordedSource> {
        let mut sources = if self.keeps(brought) { self.sources } else { vec![] };
        for source in new {
            let same = |other: &RecordedSource| match (&other.sha256, &source.sha256) {
                (Some(one), Some(other)) => one == other,
                (None, None) => other.from == source.from,
                _ => false,
            };
            sources.retain(|other| !same(other));
            sources.push(source);
        }
        sources
    }

    /// Whether a file stays that is not among `brought`.
    pub(crate) fn keeps(&self, brought: &HashSet<String>) -> bool {
        self.names.iter().any(|name| !brought.contains(name))
    }
}

impl Library {
    /// What lies in the folder of `set`, with its origins: those of its record, if it still has the recorded content.
    pub(crate) fn standing(&self, set: &DataSet, progress: &dyn Progress) -> Result<Standing, DataError> {
        let folder = self.folder(&set.name);
        let names = members_in(&folder, set)?;
        if names.is_empty() {
            return Ok(Standing { names, sources: vec![] });
        }
        let sources = match Record::read(&folder)? {
            Some(record) if self.content(&set.name, progress)? == record.content_sha256 => record.sources,
            _ => vec![RecordedSource::before(&folder)],
        };
        Ok(Standing { names, sources })
    }

    /// Writes down where the content of `set` comes from.
    pub(crate) fn record(
        &self,
        set: &DataSet,
        progress: &dyn Progress,
        sources: impl FnOnce(&str) -> Vec<RecordedSource>,
    ) -> Result<(), DataError> {
        let folder = self.folder(&set.name);
        // An older record is about other content.
        match fs::remove_file(folder.join(RECORD)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(DataError::io("remove", folder.join(RECORD))(error));
            }
            _ => {}
        }
        let content = self.content(&set.name, progress)?;
        let sources = sources(&content);
        Record::new(&set.name, sources, content).write(&folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(from: &str, sha256: Option<&str>) -> RecordedSource {
        RecordedSource { from: from.to_owned(), bytes: None, sha256: sha256.map(str::to_owned), checked: None }
    }

    #[test]
    fn origins_are_kept_as_long_as_a_file_of_theirs_may_be() {
        let standing = || Standing {
            names: vec!["a".to_owned(), "b".to_owned()],
            sources: vec![source("one", Some("1")), source("folder", None)],
        };
        let joined = |new: RecordedSource, brought: &[&str]| -> Vec<String> {
            let brought = brought.iter().map(|&name| name.to_owned()).collect();
            standing().joined(vec![new], &brought).into_iter().map(|source| source.from).collect()
        };
        assert_eq!(joined(source("two", Some("2")), &["c"]), ["one", "folder", "two"]);
        assert_eq!(joined(source("two", Some("2")), &["a"]), ["one", "folder", "two"]);
        assert_eq!(joined(source("two", Some("2")), &["a", "b", "c"]), ["two"]);
        assert_eq!(joined(source("again", Some("1")), &["a"]), ["folder", "again"]);
        assert_eq!(joined(source("folder", None), &["a"]), ["one", "folder"]);
    }
}
