//! Which samples are in which split, and in which order.
//!
//! The first samples of a split are a fair sample of it: wherever samples have classes and come from files, they are put in
//! an order in which every prefix holds each class in its share, to within one sample ([`balanced`]); samples without one
//! class each are shuffled; generated samples are independent of each other. A task with fewer samples, by its settings or
//! by [`limit`](crate::samples::limit), takes the first ones, so a smaller set is part of a larger one.

mod balanced;
mod files;
mod indices;
mod notes;
mod numbers;
#[cfg(test)]
mod registry_tests;
mod shuffle;
mod stratified;
mod subset;

pub(crate) use self::{
    balanced::official,
    files::SplitFiles,
    indices::SplitIndices,
    notes::{absent_classes, cut_note, official_sizes},
    numbers::usual_number,
    stratified::split_by_rule,
};
pub use self::{
    balanced::{OFFICIAL_VERSION, balanced, held_out},
    numbers::{NUMBERS_PER_SPLIT, sample_number},
    shuffle::shuffle,
    stratified::{STRATIFIED_VERSION, stratified_sizes, stratified_split},
};
