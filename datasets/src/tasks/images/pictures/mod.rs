//! What the tasks on images share: official files, splits, augmentation, and the numbers a model is given.

pub(crate) mod augment;
pub(crate) mod dataset;
pub(crate) mod encoding;
pub(crate) mod images;
pub(crate) mod official;
pub(crate) mod permutation;
pub(crate) mod task;
#[cfg(test)]
mod tests;
