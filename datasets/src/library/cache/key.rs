//! What determines a cached set.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::library::cache::sources::Sources;
use vocabulary::{Split, SplitSizes};

/// Bytes of the sum behind a record.
pub(crate) const CRC_BYTES: usize = 4;

/// Everything that determines a derived set. Equal keys mean equal samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheKey {
    /// Short name without spaces, e.g. `pathfinder32-hard`; part of the folder's name.
    pub name: String,
    /// Version of the generator: raised whenever its samples change.
    pub version: u32,
    /// Every setting that the samples depend on, the seed included.
    pub spec: Value,
    /// Bytes of one input.
    pub input_bytes: usize,
    /// Bytes of one label.
    pub label_bytes: usize,
    /// Samples per split.
    pub sizes: SplitSizes,
}

impl CacheKey {
    /// Samples in all splits.
    pub fn total(&self) -> usize {
        Split::ALL.iter().map(|&split| self.sizes.get(split)).sum()
    }

    pub(crate) fn record_bytes(&self) -> usize {
        self.input_bytes + self.label_bytes + CRC_BYTES
    }

    pub(crate) fn payload_bytes(&self) -> u64 {
        self.total() as u64 * self.record_bytes() as u64
    }

    pub(crate) fn folder_name(&self) -> String {
        let safe: String = self
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' })
            .collect();
        let hash = format!("{:x}", Sha256::digest(serde_json::to_vec(self).unwrap_or_default()));
        format!("{safe}-{}", &hash[..16])
    }

    /// The key with what recognises the files that the set is made of.
    pub(crate) fn made_of(&self, sources: &Sources) -> Self {
        let mut key = self.clone();
        match &mut key.spec {
            Value::Object(spec) => drop(spec.insert("files".to_owned(), sources.fingerprint().into())),
            other => *other = serde_json::json!({ "settings": other, "files": sources.fingerprint() }),
        }
        key
    }

    pub(crate) fn hasher(&self) -> Sha256 {
        let sizes = &self.sizes;
        let head =
            format!("{} {} {} {} {}\n", self.input_bytes, self.label_bytes, sizes.train, sizes.validation, sizes.test);
        Sha256::new().chain_update(head)
    }
}
