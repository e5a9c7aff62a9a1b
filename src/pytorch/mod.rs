//! State dicts written by `torch.save`, without Python.
//!
//! Both containers are read: the zip archive of PyTorch 1.6 and later (`<name>/data.pkl` and one stored file per storage)
//! and the stream of pickles before it. What is not a state dict is refused; sizes are bounded by what the file holds.

mod container;
pub(crate) mod dtype;
mod pickle;

use std::path::{Path, PathBuf};

use self::container::Container;
use self::pickle::{Pickled, TensorView, Value};
use crate::train::checkpoint::Weights;

/// Largest file that is read, 4 GiB.
const MOST_BYTES: u64 = 4 << 30;
/// Most numbers that all tensors of a file may have together: 1 GiB in single precision.
const MOST_ELEMENTS: usize = 1 << 28;
/// Keys under which training programs store a state dict beside other things.
const WRAPPERS: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];
/// What `DataParallel` puts before every name.
const PARALLEL: &str = "module.";

/// Why a file cannot be read as a state dict.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PytorchError {
    /// The file system refuses.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its pickle names a function that builds no state dict.
    #[error(
        "it wants to call `{global}`, which is no part of a state dict, so it is refused; in the program that wrote it, save \
         `model.state_dict()` alone"
    )]
    Refused {
        /// Module and name.
        global: String,
    },
    /// Truncated or corrupted.
    #[error("it is damaged or no PyTorch file: {0}")]
    Damaged(String),
    /// Whole, but without a state dict.
    #[error("it holds no state dict: {0}; save `model.state_dict()`")]
    NoStateDict(String),
    /// Beyond the bounds.
    #[error("it is too large: {0}")]
    TooLarge(String),
}

/// Read the state dict at `path`.
///
/// # Errors
/// A file that is no state dict, damaged, too large, or that wants to call other functions.
pub(crate) fn load(path: &Path) -> Result<Weights, PytorchError> {
    let io = |source| PytorchError::Io { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > MOST_BYTES {
        return Err(PytorchError::TooLarge(format!("{size} bytes, at most {MOST_BYTES} are read")));
    }
    parse(&std::fs::read(path).map_err(io)?)
}

/// Read the state dict in `bytes`.
///
/// # Errors
/// As [`load`].
pub(crate) fn parse(bytes: &[u8]) -> Result<Weights, PytorchError> {
    let mut container = Container::open(bytes)?;
    let tensors = state_dict(container.object())?;
    let mut elements = 0usize;
    for (_, view) in &tensors {
        let count = view.shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
        elements = count.and_then(|count| elements.checked_add(count)).unwrap_or(usize::MAX);
    }
    if elements > MOST_ELEMENTS {
        return Err(PytorchError::TooLarge(format!("its tensors have more than {MOST_ELEMENTS} numbers")));
    }
    let parallel = tensors.iter().all(|(name, _)| name.starts_with(PARALLEL));
    let mut weights = Weights::new();
    for (name, view) in tensors {
        let values = container.values(&view)?;
        let name = if parallel { name[PARALLEL.len()..].to_owned() } else { name };
        weights.insert(name, (view.shape, values));
    }
    Ok(weights)
}

/// Names and views of the tensors of the state dict that `made` is, or holds under a well-known key.
fn state_dict(made: &Pickled) -> Result<Vec<(String, TensorView)>, PytorchError> {
    let Value::Dict(dict) = made.root() else {
        return Err(PytorchError::NoStateDict("it is no dict".into()));
    };
    let inner = WRAPPERS.iter().find_map(|key| match made.entry(dict, key) {
        Some(Value::Dict(inner)) => Some(inner),
        _ => None,
    });
    let mut tensors = Vec::new();
    for &(key, value) in inner.unwrap_or(dict) {
        match (made.at(key), made.at(value)) {
            (Value::Text(name), Value::Tensor(view)) => tensors.push((name.clone(), view.clone())),
            // Programs store numbers and settings beside the tensors.
            (Value::Text(_), _) => {}
            _ => return Err(PytorchError::NoStateDict("a name in it is no text".into())),
        }
    }
    if tensors.is_empty() {
        return Err(PytorchError::NoStateDict("no tensor is in it".into()));
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests;
