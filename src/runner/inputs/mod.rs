//! The files beside the data sets that runs begin with.

pub(in crate::runner) mod files;
pub(crate) mod initial_weights;
