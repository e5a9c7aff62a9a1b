//! Checkpoints: one safetensors file with the model, the optimiser and the position, written atomically.
//!
//! Tensors are named `model.<parameter>`, `best.<parameter>` (weights of the best epoch), `optimiser.first.<parameter>` and
//! `optimiser.second.<parameter>`; the metadata holds `format`, `version`, `cell` (the hash of the configuration), `updates`, `progress` (JSON), and
//! for networks whose kernels are stored for a length `l_max`, that length. Random streams need no state: they are keyed by
//! seed, epoch and step.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use baselines::read::read;
use baselines::{Model, ReadError};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::optimiser::Optimiser;
use super::progress::Progress;

const FORMAT: &str = "bench-checkpoint";
const VERSION: &str = "1";
/// The metadata that says what [`Model::kernel_length`] was. Files from before it was written lack it.
const KERNEL_LENGTH: &str = "l_max";

/// Why a checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    /// The file system refuses.
    #[error("cannot write or read checkpoint {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What it is to hold is not there.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A value is infinite or not a number, so that the file was not written.
    #[error("`{tensor}` holds {value}, which no checkpoint keeps")]
    NotFinite {
        /// Name in the file.
        tensor: String,
        /// The value.
        value: f64,
    },
    /// Not one of ours, or damaged.
    #[error(
        "checkpoint {path} cannot be used: {reason}; start the cell again with {}",
        fresh_start(path.parent().unwrap_or(path))
    )]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The options of `bench run` that start the cell anew which `file` in its folder belongs to, and leave the others alone.
pub(crate) fn fresh_start(file: &Path) -> String {
    let cell = file.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    cell.map_or_else(|| "--fresh".to_owned(), |cell| format!("--fresh --cell {cell}"))
}

/// Tensors of a network by parameter name: shape and values.
pub(crate) type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Copy the tensors of `model` to the host.
///
/// # Errors
/// One of them cannot be read from the device.
pub(crate) fn weights(model: &dyn Model) -> Result<Weights, ReadError> {
    let mut weights = Ok(Weights::new());
    model.visit(&mut |parameter, value| {
        let Ok(read_so_far) = &mut weights else { return };
        match read(value, &parameter.name) {
            Ok(values) => {
                read_so_far.insert(parameter.name.clone(), (parameter.shape.clone(), values));
            }
            Err(error) => weights = Err(error),
        }
    });
    weights
}

/// What is written beside the weights of the model.
pub(crate) struct Extra<'a> {
    /// The optimiser.
    pub(crate) optimiser: &'a Optimiser,
    /// Weights of the best epoch.
    pub(crate) best: Option<&'a Weights>,
}

/// What a checkpoint says of the network that its weights are of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label<'a> {
    /// Hash of the cell's configuration.
    pub(crate) cell_hash: &'a str,
    /// See [`Model::kernel_length`].
    pub(crate) kernel_length: Option<usize>,
}

/// Write `model`, and `extra` where given, with `progress` to `path`; readers see the old file or the new one. A value that is
/// not finite is refused, and the old file stays.
pub(crate) fn save(
    path: &Path,
    label: Label<'_>,
    model: &Weights,
    extra: Option<Extra<'_>>,
    progress: &Progress,
) -> Result<(), CheckpointError> {
    let invalid = |reason: String| CheckpointError::Invalid { path: path.to_owned(), reason };
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut broken = None;
    let mut put = |prefix: &str, name: &str, shape: &[usize], values: &[f32]| {
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            broken.get_or_insert_with(|| (format!("{prefix}.{name}"), f64::from(*value)));
        }
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.push((format!("{prefix}.{name}"), shape.to_vec(), bytes));
    };
    for (name, (shape, values)) in model {
        put("model", name, shape, values);
    }
    let mut updates = 0;
    if let Some(extra) = extra {
        for (name, (shape, values)) in extra.best.into_iter().flatten() {
            put("best", name, shape, values);
        }
        let (made, moments) = extra.optimiser.state();
        updates = made;
        for (name, [first, second]) in moments {
            put("optimiser.first", name, &first.dims(), &read(first.clone(), name)?);
            put("optimiser.second", name, &second.dims(), &read(second.clone(), name)?);
        }
    }
    if let Some((tensor, value)) = broken {
        return Err(CheckpointError::NotFinite { tensor, value });
    }
    let mut metadata = HashMap::from([
        ("format".to_owned(), FORMAT.to_owned()),
        ("version".to_owned(), VERSION.to_owned()),
        ("cell".to_owned(), label.cell_hash.to_owned()),
        ("updates".to_owned(), updates.to_string()),
        ("progress".to_owned(), serde_json::to_string(progress).map_err(|e| invalid(e.to_string()))?),
    ]);
    metadata.extend(label.kernel_length.map(|length| (KERNEL_LENGTH.to_owned(), length.to_string())));
    let views = tensors
        .iter()
        .map(|(name, shape, data)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|e| invalid(e.to_string()))?;
    let encoded = safetensors::serialize(views, Some(metadata)).map_err(|e| invalid(e.to_string()))?;
    replace_file(path, &encoded).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })
}

