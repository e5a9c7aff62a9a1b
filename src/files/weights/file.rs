//! An open checkpoint file and its state dicts, from any supported program.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use super::error::WeightsError;
use super::kind::{self, Kind};
use super::unusable::Unusable;
use crate::files::checkpoint::{self, CheckpointError, Position};
use crate::files::pytorch::{self, PytorchError, PytorchFile};
use crate::files::{Dtype, Shapes, Weights, run_folder};

/// The setting of baselines that have a [`Model::kernel_length`](baselines::Model::kernel_length): that length, null for the
/// positions of the task.
pub(crate) const KERNEL_LENGTH: &str = "l_max";
/// Tensors of our own checkpoints that are the network's.
const OWN: &str = "model.";

/// An open file.
pub(crate) struct File {
    pub(super) path: PathBuf,
    content: Content,
    /// Its size in bytes.
    pub(super) size: usize,
    /// The state dicts in it, at least one.
    pub(super) dicts: Vec<StateDict>,
    /// Functions that it names and that are not executed.
    pub(super) inert: Vec<String>,
    /// What explains that no weights are found in it, in words: a whole pickled model, more dicts than are looked at.
    pub(super) beside: Vec<String>,
    /// Where the run stood, in a checkpoint of this program.
    pub(crate) own: Option<Own>,
}

/// What a checkpoint of this program says of the run that wrote it.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    /// Hash of the run.
    pub(crate) run_hash: String,
    /// Where it stood.
    pub(crate) position: Position,
    /// Positions that its kernels are stored for, see [`baselines::Model::kernel_length`], where that is known.
    pub(crate) kernel_length: Option<usize>,
}

/// Tensors by name, without their values.
#[derive(Debug, Clone, Default)]
pub(super) struct StateDict {
    /// Keys that lead to it; empty where it is the whole.
    pub(super) place: String,
    pub(super) shapes: Shapes,
    /// Types that weights are not read from, by the name of the tensor.
    pub(super) types: BTreeMap<String, String>,
    /// Types of whole numbers and truth values, which weights are read from and seldom are, by the name of the tensor.
    pub(super) whole: BTreeMap<String, String>,
    /// Entries that are no tensors that could be read, and the functions that make them.
    pub(super) opaque: BTreeMap<String, String>,
}

impl StateDict {
    /// Add a tensor of the type called `kind`.
    fn add(&mut self, name: &str, shape: &[usize], kind: &str, readable: bool) {
        self.shapes.insert(name.to_owned(), shape.to_vec());
        if !readable {
            self.types.insert(name.to_owned(), kind.to_owned());
        } else if kind == "bool" || kind.starts_with("int") || kind.starts_with("uint") {
            self.whole.insert(name.to_owned(), kind.to_owned());
        }
    }
}

/// Length of the kernels of the run that the checkpoint at `path` lies in, as its record says: files from before lengths
/// were written into them have no other witness.
fn recorded_length(path: &Path) -> Option<usize> {
    let record = run_folder::run_of(path).ok().flatten()?.1;
    let given = record.baseline.config[KERNEL_LENGTH].as_u64();
    let positions = record.task.shape.iter().skip(1).product();
    given.map_or(Some(positions), |given| usize::try_from(given).ok())
}

enum Content {
    Pytorch(Box<PytorchFile>),
    /// The bytes, and of every tensor type and place.
    Safetensors(Vec<u8>, HashMap<String, (Dtype, Range<usize>)>),
    Own(Weights),
}

impl File {
    /// Open the file at `path`.
    ///
    /// # Errors
    /// A file that cannot be read, or is no checkpoint.
    pub(crate) fn open(path: &Path) -> Result<Self, WeightsError> {
        let (kind, bytes) = kind::read(path)?;
        let size = bytes.len();
        let file = match kind {
            Kind::Pytorch => Self::pytorch(path, bytes),
            Kind::Safetensors => Self::safetensors(path, bytes),
        };
        Ok(Self { size, ..file? })
    }

    fn new(path: &Path, content: Content, dicts: Vec<StateDict>) -> Self {
        Self { path: path.to_owned(), content, size: 0, dicts, inert: Vec::new(), beside: Vec::new(), own: None }
    }

    fn pytorch(path: &Path, bytes: Vec<u8>) -> Result<Self, WeightsError> {
        let file = pytorch::open(bytes).map_err(|source| WeightsError::Pytorch { path: path.to_owned(), source })?;
        let readable = |kind: &str| Dtype::of_torch(kind).is_some_and(|dtype| dtype.is_readable());
        let dict = |dict: &pytorch::StateDict| {
            let mut made = StateDict { place: dict.place.clone(), opaque: dict.opaque.clone(), ..StateDict::default() };
            for (name, shape, kind) in dict.tensors() {
                made.add(name, shape, &kind, readable(&kind));
            }
            made
        };
        let dicts = file.dicts.iter().map(dict).collect();
        let inert = file.inert.clone();
        let module = file.module.as_deref().map(|class| format!("there is {}", pytorch::about_module(class)));
        let beside = module.into_iter().chain(file.strange.clone()).chain(file.unseen.clone()).collect();
        let content = Content::Pytorch(Box::new(file));
        Ok(Self { inert, beside, ..Self::new(path, content, dicts) })
    }

