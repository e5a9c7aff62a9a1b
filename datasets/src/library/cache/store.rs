//! Reading the samples of a set by position.
//!
//! Sets of up to [`IN_MEMORY_BYTES`] are loaded and checked as a whole; larger ones are read by position, and every record is
//! checked by its own CRC. Who reads a set holds a shared lock on its file, so that nobody cleans it away.

#[cfg(not(unix))]
use std::io::{Seek, SeekFrom};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use sha2::Digest;

use crate::library::cache::file::{check_length, crc_holds, damaged, read_header};
use crate::library::cache::key::{CRC_BYTES, CacheKey};
use crate::library::error::DataError;
use vocabulary::Split;

/// Sets up to this size are held in memory.
pub const IN_MEMORY_BYTES: u64 = 512 << 20;

/// The samples of a set, read by position from any thread.
#[derive(Debug)]
pub struct SampleStore {
    key: CacheKey,
    content_hash: String,
    path: PathBuf,
    pub(crate) start: u64,
    pub(crate) source: StoreSource,
}

/// Where the records are.
#[derive(Debug)]
pub(crate) enum StoreSource {
    /// The records, and the file, for its lock alone.
    Memory(Vec<u8>, #[allow(dead_code)] File),
    #[cfg(unix)]
    File(File),
    #[cfg(not(unix))]
    File(std::sync::Mutex<File>),
}

impl SampleStore {
    /// Samples in `split`.
    pub fn len(&self, split: Split) -> usize {
        self.key.sizes.get(split)
    }

    /// Whether there is no sample at all.
    pub fn is_empty(&self) -> bool {
        self.key.total() == 0
    }

    /// SHA-256 (hex) over sizes, inputs and labels in the order of the splits.
    pub fn content_hash(&self) -> &str {
        &self.content_hash
    }

    /// The file the samples lie in.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Calls `visit(slot, input, label)` for every one of `positions` of `split`, in that order; `slot` counts from 0.
    ///
    /// # Errors
    /// A position outside the split; a file that has become unreadable or damaged.
    pub fn visit(
        &self,
        split: Split,
        positions: &[usize],
        mut visit: impl FnMut(usize, &[u8], &[u8]),
    ) -> Result<(), DataError> {
        let len = self.len(split);
        let first = match split {
            Split::Train => 0,
            Split::Validation => self.key.sizes.train,
            Split::Test => self.key.sizes.train + self.key.sizes.validation,
        };
        let stride = self.key.record_bytes();
        let mut buffer = Vec::new();
        for (slot, &position) in positions.iter().enumerate() {
            if position >= len {
                return Err(DataError::Position { what: self.key.name.clone(), split: split.name(), position, len });
            }
            let offset = (first + position) * stride;
            let record = match &self.source {
                StoreSource::Memory(payload, _) => &payload[offset..offset + stride],
                StoreSource::File(file) => {
                    buffer.resize(stride, 0);
                    read_at(file, &mut buffer, self.start + offset as u64)
                        .map_err(DataError::io("read", &self.path))?;
                    if !crc_holds(&buffer) {
                        return Err(damaged(&self.path, first + position));
                    }
                    &buffer[..]
                }
            };
            let (input, rest) = record.split_at(self.key.input_bytes);
            visit(slot, input, &rest[..self.key.label_bytes]);
        }
        Ok(())
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_at(file: &std::sync::Mutex<File>, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

/// What became of opening a file.
pub(crate) enum Opened {
    /// It is the set that was wanted.
    Sound(Box<SampleStore>),
    /// Something is wrong with it.
    Damaged(String),
    /// There is no file.
    Absent(String),
}

/// The set of `key` in the file at `path`, unless it is not there or, with a warning, damaged.
pub(crate) fn open_or_warn(path: &Path, key: &CacheKey) -> Result<Option<SampleStore>, DataError> {
    match open(path, key)? {
        Opened::Sound(store) => Ok(Some(*store)),
        Opened::Absent(_) => Ok(None),
        Opened::Damaged(why) => {
            tracing::warn!("{}: {why}; making it again", path.display());
            Ok(None)
        }
    }
}

/// Opens the file at `path`; a set that is held in memory is checked as a whole.
pub(crate) fn open(path: &Path, key: &CacheKey) -> Result<Opened, DataError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Opened::Absent("the file is missing".to_owned()));
        }
        Err(error) => return Err(DataError::io("read", path)(error)),
    };
    // Not every file system has locks; without one the set is read all the same.
    let _ = file.try_lock_shared();
    let (header, start) = match read_header(&mut file) {
        Ok(found) => found,
        Err(why) => return Ok(Opened::Damaged(why)),
    };
    if header.key != *key {
        return Ok(Opened::Damaged("it belongs to other settings".to_owned()));
    }
    if let Err(why) = check_length(&file, &header.key, start) {
        return Ok(Opened::Damaged(why));
    }
    let source = if key.payload_bytes() <= IN_MEMORY_BYTES {
        let mut payload = Vec::with_capacity(key.payload_bytes() as usize);
        file.read_to_end(&mut payload).map_err(DataError::io("read", path))?;
        if payload.len() as u64 != key.payload_bytes() {
            return Ok(Opened::Damaged(format!("it ends after {} of {} bytes", payload.len(), key.payload_bytes())));
        }
        let stride = key.record_bytes();
        let mut hasher = key.hasher();
        for record in payload.chunks_exact(stride) {
            hasher.update(&record[..stride - CRC_BYTES]);
        }
        let found = format!("{:x}", hasher.finalize());
        if found != header.content_sha256 {
            return Ok(Opened::Damaged(format!("expected SHA-256 {}, found {found}", header.content_sha256)));
        }
        StoreSource::Memory(payload, file)
    } else {
        #[cfg(unix)]
        let source = StoreSource::File(file);
        #[cfg(not(unix))]
        let source = StoreSource::File(std::sync::Mutex::new(file));
        source
    };
    Ok(Opened::Sound(Box::new(SampleStore {
        key: header.key,
        content_hash: header.content_sha256,
        path: path.to_path_buf(),
        start,
        source,
    })))
}
