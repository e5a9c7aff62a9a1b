//! Checkpoints: one safetensors file with the model, the optimiser and the position, written atomically.
//!
//! Tensors are named `model.<parameter>`, `best.<parameter>` (weights of the best epoch), `optimiser.first.<parameter>` and
//! `optimiser.second.<parameter>`. The metadata holds `format`, `version`, `cell` (the hash of the configuration), `updates`,
//! `progress` (JSON), for networks whose kernels are stored for a length `l_max`, that length, and a `checksum` of all this.
//! Random streams need no state: they are keyed by seed, epoch and step.

mod checksum;

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::checksum::{CHECKSUM, checksum, contradiction};
use super::{Hold, Weights, atomic, run_folder::fresh_start};

const FORMAT: &str = "bench-checkpoint";
const VERSION: &str = "1";
/// The metadata that says what [`baselines::Model::kernel_length`] was. Files from before it was written lack it.
const KERNEL_LENGTH: &str = "l_max";

/// Why a checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "checkpoint-")]
pub(crate) enum CheckpointError {
    #[error("cannot write or read checkpoint {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    /// A value is infinite or not a number, so that the file was not written.
    #[error("`{tensor}` holds {value}, which no checkpoint keeps")]
    NotFinite {
        /// Name in the file.
        tensor: String,
        value: f64,
    },
    /// Not one of ours, or damaged.
    #[error(
        "checkpoint {path} cannot be used: {reason}; start the run again with {}",
        fresh_start(path.parent().unwrap_or(path))
    )]
    Invalid { path: PathBuf, reason: String },
}

/// What a checkpoint says of the training beside its tensors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header<'a> {
    /// Hash of the run's configuration.
    pub(crate) run_hash: &'a str,
    /// See [`baselines::Model::kernel_length`].
    pub(crate) kernel_length: Option<usize>,
    /// Updates that the optimiser has made.
    pub(crate) updates: u64,
}

/// The tensors of a checkpoint that is to be written.
#[derive(Debug, Default)]
pub(crate) struct CheckpointDraft {
    tensors: Vec<(String, Vec<usize>, Vec<u8>)>,
    /// The first value that is not finite, with the name of its tensor.
    broken: Option<(String, f64)>,
}

impl CheckpointDraft {
    /// Add the tensor `<part>.<name>`.
    pub(crate) fn add(&mut self, part: &str, name: &str, shape: &[usize], values: &[f32]) {
        let name = format!("{part}.{name}");
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            self.broken.get_or_insert_with(|| (name.clone(), f64::from(*value)));
        }
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.push((name, shape.to_vec(), bytes));
    }

    /// Add all of `weights` as `<part>.<parameter>`.
    pub(crate) fn add_weights(&mut self, part: &str, weights: &Weights) {
        for (name, (shape, values)) in weights {
            self.add(part, name, shape, values);
        }
    }

    /// Write the checkpoint to `path`, if `hold` does not say that the run is somebody else's; readers see the old file or the
    /// new one.
    ///
    /// # Errors
    /// The file cannot or may not be written, or a value is not finite: then the old file stays.
    pub(crate) fn write(
        self,
        path: &Path,
        header: Header<'_>,
        progress: &impl Serialize,
        hold: Option<&Hold>,
    ) -> Result<(), CheckpointError> {
        if let Some((tensor, value)) = self.broken {
            return Err(CheckpointError::NotFinite { tensor, value });
        }
        let invalid = |reason: String| CheckpointError::Invalid { path: path.to_owned(), reason };
        let mut metadata = HashMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("version".to_owned(), VERSION.to_owned()),
            ("cell".to_owned(), header.run_hash.to_owned()),
            ("updates".to_owned(), header.updates.to_string()),
            ("progress".to_owned(), serde_json::to_string(progress).map_err(|e| invalid(e.to_string()))?),
        ]);
        metadata.extend(header.kernel_length.map(|length| (KERNEL_LENGTH.to_owned(), length.to_string())));
        let tensors = self.tensors.iter().map(|(name, shape, data)| (name.as_str(), shape.as_slice(), data.as_slice()));
        metadata.insert(CHECKSUM.to_owned(), checksum(&metadata, tensors));
        let views = self
            .tensors
            .iter()
            .map(|(name, shape, data)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| invalid(e.to_string()))?;
        let encoded = safetensors::serialize(views, Some(metadata)).map_err(|e| invalid(e.to_string()))?;
        atomic::replace_held(path, &encoded, hold)
            .map_err(|source| CheckpointError::Io { path: path.to_owned(), source })
    }
}

/// Whether a safetensors file with this metadata is a checkpoint of this program.
pub(crate) fn is_ours(metadata: &HashMap<String, String>) -> bool {
    metadata.get("format").is_some_and(|format| format == FORMAT)
}

