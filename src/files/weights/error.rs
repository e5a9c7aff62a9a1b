//! Why the weights of a file cannot be used.

use std::path::PathBuf;

use super::unusable::Unusable;
use crate::files::{BadValue, PytorchError, StateDictMismatch};

/// Why the weights of a file cannot be used.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "weights-")]
pub(crate) enum WeightsError {
    /// The file system refuses.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No checkpoint, or a damaged one.
    #[error("{path} cannot be read: {source}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it is, and what to do.
        source: Unusable,
    },
    /// A PyTorch file that cannot be read.
    #[error("{path} cannot be read: {source}")]
    Pytorch {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PytorchError,
    },
    /// A tensor of the network in a type that weights are not read from.
    #[error(
        "{path}: `{tensor}` is of the type {kind}, which weights are not read from; save it as float32 in the program that \
         wrote it"
    )]
    Type {
        /// The file.
        path: PathBuf,
        /// Its name in the file.
        tensor: String,
        /// Its type.
        kind: String,
    },
    /// A value that no weight can have.
    #[error("{path}: {source}")]
    Value {
        /// The file.
        path: PathBuf,
        /// Which.
        source: BadValue,
    },
    /// Several state dicts that fit, with different weights.
    #[error(
        "{path} holds the weights of {baseline} more than once, and they differ: {places}; save the one that is meant in a \
         file of its own"
    )]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// The baseline.
        baseline: String,
        /// Where they are.
        places: String,
    },
    /// Kernels that were transformed for another length.
    #[error(
        "{path}: {witness} says that the kernels are stored for {length} positions, and the network's are for {wanted}; it \
         fits with --set baseline.l_max={length}"
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// What says so, in words.
        witness: String,
        /// What it says.
        length: u64,
        /// What the network was built for.
        wanted: u64,
    },
    /// Weights of another network.
    #[error("{path} does not fit {baseline}: {mismatch}{beside}{hint}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The baseline.
        baseline: String,
        /// Which tensors.
        mismatch: Box<StateDictMismatch>,
        /// What else is in the file and explains it, in words; may be empty.
        beside: String,
        /// Settings with which it might fit, in words; may be empty.
        hint: String,
    },
}