/// Whether a safetensors file with this metadata was written by [`save`].
pub(crate) fn is_ours(metadata: &HashMap<String, String>) -> bool {
    metadata.get("format").is_some_and(|format| format == FORMAT)
}

/// What a checkpoint holds.
pub(crate) struct Loaded {
    /// Hash of the configuration it was written under.
    pub(crate) cell_hash: String,
    /// Position.
    pub(crate) progress: Progress,
    /// See [`Model::kernel_length`]; absent in files from before it was written, too.
    pub(crate) kernel_length: Option<usize>,
    updates: u64,
    tensors: Weights,
    path: PathBuf,
}

/// Read a checkpoint; `None` where there is no file.
pub(crate) fn load(path: &Path) -> Result<Option<Loaded>, CheckpointError> {
    match std::fs::read(path) {
        Ok(encoded) => {
            let loaded = parse(path, &encoded)?;
            loaded.check_values()?;
            Ok(Some(loaded))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CheckpointError::Io { path: path.to_owned(), source }),
    }
}

/// The position in a checkpoint, without its tensors; `None` where there is none to be read.
pub(crate) fn position(path: &Path) -> Option<Progress> {
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
pub(crate) fn parse(path: &Path, encoded: &[u8]) -> Result<Loaded, CheckpointError> {
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
    let mut tensors = Weights::new();
    for (name, view) in all.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(invalid(format!("`{name}` has the type {:?}, not F32", view.dtype())));
        }
        let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        tensors.insert(name, (view.shape().to_vec(), values));
    }
    Ok(Loaded {
        cell_hash: field("cell")?,
        progress: serde_json::from_str(&field("progress")?).map_err(|e| invalid(e.to_string()))?,
        kernel_length,
        updates: field("updates")?.parse().map_err(|_| invalid("`updates` is not a number".into()))?,
        tensors,
        path: path.to_owned(),
    })
}

impl Loaded {
    /// Weights are finite and variances not negative. Moments of an optimiser may overflow where a gradient was very large,
    /// and training goes on; they are numbers all the same.
    fn check_values(&self) -> Result<(), CheckpointError> {
        for (name, (_, values)) in &self.tensors {
            let moment = name.starts_with("optimiser.");
            let variance = !moment && name.ends_with("running_var");
            let wrong = |value: &f32| value.is_nan() || (!moment && value.is_infinite()) || (variance && *value < 0.0);
            if let Some(at) = values.iter().position(wrong) {
                let reason = format!("element {at} of `{name}` is {}, which it cannot be", values[at]);
                return Err(CheckpointError::Invalid { path: self.path.clone(), reason });
            }
        }
        Ok(())
    }

    /// Put the weights into `model`.
    pub(crate) fn restore_model(&self, model: &mut dyn Model) -> Result<(), CheckpointError> {
        restore(model, &self.named("model."))
            .map_err(|reason| CheckpointError::Invalid { path: self.path.clone(), reason })
    }

    /// Weights of the best epoch, if one is over.
    pub(crate) fn best(&self) -> Option<Weights> {
        let best = self.named("best.");
        (!best.is_empty()).then_some(best)
    }

    /// Tensors whose names begin with `prefix`, without it.
    pub(crate) fn named(&self, prefix: &str) -> Weights {
        let strip = |(name, tensor): (&String, &_)| Some((name.strip_prefix(prefix)?.to_owned(), Clone::clone(tensor)));
        self.tensors.iter().filter_map(strip).collect()
    }

    /// Put the moments into `optimiser`, on `device`.
    pub(crate) fn restore_optimiser(&self, optimiser: &mut Optimiser, device: &Device) {
        let moments = self
            .tensors
            .iter()
            .filter_map(|(key, (_, first))| {
                let name = key.strip_prefix("optimiser.first.")?;
                let (_, second) = self.tensors.get(&format!("optimiser.second.{name}"))?;
                Some((name.to_owned(), [tensor(first, device), tensor(second, device)]))
            })
            .collect();
        optimiser.restore(self.updates, moments);
    }
}

/// Put `weights` into `model`; the error says which tensor does not fit.
pub(crate) fn restore(model: &mut dyn Model, weights: &Weights) -> Result<(), String> {
    for parameter in model.parameters() {
        match weights.get(&parameter.name) {
            None => return Err(format!("`{}` is missing", parameter.name)),
            Some((shape, _)) if *shape != parameter.shape => {
                return Err(format!("`{}` has shape {shape:?}, not {:?}", parameter.name, parameter.shape));
            }
            Some(_) => {}
        }
    }
    model.replace(&mut |name, old| weights.get(name).map(|(_, values)| tensor(values, &old.device())));
    Ok(())
}

fn tensor(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &device.clone().without_autodiff())
}

/// Write `content` beside `path`, sync it, and rename it into place.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> std::io::Result<()> {
    written_beside(path, content)?.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The same, but a file that exists stays as it is.
pub(crate) fn create_file(path: &Path, content: &[u8]) -> std::io::Result<()> {
    match written_beside(path, content)?.persist_noclobber(path) {
        Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

fn written_beside(path: &Path, content: &[u8]) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tmp-");
    // Readable as any other file of the user, not for its owner alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_data()?;
    Ok(file)
}
