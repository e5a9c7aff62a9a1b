//! Real-valued sequences: recordings and their features, normalisation, dropped steps, and the data set made of them.

pub(crate) mod dataset;
pub(crate) mod encoding;
pub(crate) mod irregular;
pub(crate) mod mfcc;
pub(crate) mod normalise;
pub(crate) mod recordings;

pub(crate) use self::{
    dataset::sequences,
    encoding::{LABEL_BYTES, SequenceEncoding, ValueEncoding, read_label, write_floats, write_integers, write_label},
    mfcc::{COEFFICIENTS, HOP, Mfcc},
    normalise::{Moments, Normalisation, Normaliser},
};
