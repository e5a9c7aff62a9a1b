//! The files beside the data sets that runs begin with.

mod files;
pub(crate) mod initial_weights;

pub(super) use files::{InputError, Inputs};
pub(super) use initial_weights::InitialError;
