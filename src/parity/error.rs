//! Why a golden cannot be read or compared.

use std::path::PathBuf;

use baselines::{BuildError, ForwardError, ReadError};

use crate::files::{BadValue, StateDictMismatch};

/// Why a golden was not compared.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "parity-")]
pub(crate) enum ParityError {
    /// It cannot be read, or lacks something.
    #[strum(transparent)]
    #[error(transparent)]
    Golden(#[from] GoldenError),
    /// Its parameters are not those of our module.
    #[error(transparent)]
    Mismatch(#[from] StateDictMismatch),
    /// One of its parameters has a value that none can have.
    #[error(transparent)]
    Value(#[from] BadValue),
    /// We have nothing that computes it.
    #[error("{0}")]
    Unsupported(String),
    /// A setting that our side refuses.
    #[error("cannot be built: {0}")]
    Build(#[from] BuildError),
    /// The network gave nothing.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// What it gave cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Our side stopped.
    #[error("the computation stopped: {0}")]
    Panicked(String),
}

/// Why a golden cannot be read.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "golden-")]
pub(crate) enum GoldenError {
    /// The file system refuses.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Damaged, or not what its name says.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A setting is absent or of another type.
    #[error("golden {golden}: `build.{field}` is not {wanted}; record the golden again with it")]
    Setting {
        /// Name of the golden.
        golden: String,
        /// Field of `build`.
        field: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// A tensor is absent, or of a shape that makes no sense.
    #[error("golden {golden}: tensor `{tensor}` {fault}")]
    Tensor {
        /// Name of the golden.
        golden: String,
        /// Name of the tensor.
        tensor: String,
        /// What is wrong with it.
        fault: String,
    },
}
