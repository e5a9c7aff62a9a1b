//! Sets of samples that were derived from files or generated, kept on disk.

pub(crate) mod clean;
mod file;
pub(crate) mod key;
pub(crate) mod lock;
pub(crate) mod sets;
pub(crate) mod sources;
pub(crate) mod store;
pub(crate) mod writer;
