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

pub(crate) use self::{
    augment::Augmentation,
    dataset::{PictureSettings, Pictures},
    encoding::{Normalisation, PixelEncoding, Scale, Statistics},
    official::OfficialSet,
    task::{PictureTask, augmented},
};
