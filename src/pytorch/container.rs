//! Where the pickle and the storages of a PyTorch file lie.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::PytorchError;
use super::pickle::{self, Pickled, Storage, TensorView, Value};

/// Name of the pickle in an archive, below its folder.
const PICKLE: &str = "data.pkl";
/// First number of a stream of pickles.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
/// The one version of the stream.
const STREAM_VERSION: i128 = 1001;

/// An open file.
pub(super) struct Container<'a> {
    object: Pickled,
    place: Place<'a>,
    /// Storages that were read, as numbers.
    read: HashMap<String, Vec<f64>>,
}

enum Place<'a> {
    /// A zip archive and its folder.
    Archive(Box<ZipArchive<Cursor<&'a [u8]>>>, String),
    /// Storages by key, where they begin: a count of numbers, then the numbers.
    Stream(HashMap<String, &'a [u8]>),
}

impl<'a> Container<'a> {
    /// Find and run the pickle in `bytes`.
    ///
    /// # Errors
    /// Another format, or a pickle that is refused.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, PytorchError> {
        if bytes.starts_with(b"PK") { Self::archive(bytes) } else { Self::stream(bytes) }
    }

    fn archive(bytes: &'a [u8]) -> Result<Self, PytorchError> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
        let folder = archive
            .file_names()
            .find_map(|name| name.strip_suffix(PICKLE).filter(|folder| folder.ends_with('/')))
            .map(str::to_owned);
        let folder = folder.ok_or_else(|| PytorchError::Damaged(format!("there is no `{PICKLE}` in the archive")))?;
        if archive.file_names().any(|name| name == format!("{folder}byteorder"))
            && entry(&mut archive, &format!("{folder}byteorder"))? != b"little"
        {
            return Err(PytorchError::NoStateDict("its numbers are big-endian".into()));
        }
        let object = pickle::run(&entry(&mut archive, &format!("{folder}{PICKLE}"))?)?;
        Ok(Self { object, place: Place::Archive(Box::new(archive), folder), read: HashMap::new() })
    }

    fn stream(bytes: &'a [u8]) -> Result<Self, PytorchError> {
        let mut at = 0;
        let mut next = || -> Result<Pickled, PytorchError> {
            let made = pickle::run(&bytes[at..])?;
            at += made.bytes;
            Ok(made)
        };
        let (magic, version) = (next()?, next()?);
        if magic.root() != &Value::Int(MAGIC) || version.root() != &Value::Int(STREAM_VERSION) {
            return Err(PytorchError::Damaged("it does not begin as `torch.save` begins".into()));
        }
        let system = next()?;
        if let Value::Dict(about) = system.root()
            && system.entry(about, "little_endian") == Some(&Value::Bool(false))
        {
            return Err(PytorchError::NoStateDict("its numbers are big-endian".into()));
        }
        let (object, keys) = (next()?, next()?);
        let Value::List(ids) = keys.root() else {
            return Err(PytorchError::Damaged("the list of its storages is missing".into()));
        };
        let types = types(&object);
        let mut storages = HashMap::new();
        for &id in ids {
            let Value::Text(key) = keys.at(id) else {
                return Err(PytorchError::Damaged("a storage has no name".into()));
            };
            let size = types.get(key.as_str()).map(|storage| storage.dtype.size());
            let size = size.ok_or_else(|| PytorchError::Damaged(format!("storage `{key}` belongs to no tensor")))?;
            let rest = &bytes[at..];
            let count = rest.first_chunk::<8>().map(|&count| u64::from_le_bytes(count));
            let length = count
                .and_then(|count| usize::try_from(count).ok())
                .and_then(|count| count.checked_mul(size))
                .filter(|&length| length <= rest.len() - 8);
            let length = length.ok_or_else(|| PytorchError::Damaged(format!("storage `{key}` is cut off")))?;
            storages.insert(key.clone(), &rest[8..8 + length]);
            at += 8 + length;
        }
        Ok(Self { object, place: Place::Stream(storages), read: HashMap::new() })
    }

    /// What was pickled.
    pub(super) fn object(&self) -> &Pickled {
        &self.object
    }

    /// The numbers that `view` shows, row-major.
    ///
    /// # Errors
    /// A view beyond its storage, or a storage that is missing or shorter than it says.
    pub(super) fn values(&mut self, view: &TensorView) -> Result<Vec<f32>, PytorchError> {
        let storage = &view.storage;
        if !self.read.contains_key(&storage.key) {
            let numbers = self.numbers(storage)?;
            self.read.insert(storage.key.clone(), numbers);
        }
        let numbers = self.read.get(&storage.key).map(Vec::as_slice).unwrap_or_default();
        if view.shape.contains(&0) {
            return Ok(Vec::new());
        }
        let last = view.shape.iter().zip(&view.strides).try_fold(view.offset, |last, (&size, &stride)| {
            (size - 1).checked_mul(stride).and_then(|reach| last.checked_add(reach))
        });
        if last.is_none_or(|last| last >= numbers.len()) {
            return Err(PytorchError::Damaged(format!("a tensor reaches beyond storage `{}`", storage.key)));
        }
        let mut places = vec![view.offset];
        for (&size, &stride) in view.shape.iter().zip(&view.strides) {
            places = places.iter().flat_map(|&place| (0..size).map(move |i| place + i * stride)).collect();
        }
        Ok(places.into_iter().map(|place| numbers[place] as f32).collect())
    }

    fn numbers(&mut self, storage: &Storage) -> Result<Vec<f64>, PytorchError> {
        let missing = || PytorchError::Damaged(format!("storage `{}` is missing", storage.key));
        let owned;
        let data: &[u8] = match &mut self.place {
            Place::Archive(archive, folder) => {
                owned = entry(archive, &format!("{folder}data/{}", storage.key))?;
                &owned
            }
            Place::Stream(storages) => storages.get(&storage.key).ok_or_else(missing)?,
        };
        let numbers = storage.dtype.decode(data);
        if numbers.len() < storage.elements {
            let message = format!("storage `{}` has {} of {} numbers", storage.key, numbers.len(), storage.elements);
            return Err(PytorchError::Damaged(message));
        }
        Ok(numbers)
    }
}

/// Storages of the tensors of `object`, by key.
fn types(object: &Pickled) -> HashMap<&str, &Storage> {
    object.storages().map(|storage| (storage.key.as_str(), storage)).collect()
}

/// The bytes of a file in the archive, which is stored as it is and so no larger than the archive.
fn entry(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>, PytorchError> {
    let file = archive.by_name(name).map_err(|error| PytorchError::Damaged(format!("`{name}`: {error}")))?;
    let size = file.size();
    let mut bytes = Vec::new();
    file.take(size.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| PytorchError::Damaged(format!("`{name}`: {error}")))?;
    if bytes.len() as u64 == size {
        Ok(bytes)
    } else {
        Err(PytorchError::Damaged(format!("`{name}` has {} of {size} bytes", bytes.len())))
    }
}

fn damaged(error: zip::result::ZipError) -> PytorchError {
    PytorchError::Damaged(error.to_string())
}
