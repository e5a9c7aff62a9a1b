//! Getting data sets: over the network, or from a folder or an archive of this machine.

pub(crate) mod download;
pub(crate) mod http;
mod import;
pub(crate) mod refusal;
pub(crate) mod sets;
pub(crate) mod unpack;
