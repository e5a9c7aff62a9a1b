//! A data set whose samples lie in a [`SampleStore`] and are turned into arrays as they are read.

use sha2::{Digest, Sha256};
use vocabulary::Split;
use vocabulary::record::SampleAttribute;

use crate::library::{DataError, SampleStore};
use crate::splits::SplitIndices;
use crate::task::{Batch, Dataset};

/// What a task knows of its stored samples beside what it feeds into a network, by place in the store.
pub(crate) trait Annotate: Send + Sync {
    /// See [`Dataset::attributes`].
    fn attributes(
        &self,
        store: &SampleStore,
        split: Split,
        places: &[usize],
    ) -> Result<Vec<SampleAttribute>, DataError>;

    /// See [`Dataset::texts`].
    fn texts(&self, _store: &SampleStore, _split: Split, _place: usize) -> Result<Vec<String>, DataError> {
        Ok(vec![])
    }
}

/// Stored samples and the function that makes a batch of them.
pub struct Stored<F> {
    store: SampleStore,
    /// Name of the data set and where the samples of every split are, where that is not their order in the store.
    indices: Option<(String, SplitIndices)>,
    content_hash: String,
    notes: Vec<String>,
    description: Vec<(String, String)>,
    annotations: Option<Box<dyn Annotate>>,
    batch: F,
}

impl<F> Stored<F>
where
    F: Fn(&SampleStore, Split, &[usize]) -> Result<Batch, DataError> + Send + Sync,
{
    /// `processing` describes everything that happens between the stored bytes and the batch; it enters the content
    /// hash, so that two readings of one store have two hashes.
    pub fn new(store: SampleStore, processing: &str, batch: F) -> Self {
        let content_hash = format!("{:x}", hasher(&store, processing).finalize());
        Self { store, indices: None, content_hash, notes: vec![], description: vec![], annotations: None, batch }
    }

    /// Samples of `what` that all are in the training part of `store`, and belong to the splits as `indices` says. `batch` is
    /// given places in the store.
    pub(crate) fn split_by(store: SampleStore, processing: &str, what: &str, indices: SplitIndices, batch: F) -> Self {
        let mut hasher = hasher(&store, processing);
        indices.hash(&mut hasher);
        let content_hash = format!("{:x}", hasher.finalize());
        Self { content_hash, ..Self::new(store, processing, batch) }.ordered(what, indices)
    }

    /// With the samples of every split in the order of `indices`, which `processing` has to tell; `what` names the data set.
    /// `batch` is given places in the store.
    pub(crate) fn ordered(mut self, what: &str, indices: SplitIndices) -> Self {
        self.indices = Some((what.to_owned(), indices));
        self
    }

    /// With what the task knows of its samples beside.
    pub(crate) fn annotated(mut self, annotations: impl Annotate + 'static) -> Self {
        self.annotations = Some(Box::new(annotations));
        self
    }

    /// Places in the store of `positions` of `split`.
    fn places(&self, split: Split, positions: &[usize]) -> Result<Vec<usize>, DataError> {
        match &self.indices {
            Some((what, indices)) => indices.find(what, split, positions),
            None => Ok(positions.to_vec()),
        }
    }

    /// With notes for readers of results, and a description for people.
    pub fn with_notes(mut self, notes: Vec<String>, description: Vec<(String, String)>) -> Self {
        self.notes = notes;
        self.description = description;
        self
    }
}

fn hasher(store: &SampleStore, processing: &str) -> Sha256 {
    Sha256::new().chain_update(format!("{}\n{processing}\n", store.content_hash()))
}

impl<F> Dataset for Stored<F>
where
    F: Fn(&SampleStore, Split, &[usize]) -> Result<Batch, DataError> + Send + Sync,
{
    fn len(&self, split: Split) -> usize {
        match &self.indices {
            Some((_, indices)) => indices.len(split),
            None => self.store.len(split),
        }
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
        match &self.indices {
            Some(_) => (self.batch)(&self.store, split, &self.places(split, positions)?),
            None => (self.batch)(&self.store, split, positions),
        }
    }

    fn attributes(&self, split: Split, positions: &[usize]) -> Result<Vec<SampleAttribute>, DataError> {
        let Some(annotations) = &self.annotations else { return Ok(vec![]) };
        annotations.attributes(&self.store, split, &self.places(split, positions)?)
    }

    fn texts(&self, split: Split, position: usize) -> Result<Vec<String>, DataError> {
        let Some(annotations) = &self.annotations else { return Ok(vec![]) };
        let places = self.places(split, &[position])?;
        places.first().map_or_else(|| Ok(vec![]), |place| annotations.texts(&self.store, split, *place))
    }
}
