//! What was downloaded or imported into a folder: `<data>/<set>/bench-source.json`.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::{checksum::Checksum, error::DataError, temporary_in, verify::Provenance};

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
    pub sources: Vec<Source>,
    /// SHA-256 (hex) of the content as `verify` computes it.
    pub content_sha256: String,
}

/// One archive or folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
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
    pub(super) fn new(set: &str, sources: Vec<Source>, content_sha256: String) -> Self {
        Self { schema: SCHEMA, set: set.to_owned(), sources, content_sha256 }
    }

    /// The record of `folder`, if it has one.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, DataError> {
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
        let record: Self = serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
        if record.schema != SCHEMA {
            return Err(malformed(format!("schema {} is not known, this program reads {SCHEMA}", record.schema)));
        }
        Ok(Some(record))
    }

    /// Writes the record into `folder`.
    pub(super) fn write(&self, folder: &Path) -> Result<(), DataError> {
        let path = folder.join(RECORD);
        let failed = |error| DataError::io("write", &path)(error);
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        let mut part = temporary_in(folder, ".json").map_err(failed)?;
        std::io::Write::write_all(&mut part, &text).map_err(failed)?;
        part.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    pub(super) fn provenance(&self) -> Provenance {
        if !self.sources.is_empty() && self.sources.iter().all(|source| source.checked.is_some()) {
            return Provenance::Official { by: "unpacked from archives with the official checksum".to_owned() };
        }
        let unchecked: Vec<String> =
            self.sources.iter().filter(|source| source.checked.is_none()).map(|source| source.from.clone()).collect();
        Provenance::Recorded { source: unchecked.join(", ") }
    }
}
