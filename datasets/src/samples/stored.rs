//! A data set whose samples lie in a [`SampleStore`] and are turned into arrays as they are read.

use sha2::{Digest, Sha256};

use crate::{
    library::{DataError, SampleStore},
    task::{Batch, Dataset},
};
use vocabulary::Split;

/// Stored samples and the function that makes a batch of them.
pub struct Stored<F> {
    store: SampleStore,
    content_hash: String,
    notes: Vec<String>,
    description: Vec<(String, String)>,
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
        Self { store, content_hash, notes: vec![], description: vec![], batch }
    }

    /// With notes for readers of results, and a description for people.
    pub fn told(mut self, notes: Vec<String>, description: Vec<(String, String)>) -> Self {
        self.notes = notes;
        self.description = description;
        self
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

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn describe(&self) -> Result<Vec<(String, String)>, DataError> {
        Ok(self.description.clone())
    }

    fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError> {
        (self.batch)(&self.store, split, positions)
    }
}