    fn safetensors(path: &Path, bytes: Vec<u8>) -> Result<Self, WeightsError> {
        let unusable = |source| WeightsError::Unusable { path: path.to_owned(), source };
        let (header, about) =
            SafeTensors::read_metadata(&bytes).map_err(|error| unusable(Unusable::Header(error.to_string())))?;
        let begin = 8 + header;
        let end = about.tensors().values().map(|tensor| tensor.data_offsets.1).max().unwrap_or(0);
        let wanted = begin.saturating_add(end);
        if wanted > bytes.len() {
            return Err(unusable(Unusable::CutOff { found: bytes.len(), wanted }));
        }
        if about.metadata().as_ref().is_some_and(checkpoint::is_ours) {
            return Self::of_ours(path, &bytes);
        }
        if wanted < bytes.len() {
            return Err(unusable(Unusable::Trailing(bytes.len() - wanted)));
        }
        let mut dict = StateDict::default();
        let mut places = HashMap::new();
        for (name, tensor) in about.tensors() {
            let (from, to) = tensor.data_offsets;
            let dtype = Dtype::of_safetensors(tensor.dtype);
            dict.add(&name, &tensor.shape, dtype.name, dtype.is_readable());
            places.insert(name, (dtype, begin + from..begin + to));
        }
        if dict.shapes.is_empty() {
            return Err(unusable(Unusable::NoTensor));
        }
        Ok(Self::new(path, Content::Safetensors(bytes, places), vec![dict]))
    }

    fn of_ours(path: &Path, bytes: &[u8]) -> Result<Self, WeightsError> {
        let loaded = checkpoint::parse(path, bytes).map_err(|error| match error {
            CheckpointError::Invalid { path, reason } => WeightsError::Unusable { path, source: Unusable::Own(reason) },
            CheckpointError::Io { path, source } => WeightsError::Io { path, source },
            other => WeightsError::Unusable { path: path.to_owned(), source: Unusable::Own(other.to_string()) },
        })?;
        let weights = loaded.named(OWN);
        let shapes = weights.iter().map(|(name, (shape, _))| (name.clone(), shape.clone())).collect();
        let kernel_length = loaded.kernel_length.or_else(|| recorded_length(path));
        let own = Own { run_hash: loaded.run_hash, position: loaded.position, kernel_length };
        let dict = StateDict { shapes, ..StateDict::default() };
        Ok(Self { own: Some(own), ..Self::new(path, Content::Own(weights), vec![dict]) })
    }

    /// Let what is compressed unpack to `bytes` more.
    pub(super) fn allow(&mut self, bytes: u64) {
        if let Content::Pytorch(file) = &mut self.content {
            file.allow(bytes);
        }
    }

    /// The numbers of the tensor `name` of the state dict at `index`, row-major.
    ///
    /// # Errors
    /// A damaged file, or a type that weights are not read from.
    pub(super) fn values(&mut self, index: usize, name: &str) -> Result<Vec<f64>, WeightsError> {
        let path = &self.path;
        let tensor = |source| match source {
            PytorchError::Type(kind) => WeightsError::Type { path: path.clone(), tensor: name.to_owned(), kind },
            source => WeightsError::Pytorch { path: path.clone(), source },
        };
        let found = match &mut self.content {
            Content::Pytorch(file) => file.values(index, name).map_err(tensor)?,
            Content::Safetensors(bytes, places) => match places.get(name) {
                Some((dtype, place)) => {
                    let numbers = dtype.decode(&bytes[place.clone()]);
                    Some(numbers.ok_or_else(|| tensor(PytorchError::Type(dtype.name.to_owned())))?)
                }
                None => None,
            },
            Content::Own(weights) => {
                weights.get(name).map(|(_, values)| values.iter().map(|&value| value.into()).collect())
            }
        };
        let missing =
            || WeightsError::Unusable { path: path.clone(), source: Unusable::MissingTensor(name.to_owned()) };
        found.ok_or_else(missing)
    }
}

/// SHA-256 (hex) of the file at `path`; `None` where it cannot be read, or is a pipe or a device, which may have no end.
pub(crate) fn digest(path: &Path) -> Option<String> {
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut hasher = Sha256::new();
    std::io::copy(&mut std::fs::File::open(path).ok()?, &mut hasher).ok()?;
    Some(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
