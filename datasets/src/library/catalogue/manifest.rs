//! The file that replaces the official checksums of one folder.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::{Deserialize, Serialize};

use crate::formats::text::unmarked;
use crate::library::error::DataError;

/// Name of the file that may replace the catalogue's checksums for one folder; see [`Manifest`].
pub const MANIFEST: &str = "bench-data.json";

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

impl Manifest {
    /// That at `path`, if there is one; `remedy` says what to do about one that cannot be read.
    pub(crate) fn read(path: &Path, remedy: &str) -> Result<Option<Self>, DataError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DataError::io("read", path)(error)),
        };
        let malformed = |message: String| DataError::Malformed {
            path: path.to_path_buf(),
            message: format!("{message}; {remedy}"),
        };
        let manifest: Self = serde_json::from_slice(unmarked(&text)).map_err(|error| malformed(error.to_string()))?;
        if manifest.schema != 1 {
            return Err(malformed(format!("schema {} is not known, this program reads 1", manifest.schema)));
        }
        Ok(Some(manifest))
    }
}
