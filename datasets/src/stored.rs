//! A data set whose samples lie in a [`SampleStore`] and are turned into arrays as they are read.

use sha2::{Digest, Sha256};

use crate::{
    library::{DataError, SampleStore},
    task::{Batch, Dataset, Split},
};

/// Stored samples and the function that makes a batch of them.
pub struct Stored<F> {
    store: SampleStore,
    content_hash: String,
    batch: F,
}

impl<F> Stored<F>
where
    F: Fn(&SampleStore, Split, &[usize]) -> Result<Batch, DataError> + Send + Sync,
{
    /// `processing` describes everything that happens between the stored bytes and the batch; it enters the content
    /// hash, so that two readings of one store have two hashes.
    pub fn new(store: SampleStore, processing: &str, batch: F) -> Self {
        let content_hash =
            format!("{:x}", Sha256::digest(format!("{}\n{processing}\n", store.content_hash()).as_bytes()));
        Self { store, content_hash, batch }
    }
}

impl<F> Dataset for Stored<F>
where
    F: Fn(&SampleStore, Split, &[usize]) -> Result<Batch, DataError> + Send + Sync,
{
    fn len(&self, split: Split) -> usize {
        self.store.len(split)
    }

    fn content_hash(&self) -> &str {
        &self.content_hash
    }

    fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError> {
        (self.batch)(&self.store, split, positions)
    }
}