/// What a checkpoint holds.
pub(crate) struct Checkpoint {
    /// Hash of the configuration it was written under.
    pub(crate) run_hash: String,
    /// Where the training stood.
    pub(crate) position: Position,
    /// See [`baselines::Model::kernel_length`]; absent in files from before it was written, too.
    pub(crate) kernel_length: Option<usize>,
    /// Updates that the optimiser has made.
    pub(crate) updates: u64,
    /// All tensors, under their names in the file.
    pub(crate) tensors: Weights,
    pub(crate) path: PathBuf,
    /// The progress of the training, as JSON.
    progress: String,
}

/// Where a training stood, as far as a reader of files asks.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Position {
    /// Finished epochs.
    pub(crate) epoch: u64,
    pub(crate) step: u64,
    /// Length of `metrics.jsonl` that belongs to this position.
    pub(crate) metrics_bytes: u64,
}

/// Read a checkpoint; `None` where there is no file.
///
/// # Errors
/// The file cannot be read, is no checkpoint, or holds values that no training leaves.
pub(crate) fn load(path: &Path) -> Result<Option<Checkpoint>, CheckpointError> {
    match std::fs::read(path) {
        Ok(encoded) => {
            let checkpoint = parse(path, &encoded)?;
            checkpoint.check_values()?;
            Ok(Some(checkpoint))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CheckpointError::Io { path: path.to_owned(), source }),
    }
}

/// The position in a checkpoint, without its tensors; `None` where there is none to be read.
pub(crate) fn position(path: &Path) -> Option<Position> {
    /// Headers hold a line for every tensor.
    const LONGEST_HEADER: u64 = 64 << 20;
    let mut file = std::fs::File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = Some(u64::from_le_bytes(length)).filter(|length| *length <= LONGEST_HEADER)?;
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).ok()?;
    let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
    serde_json::from_str(header.pointer("/__metadata__/progress")?.as_str()?).ok()
}

/// Read the checkpoint `encoded`, which stands at `path`.
pub(crate) fn parse(path: &Path, encoded: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let invalid = |reason: String| CheckpointError::Invalid { path: path.to_owned(), reason };
    let (_, header) = SafeTensors::read_metadata(encoded).map_err(|e| invalid(e.to_string()))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let field = |name: &str| metadata.get(name).cloned().ok_or_else(|| invalid(format!("it has no `{name}`")));
    if field("format")? != FORMAT {
        return Err(invalid("it was not written by this program".into()));
    }
    let version = field("version")?;
    if version != VERSION {
        return Err(invalid(format!("its version is {version}, this program reads {VERSION}")));
    }
    let length = |text: &String| text.parse().map_err(|_| invalid(format!("`{KERNEL_LENGTH}` is not a number")));
    let kernel_length = metadata.get(KERNEL_LENGTH).map(length).transpose()?;
    let all = SafeTensors::deserialize(encoded).map_err(|e| invalid(e.to_string()))?;
    if let Some(contradiction) = contradiction(&metadata, &all) {
        return Err(invalid(contradiction));
    }
    let mut tensors = Weights::new();
    for (name, view) in all.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(invalid(format!("`{name}` has the type {:?}, not F32", view.dtype())));
        }
        let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        tensors.insert(name, (view.shape().to_vec(), values));
    }
    let progress = field("progress")?;
    Ok(Checkpoint {
        run_hash: field("cell")?,
        position: serde_json::from_str(&progress).map_err(|e| invalid(e.to_string()))?,
        progress,
        kernel_length,
        updates: field("updates")?.parse().map_err(|_| invalid("`updates` is not a number".into()))?,
        tensors,
        path: path.to_owned(),
    })
}

impl Checkpoint {
    /// Weights are finite and variances not negative. Moments of an optimiser may overflow where a gradient was very large,
    /// and training goes on; they are numbers all the same.
    fn check_values(&self) -> Result<(), CheckpointError> {
        for (name, (_, values)) in &self.tensors {
            let moment = name.starts_with("optimiser.");
            let variance = !moment && name.ends_with("running_var");
            let wrong = |value: &f32| value.is_nan() || (!moment && value.is_infinite()) || (variance && *value < 0.0);
            if let Some(at) = values.iter().position(wrong) {
                let reason = format!("element {at} of `{name}` is {}, which it cannot be", values[at]);
                return Err(self.invalid(reason));
            }
        }
        Ok(())
    }

    /// The progress of the training that wrote the checkpoint.
    ///
    /// # Errors
    /// Something of it is missing or of another type.
    pub(crate) fn progress<P: DeserializeOwned>(&self) -> Result<P, CheckpointError> {
        serde_json::from_str(&self.progress).map_err(|error| self.invalid(error.to_string()))
    }

    /// The error of this checkpoint for `reason`.
    pub(crate) fn invalid(&self, reason: String) -> CheckpointError {
        CheckpointError::Invalid { path: self.path.clone(), reason }
    }

    /// Tensors whose names begin with `prefix`, without it.
    pub(crate) fn named(&self, prefix: &str) -> Weights {
        let strip = |(name, tensor): (&String, &_)| Some((name.strip_prefix(prefix)?.to_owned(), Clone::clone(tensor)));
        self.tensors.iter().filter_map(strip).collect()
    }
}
