//! Files in the data folder and elsewhere, before anybody knows what is in them.

pub(crate) mod listing;
pub(crate) mod litter;
pub(crate) mod small_file;
