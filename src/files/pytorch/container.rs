//! Where the pickle and the storages of a PyTorch file lie.

use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::rc::Rc;

use zip::{CompressionMethod, ZipArchive};

use super::error::{Instead, PytorchError};
use super::pickle::{self, Elements, PickleValue, Pickled, Storage, TensorView};

/// Name of the pickle in an archive, below its folder.
const PICKLE: &str = "data.pkl";
/// First number of a stream of pickles.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
/// The one version of the stream.
const STREAM_VERSION: i128 = 1001;
/// What the compressed entries may unpack to, whatever else is allowed. PyTorch compresses nothing; tools that pack again do.
const UNPACKED: u64 = 64 << 20;

/// An open file.
pub(super) struct Container {
    /// What was pickled.
    pub(super) object: Pickled,
    place: Place,
    /// Storages that were read.
    read: HashMap<Rc<str>, Rc<[u8]>>,
    budget: Budget,
}

/// Bytes that entries of an archive may still give.
struct Budget {
    /// Those that are stored as they are. Every one is read once, so that all together cannot have more than the file.
    stored: u64,
    /// Those that are compressed.
    packed: u64,
}

enum Place {
    /// A zip archive and its folder.
    Archive(Box<ZipArchive<Cursor<Rc<[u8]>>>>, String),
    /// Storages by key, where they lie in the file.
    Stream(HashMap<Rc<str>, std::ops::Range<usize>>, Rc<[u8]>),
}

impl Container {
    /// Find and run the pickle in `bytes`.
    ///
    /// # Errors
    /// Another format, or bytes that are damaged.
    pub(super) fn open(bytes: Rc<[u8]>) -> Result<Self, PytorchError> {
        if bytes.starts_with(b"PK") { Self::archive(bytes) } else { Self::stream(bytes) }
    }

