//! Real-valued sequences: recordings, normalisation, dropped steps, and the data set made of them.

pub(crate) mod dataset;
pub(crate) mod encoding;
pub(crate) mod irregular;
pub(crate) mod normalise;
pub(crate) mod recordings;
