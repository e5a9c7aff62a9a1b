//! Samples of one store, dealt to the splits.

use sha2::{Digest, Sha256};

use crate::{library::DataError, task::Split};

/// Place in the store of every position, per split. The store holds all samples, whatever the split, so that one serves
/// several ways to deal them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dealt([Vec<u32>; 3]);

impl Dealt {
    /// Training, validation and test.
    pub(crate) fn new(places: [Vec<u32>; 3]) -> Self {
        Self(places)
    }

    pub(crate) fn places(&self, split: Split) -> &[u32] {
        match split {
            Split::Train => &self.0[0],
            Split::Validation => &self.0[1],
            Split::Test => &self.0[2],
        }
    }

    pub(crate) fn len(&self, split: Split) -> usize {
        self.places(split).len()
    }

    /// The first split that has no sample.
    pub(crate) fn empty(&self) -> Option<Split> {
        Split::ALL.into_iter().find(|&split| self.len(split) == 0)
    }

    /// Places of `positions` of `split` of the data set `what`.
    pub(crate) fn find(&self, what: &str, split: Split, positions: &[usize]) -> Result<Vec<usize>, DataError> {
        let places = self.places(split);
        let find = |&position: &usize| {
            places.get(position).map(|&place| place as usize).ok_or_else(|| DataError::Position {
                what: what.to_owned(),
                split: split.name(),
                position,
                len: places.len(),
            })
        };
        positions.iter().map(find).collect()
    }

    /// Adds sizes and places to a hash.
    pub(crate) fn hash(&self, hasher: &mut Sha256) {
        for places in &self.0 {
            hasher.update((places.len() as u64).to_le_bytes());
            places.iter().for_each(|place| hasher.update(place.to_le_bytes()));
        }
    }
}