    fn archive(bytes: Rc<[u8]>) -> Result<Self, PytorchError> {
        let mut budget = Budget { stored: bytes.len() as u64, packed: UNPACKED };
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
            PytorchError::Damaged(format!(
                "it begins as an archive of `torch.save`, but its end is missing or damaged ({error})"
            ))
        })?;
        let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
        let folder = names.iter().find_map(|name| name.strip_suffix(PICKLE).filter(|folder| folder.ends_with('/')));
        let folder = folder.ok_or_else(|| no_pickle(&names))?.to_owned();
        let within = |name: &str| names.iter().any(|found| found.strip_prefix(&folder) == Some(name));
        if within("constants.pkl") || names.iter().any(|name| name.starts_with(&format!("{folder}code/"))) {
            return Err(PytorchError::NoStateDict(Instead::TorchScript));
        }
        if within("byteorder") && entry(&mut archive, &format!("{folder}byteorder"), &mut budget)? != b"little" {
            return Err(PytorchError::NoStateDict(Instead::BigEndian));
        }
        let pickle = entry(&mut archive, &format!("{folder}{PICKLE}"), &mut budget)?;
        let object = pickle::run(&pickle)?;
        Ok(Self { object, place: Place::Archive(Box::new(archive), folder), read: HashMap::new(), budget })
    }

    fn stream(bytes: Rc<[u8]>) -> Result<Self, PytorchError> {
        let mut at = 0;
        let mut next = || -> Result<Pickled, PytorchError> {
            let made = pickle::run(&bytes[at..])?;
            at += made.bytes;
            Ok(made)
        };
        let magic = next()?;
        if let PickleValue::Object(object) = magic.root() {
            return Err(PytorchError::Refused { global: object.class.to_string() });
        }
        if magic.root() != &PickleValue::Int(MAGIC) {
            return Err(PytorchError::NoStateDict(Instead::OtherPickle));
        }
        if next()?.root() != &PickleValue::Int(STREAM_VERSION) {
            return Err(PytorchError::Damaged("it does not begin as `torch.save` begins".into()));
        }
        let system = next()?;
        if let PickleValue::Dict(about) = system.root()
            && system.entry(about, "little_endian") == Some(&PickleValue::Bool(false))
        {
            return Err(PytorchError::NoStateDict(Instead::BigEndian));
        }
        let (object, keys) = (next()?, next()?);
        let PickleValue::List(ids) = keys.root() else {
            return Err(PytorchError::Damaged("the list of its storages is missing".into()));
        };
        let types: HashMap<_, _> = object.storages().map(|storage| (&storage.key, storage)).collect();
        let mut storages = HashMap::new();
        for &id in ids {
            let PickleValue::Text(key) = keys.at(id) else {
                return Err(PytorchError::Damaged("a storage has no name".into()));
            };
            let size = match types.get(key).map(|storage| &storage.elements) {
                Some(Elements::Known(dtype)) => dtype.size,
                Some(Elements::Untyped) => 1,
                Some(Elements::Unknown(class)) => {
                    let storage = Instead::UnknownStorage { key: key.to_string(), class: class.to_string() };
                    return Err(PytorchError::NoStateDict(storage));
                }
                None => return Err(PytorchError::Damaged(format!("storage `{key}` belongs to no tensor"))),
            };
            let rest = &bytes[at..];
            let count = rest.first_chunk::<8>().map(|&count| u64::from_le_bytes(count));
            let length = count
                .and_then(|count| usize::try_from(count).ok())
                .and_then(|count| count.checked_mul(size))
                .filter(|&length| length <= rest.len() - 8);
            let length = length.ok_or_else(|| PytorchError::Damaged(format!("storage `{key}` is cut off")))?;
            storages.insert(key.clone(), at + 8..at + 8 + length);
            at += 8 + length;
        }
        let budget = Budget { stored: bytes.len() as u64, packed: 0 };
        Ok(Self { object, place: Place::Stream(storages, bytes), read: HashMap::new(), budget })
    }

    /// Let compressed storages unpack to `bytes` more.
    pub(super) fn allow(&mut self, bytes: u64) {
        self.budget.packed = self.budget.packed.saturating_add(bytes);
    }

    /// The numbers that `view` shows, row-major.
    ///
    /// # Errors
    /// A type that weights are not read from, a view beyond its storage, or a storage that is missing, too large, or
    /// shorter than it says.
    pub(super) fn values(&mut self, view: &TensorView) -> Result<Vec<f64>, PytorchError> {
        let storage = &view.storage;
        let dtype = match &view.elements {
            Elements::Known(dtype) if dtype.is_readable() => dtype,
            _ => return Err(PytorchError::Type(view.type_name())),
        };
        let per = dtype.size;
        let beyond = || PytorchError::Damaged(format!("a tensor reaches beyond storage `{}`", storage.key));
        if view.shape.contains(&0) {
            return Ok(Vec::new());
        }
        let last = view.shape.iter().zip(&view.strides).try_fold(view.offset, |last, (&size, &stride)| {
            (size - 1).checked_mul(stride).and_then(|reach| last.checked_add(reach))
        });
        let last = last.and_then(|last| last.checked_add(storage.base)).ok_or_else(beyond)?;
        let data = self.bytes(storage)?;
        if last >= data.len() / per {
            return Err(beyond());
        }
        let mut places = vec![storage.base + view.offset];
        for (&size, &stride) in view.shape.iter().zip(&view.strides) {
            places = places.iter().flat_map(|&place| (0..size).map(move |i| place + i * stride)).collect();
        }
        let gathered: Vec<u8> =
            places.iter().flat_map(|place| &data[place * per..(place + 1) * per]).copied().collect();
        dtype.decode(&gathered).ok_or_else(|| PytorchError::Type(view.type_name()))
    }

    /// The bytes of a storage.
    fn bytes(&mut self, storage: &Storage) -> Result<Rc<[u8]>, PytorchError> {
        if let Some(read) = self.read.get(&storage.key) {
            return Ok(read.clone());
        }
        let data: Rc<[u8]> = match &mut self.place {
            Place::Archive(archive, folder) => {
                let name = format!("{folder}data/{}", storage.key);
                entry(archive, &name, &mut self.budget)?.into()
            }
            Place::Stream(storages, bytes) => {
                let range = storages.get(&storage.key).cloned();
                let missing = || PytorchError::Damaged(format!("storage `{}` is missing", storage.key));
                bytes[range.ok_or_else(missing)?].into()
            }
        };
        let per = match &storage.elements {
            Elements::Known(dtype) => dtype.size.max(1),
            Elements::Untyped | Elements::Unknown(_) => 1,
        };
        if data.len() / per < storage.count {
            let message = format!("storage `{}` has {} of {} numbers", storage.key, data.len() / per, storage.count);
            return Err(PytorchError::Damaged(message));
        }
        self.read.insert(storage.key.clone(), data.clone());
        Ok(data)
    }
}

/// What an archive without a pickle of `torch.save` is, by the names of its files.
fn no_pickle(names: &[String]) -> PytorchError {
    let any = |suffixes: &[&str]| names.iter().any(|name| suffixes.iter().any(|suffix| name.ends_with(suffix)));
    let what = if any(&[".npy"]) {
        Instead::NumpyArchive
    } else if any(&["model.weights.h5"]) {
        Instead::Keras
    } else if any(&[".pt", ".pth", ".bin", ".ckpt", ".safetensors", "/data.pkl.gz"]) {
        Instead::Packed
    } else {
        Instead::Zip
    };
    PytorchError::NoStateDict(what)
}

/// The bytes of a file in the archive, within `budget`.
fn entry(archive: &mut ZipArchive<Cursor<Rc<[u8]>>>, name: &str, budget: &mut Budget) -> Result<Vec<u8>, PytorchError> {
    let damaged = |what: String| PytorchError::Damaged(format!("`{name}`: {what}"));
    let file = archive.by_name(name).map_err(|error| damaged(error.to_string()))?;
    let size = file.size();
    let left = if file.compression() == CompressionMethod::Stored { &mut budget.stored } else { &mut budget.packed };
    *left = left.checked_sub(size).ok_or_else(|| {
        PytorchError::TooLarge(format!(
            "`{name}` unpacks to {size} bytes, far more than the file or the network has; save it again with `torch.save`"
        ))
    })?;
    let mut bytes = Vec::new();
    file.take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| damaged(error.to_string()))?;
    if bytes.len() as u64 == size { Ok(bytes) } else { Err(damaged(format!("has {} of {size} bytes", bytes.len()))) }
}
