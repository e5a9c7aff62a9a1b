//! The files beside the data sets that runs begin with.

pub(crate) mod files;
pub(crate) mod initial_weights;
