//! The data sets that have official files: what they consist of and where they come from.

pub(crate) mod data_set;
mod lookup;
pub(crate) mod manifest;
pub(crate) mod official;
