//! The samples of every split, as places in a store.

use sha2::{Digest, Sha256};

use crate::library::DataError;
use crate::splits::balanced::{held_out, official};
use vocabulary::{Split, SplitSizes};

/// Places of the samples of every split, in the order of the split. A store may hold samples of several splits, or all of
/// them, so that one serves several ways to split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SplitIndices([Vec<u32>; 3]);

impl SplitIndices {
    /// Training, validation and test.
    pub(crate) fn new(indices: [Vec<u32>; 3]) -> Self {
        Self(indices)
    }

    /// Of an official training and an official test part with these classes, by place in each part: see [`held_out`]; the
    /// test takes the first of the balanced order of its part.
    pub(crate) fn official<C: Copy + Into<u32>>(training: &[C], test: &[C], sizes: SplitSizes) -> Self {
        let [train, validation] = held_out(training, sizes.train, sizes.validation);
        let mut tested = official(test);
        tested.truncate(sizes.test);
        Self([train, validation, tested])
    }

    pub(crate) fn get(&self, split: Split) -> &[u32] {
        match split {
            Split::Train => &self.0[0],
            Split::Validation => &self.0[1],
            Split::Test => &self.0[2],
        }
    }

    pub(crate) fn len(&self, split: Split) -> usize {
        self.get(split).len()
    }

    /// The first split that has no sample.
    pub(crate) fn empty(&self) -> Option<Split> {
        Split::ALL.into_iter().find(|&split| self.len(split) == 0)
    }

    /// Places of `positions` of `split` of the data set `what`.
    pub(crate) fn find(&self, what: &str, split: Split, positions: &[usize]) -> Result<Vec<usize>, DataError> {
        let indices = self.get(split);
        let find = |&position: &usize| {
            indices.get(position).map(|&place| place as usize).ok_or_else(|| DataError::Position {
                what: what.to_owned(),
                split: split.name(),
                position,
                len: indices.len(),
            })
        };
        positions.iter().map(find).collect()
    }

    /// SHA-256 (hex) over sizes and places.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        self.hash(&mut hasher);
        format!("{:x}", hasher.finalize())
    }

    /// Adds sizes and places to a hash.
    pub(crate) fn hash(&self, hasher: &mut Sha256) {
        for indices in &self.0 {
            hasher.update((indices.len() as u64).to_le_bytes());
            indices.iter().for_each(|place| hasher.update(place.to_le_bytes()));
        }
    }
}
